"""Whether tagging that is killed and resumed gives the same file as a single run; its speed and its memory.

    python benchmarks/interrupted.py BUNDLE PHOTOS... [--photos N] [--kills N] [--ending csv|jsonl|parquet] [--seed N]
                                                      [--memory N,N,...]

PHOTOS are files, folders and globs. They are repeated until there are --photos, and one in 500 is not a photo. One run
is left alone; another is killed (SIGKILL) at --kills random moments and started again each time. Both files must hold
the same rows. --memory prints the peak of a run over each of these numbers of photos, listed on standard input."""
import argparse, itertools, os, random, subprocess, sys, tempfile, time
from pathlib import Path

import pandas as pd

from fashion_tagger.bulk import find_photos

from machine import processor

COMMAND = [sys.executable, '-c', 'from fashion_tagger.cli import main; main()', 'tag']
READERS = dict(csv=pd.read_csv, jsonl=lambda f: pd.read_json(f, lines=True, dtype=False), parquet=pd.read_parquet)


def start_tagging(bundle, paths, out):
    command = [*COMMAND, bundle, '-', '--out', out, '--quiet']
    return subprocess.Popen(command, stdin=open(paths), stderr=subprocess.PIPE, text=True)


def rows_done(out):
    "The number of complete rows in the file of an unfinished run"
    try: return max(0, Path(f'{out}.unfinished').read_bytes().count(b'\n') - 1)
    except FileNotFoundError: return 0


def run_once(bundle, paths, out):
    "Seconds and peak MB of one run that is left alone"
    start = time.perf_counter()
    child = start_tagging(bundle, paths, out)
    err = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status: sys.exit(f'ended with {os.waitstatus_to_exitcode(status)}: {err}')
    return time.perf_counter() - start, usage.ru_maxrss/1024


def run_killed(bundle, paths, out, moments):
    "Start a run and kill it as soon as so many rows are done, for each of the moments; then let it finish"
    for moment in moments:
        child = start_tagging(bundle, paths, out)
        begun = rows_done(out)
        while child.poll() is None and rows_done(out) < moment: time.sleep(random.random()*0.05)
        child.kill()
        child.wait()
        print(f'killed: {begun:,} rows when it began, {rows_done(out):,} when it ended', flush=True)
    subprocess.run([*COMMAND, bundle, '-', '--out', out], stdin=open(paths), check=True)


def write_list(path, photos, n, broken):
    with open(path, 'w', errors='surrogateescape') as f:
        for i, photo in enumerate(itertools.islice(itertools.cycle(photos), n)):
            path = broken if i % 500 == 250 else os.path.abspath(photo)
            f.write(f'{path}\n')


def compare(args, photos, folder):
    "Tag once without a kill and once with, and compare the files row by row"
    broken, paths = folder/'broken.jpg', folder/'paths.txt'
    whole, parts = folder/f'whole.{args.ending}', folder/f'parts.{args.ending}'
    write_list(paths, photos, args.photos, broken)
    seconds, peak = run_once(args.bundle, paths, whole)
    print(f'{args.photos:,} photos in one run: {seconds:.1f} s, peak {peak:.0f} MB', flush=True)
    run_killed(args.bundle, paths, parts, sorted(random.randrange(args.photos) for _ in range(args.kills)))
    read = READERS[args.ending]
    a, b = read(whole), read(parts)
    pd.testing.assert_series_equal(a['image'], b['image'])
    differ = ~((a == b) | (a.isna() & b.isna())).all(axis=1)
    print(f'{len(b):,} rows in the order of the list; {differ.sum():,} differ from those of the single run', flush=True)
    if differ.any(): sys.exit(pd.concat([a[differ], b[differ]]).sort_index().to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('bundle')
    parser.add_argument('sources', nargs='+')
    parser.add_argument('--photos', type=int, default=5000)
    parser.add_argument('--kills', type=int, default=6)
    parser.add_argument('--ending', choices=READERS, default='csv')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--memory', default='')
    args = parser.parse_args()
    print(processor(), flush=True)
    random.seed(args.seed)
    photos = list(find_photos(args.sources))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder/'broken.jpg').write_bytes(b'no photo')
        if args.kills: compare(args, photos, folder)
        for n in map(int, filter(None, args.memory.split(','))):
            write_list(folder/'paths.txt', photos, n, folder/'broken.jpg')
            seconds, peak = run_once(args.bundle, folder/'paths.txt', folder/f'memory{n}.csv')
            print(f'{n:,} photos: {seconds:.1f} s, peak {peak:.0f} MB', flush=True)


if __name__ == '__main__': main()
