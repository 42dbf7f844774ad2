"""Whether runs that are killed give the file that a single run gives, how fast tagging is, and how much memory it takes.

    python benchmarks/interrupted.py BUNDLE PHOTOS... [--photos N] [--kills N] [--ending csv|jsonl|parquet] [--seed N] [--memory N,N,...]

PHOTOS are files, folders and globs; they are repeated up to --photos, and one in 500 is a file that is no photo. First one run goes through, then
another is killed (SIGKILL) at --kills random moments and started again each time. The files must hold the same rows. With --memory, the peak of one
run for each of these numbers of photos, given on standard input."""
import argparse, itertools, os, random, subprocess, sys, tempfile, time
from pathlib import Path

import pandas as pd

from fashion_tagger.bulk import find_photos

COMMAND = [sys.executable, '-c', 'from fashion_tagger.cli import main; main()', 'tag']
READERS = dict(csv=pd.read_csv, jsonl=lambda f: pd.read_json(f, lines=True, dtype=False), parquet=pd.read_parquet)


def rows_done(out):
    "Whole rows in the file of an unfinished run"
    try: return max(0, Path(f'{out}.unfinished').read_bytes().count(b'\n') - 1)
    except FileNotFoundError: return 0


def through(bundle, paths, out):
    "One run without a kill: seconds and peak MB"
    start = time.perf_counter()
    child = subprocess.Popen([*COMMAND, bundle, '-', '--out', out, '--quiet'], stdin=open(paths), stderr=subprocess.PIPE, text=True)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status: sys.exit(f'ended with {os.waitstatus_to_exitcode(status)}: {said}')
    return time.perf_counter() - start, usage.ru_maxrss/1024


def killed(bundle, paths, out, moments):
    "Start, and kill when so many rows are done; then let it end"
    for moment in moments:
        child = subprocess.Popen([*COMMAND, bundle, '-', '--out', out, '--quiet'], stdin=open(paths), stderr=subprocess.PIPE, text=True)
        begun = rows_done(out)
        while child.poll() is None and rows_done(out) < moment: time.sleep(random.random()*0.05)
        child.kill()
        child.wait()
        print(f'killed: {begun:,} rows when it began, {rows_done(out):,} when it ended', flush=True)
    subprocess.run([*COMMAND, bundle, '-', '--out', out], stdin=open(paths), check=True)


def write_list(path, photos, n, broken):
    with open(path, 'w', errors='surrogateescape') as f:
        for i, p in enumerate(itertools.islice(itertools.cycle(photos), n)): f.write(f'{broken if i % 500 == 250 else os.path.abspath(p)}\n')


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
    random.seed(args.seed)
    photos = list(find_photos(args.sources))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        broken, paths = folder/'broken.jpg', folder/'paths.txt'
        broken.write_bytes(b'no photo')
        if args.kills:
            write_list(paths, photos, args.photos, broken)
            seconds, peak = through(args.bundle, paths, folder/f'whole.{args.ending}')
            print(f'{args.photos:,} photos in one run: {seconds:.1f} s, peak {peak:.0f} MB', flush=True)
            killed(args.bundle, paths, folder/f'parts.{args.ending}', sorted(random.randrange(args.photos) for _ in range(args.kills)))
            a, b = (READERS[args.ending](folder/f'{name}.{args.ending}') for name in ('whole', 'parts'))
            pd.testing.assert_series_equal(a['image'], b['image'])
            differ = ~((a == b) | (a.isna() & b.isna())).all(axis=1)
            print(f'{len(b):,} rows in the order of the list; {differ.sum():,} differ from those of the single run', flush=True)
            if differ.any(): sys.exit(pd.concat([a[differ], b[differ]]).sort_index().to_string())
        for n in (int(n) for n in args.memory.split(',') if n):
            write_list(paths, photos, n, broken)
            seconds, peak = through(args.bundle, paths, folder/f'memory{n}.csv')
            print(f'{n:,} photos: {seconds:.1f} s, peak {peak:.0f} MB', flush=True)


if __name__ == '__main__': main()
