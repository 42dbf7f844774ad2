"""Seconds of `fashion-tagger train` alone and beside other work, with threads that wait and with threads that spin.

    python benchmarks/company.py DATA [--attributes A,B,C] [--company NAME,NAME] [--repeat N]
                                      [--json FILE]

DATA is a folder with styles.csv (columns id, split and the attributes) and images/, or the word `drawn` for a drawn
wardrobe. Every run is a process of its own with an empty cache.

alone        nothing else runs
a loop       beside one endless Python loop
a train      beside another `train` that is started again whenever it ends
two at once  two that start together, the seconds of the slower one

Threads that spin are those of OpenMP as it comes (GOMP_SPINCOUNT=300000); ours hardly do, because the package sets
OMP_WAIT_POLICY=PASSIVE and GOMP_SPINCOUNT=5000 where nobody has set them. Run it on an otherwise idle machine."""
import argparse, json, os, subprocess, sys, tempfile, threading, time
from contextlib import contextmanager
from pathlib import Path

from machine import processor

COMMAND = 'from fashion_tagger.cli import main; main()'
POLICIES = {'waiting': {}, 'spinning': dict(GOMP_SPINCOUNT='300000')}


def wardrobe(data, attributes, folder):
    "Arguments of `train` that name the table"
    if data != 'drawn': return [f'{data}/styles.csv', '--images', f'{data}/images', '--attributes', attributes]
    from fashion_tagger.samples import sample_wardrobe
    table = sample_wardrobe(folder/'photos', n=2000, seed=0).table
    table[['image', 'type', 'colour', 'pattern', 'split']].to_csv(folder/'table.csv', index=False)
    return [folder/'table.csv', '--attributes', 'type,colour,pattern']


def start(table, env, folder):
    "A `train` with an empty cache of its own"
    place = tempfile.mkdtemp(dir=folder)
    unset = {k: v for k, v in os.environ.items() if k not in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')}
    return subprocess.Popen([sys.executable, '-c', COMMAND, 'train', *map(str, table), '--out', f'{place}/bundle'],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env=unset | env | dict(FASHION_TAGGER_CACHE=f'{place}/cache'))


def wait(process):
    _, errors = process.communicate()
    if process.returncode: raise SystemExit(f'train ended with status {process.returncode}\n{errors[-2000:]}')


@contextmanager
def busy_loop(*_):
    loop = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try: yield
    finally:
        loop.kill()
        loop.wait()


@contextmanager
def other_train(table, env, folder):
    over, current = threading.Event(), []
    def again():
        while not over.is_set():
            current[:] = [start(table, env, folder)]
            current[0].communicate()
    thread = threading.Thread(target=again)
    thread.start()
    try: yield
    finally:
        over.set()
        current[0].kill()
        thread.join()


@contextmanager
def nothing(*_): yield


COMPANY = {'alone': (nothing, 1), 'a loop': (busy_loop, 1), 'a train': (other_train, 1), 'two at once': (nothing, 2)}


def measure(beside, n, table, env, folder):
    "Seconds until the last of `n` that start together has ended"
    with beside(table, env, folder):
        begin = time.perf_counter()
        for process in [start(table, env, folder) for _ in range(n)]: wait(process)
        return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--company', default=','.join(COMPANY), help='which of them')
    parser.add_argument('--repeat', type=int, default=1)
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        table = wardrobe(args.data, args.attributes, Path(folder))
        for policy, env in POLICIES.items():
            alone = None
            for name in args.company.split(','):
                beside, n = COMPANY[name]
                seconds = sorted(measure(beside, n, table, env, folder) for _ in range(args.repeat))[args.repeat//2]
                alone = alone or seconds
                times = round(seconds/alone, 2)
                found.append(dict(threads=policy, beside=name, seconds=round(seconds, 1), times=times))
                print(f'{policy:10} {name:12} {seconds:7.1f} s  {seconds/alone:5.2f} times its time alone', flush=True)
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__': main()
