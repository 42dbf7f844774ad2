"""Seconds of `fashion-tagger train`, `tag` or `audit` alone and beside other work.

    python benchmarks/company.py DATA [--what train|tag|audit] [--attributes A,B,C] [--photos N] [--threads N,N]
                                      [--only WORD] [--company NAME,NAME] [--repeat N] [--json FILE]

DATA is a folder with styles.csv (columns id, split and the attributes) and images/, or the word `drawn` for a drawn
wardrobe of N photos. Every run is a process of its own, from its start to its end.

train   with an empty cache, with threads that wait and with threads that spin
tag     with each engine that is installed, and a bundle that is trained first; with --threads once for each number
        of threads, of the engine and of decoding
audit   opens every photo, in as many threads as there are processors

alone        nothing else runs
a loop       beside one endless Python loop
another      beside another of its kind that is started again whenever it ends
two at once  two that start together, the seconds of the slower one

Threads that spin are those of OpenMP as it comes (GOMP_SPINCOUNT=300000); ours hardly do, because the package sets
OMP_WAIT_POLICY=PASSIVE and GOMP_SPINCOUNT=5000 where nobody has set them. Run it on an otherwise idle machine."""
import argparse, json, os, subprocess, sys, tempfile, threading, time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from machine import engines, processor

COMMAND = 'from fashion_tagger.cli import main; main()'
POLICIES = {'waiting': {}, 'spinning': dict(GOMP_SPINCOUNT='300000')}


class Run(NamedTuple):
    "A command with its arguments, what is added to its environment, and the folder for what it writes"
    arguments: list
    env: dict
    folder: Path

    def start(self):
        "A process in an empty folder of its own, with an empty cache"
        place = tempfile.mkdtemp(dir=self.folder)
        unset = {k: v for k, v in os.environ.items() if k not in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')}
        return subprocess.Popen([sys.executable, '-c', COMMAND, *map(str, self.arguments)], cwd=place,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                env=unset | self.env | dict(FASHION_TAGGER_CACHE=f'{place}/cache'))


def wait(process):
    _, errors = process.communicate()
    if process.returncode: raise SystemExit(f'it ended with status {process.returncode}\n{errors[-2000:]}')
    return process


def wardrobe(args, folder):
    "The photos' folder, and the arguments that name the table"
    if args.data != 'drawn':
        data = Path(args.data).resolve()
        return data/'images', [data/'styles.csv', '--images', data/'images', '--attributes', args.attributes]
    from fashion_tagger.samples import sample_wardrobe
    table = sample_wardrobe(folder/'photos', n=args.photos, seed=0).table
    table[['image', 'type', 'colour', 'pattern', 'split']].to_csv(folder/'table.csv', index=False)
    return folder/'photos', [folder/'table.csv', '--attributes', 'type,colour,pattern']


def runs(args, folder):
    "The runs to time, by name"
    photos, table = wardrobe(args, folder)
    train = ['train', *table, '--out', 'bundle']
    if args.what == 'train': return {name: Run(train, env, folder) for name, env in POLICIES.items()}
    if args.what == 'audit': return dict(audit=Run(['audit', *table], {}, folder))
    bundle = folder/'bundle'
    wait(Run([*train[:-1], bundle], {}, folder).start())
    backends = dict.fromkeys(backend for backend, _ in engines())
    tag = ['tag', bundle, photos, '--quiet', '--out', 'tags.csv']
    found = {}
    for backend in backends:
        run = Run([*tag, '--backend', backend], {}, folder)
        for n in args.threads.split(',') if args.threads else ():
            found[f'{backend}, {n}'] = run._replace(env=dict(FASHION_TAGGER_THREADS=n))
        if not args.threads: found[backend] = run
    return found


@contextmanager
def busy_loop(_):
    loop = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try: yield
    finally:
        loop.kill()
        loop.wait()


@contextmanager
def another(run):
    over, current = threading.Event(), []
    def again():
        while not over.is_set():
            current[:] = [run.start()]
            current[0].communicate()
    thread = threading.Thread(target=again)
    thread.start()
    try: yield
    finally:
        over.set()
        current[0].kill()
        thread.join()


@contextmanager
def nothing(_): yield


COMPANY = {'alone': (nothing, 1), 'a loop': (busy_loop, 1), 'another': (another, 1), 'two at once': (nothing, 2)}


def measure(run, beside, n):
    "Seconds until the last of `n` that start together has ended"
    with beside(run):
        begin = time.perf_counter()
        for process in [run.start() for _ in range(n)]: wait(process)
        return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--what', choices=['train', 'tag', 'audit'], default='train')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--photos', type=int, default=2000, help='in a drawn wardrobe')
    parser.add_argument('--threads', help='of tagging, such as 1,2; by default one per processor')
    parser.add_argument('--only', default='', help='runs whose name has this word')
    parser.add_argument('--company', default=','.join(COMPANY), help='which of them')
    parser.add_argument('--repeat', type=int, default=1, help='times; the median counts')
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, run in runs(args, Path(folder)).items():
            if args.only not in name: continue
            alone = None
            for company in args.company.split(','):
                seconds = sorted(measure(run, *COMPANY[company]) for _ in range(args.repeat))[args.repeat//2]
                alone = alone or seconds
                times = round(seconds/alone, 2)
                found.append(dict(run=name, beside=company, seconds=round(seconds, 1), times=times))
                print(f'{name:10} {company:12} {seconds:7.1f} s  {times:5.2f} times its time alone', flush=True)
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__': main()
