"""Accuracy and seconds of `fashion-tagger train` in one process and in several, with the same batches in all.

    python benchmarks/distributed.py DATA [--processes 1,2] [--freeze-epochs 20] [--epochs 0] [--seeds 0,1,2]
                                          [--json FILE]

DATA is a folder with styles.csv (columns id, split, gender, articleType and baseColour) and images/. A single process
uses all processors; several, started by torchrun on this machine, divide them. Each run has an empty cache. Run it on
an otherwise idle machine."""
import argparse, json, os, subprocess, sys, tempfile, time
from pathlib import Path

from machine import processor

COMMAND = Path(sys.executable).parent/'fashion-tagger'
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--no-python']
ATTRIBUTES = 'gender,articleType,baseColour'


def train(args, processes, seed, folder):
    "Seconds from start to end, and the scores"
    data, out = Path(args.data).resolve(), folder/f'{processes}_{seed}'
    launcher = [*TORCHRUN, f'--nproc-per-node={processes}'] if processes > 1 else []
    command = [*launcher, COMMAND, 'train', data/'styles.csv', '--images', data/'images', '--attributes', ATTRIBUTES,
               '--freeze-epochs', args.freeze_epochs, '--epochs', args.epochs, '--seed', seed, '--out', out/'bundle',
               '--json', out/'scores.json']
    out.mkdir()
    env = {k: v for k, v in os.environ.items() if k != 'OMP_NUM_THREADS'} | dict(FASHION_TAGGER_CACHE=str(out/'cache'))
    start = time.perf_counter()
    run = subprocess.run([*map(str, command)], env=env, capture_output=True, text=True)
    if run.returncode: sys.exit(run.stderr[-2000:])
    scores = json.loads((out/'scores.json').read_text())['targets']
    return time.perf_counter() - start, {name: s['accuracy'] for name, s in scores.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--processes', default='1,2')
    parser.add_argument('--freeze-epochs', default='20')
    parser.add_argument('--epochs', default='0')
    parser.add_argument('--seeds', default='0,1,2')
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor())
    found = []
    for seed in map(int, args.seeds.split(',')):
        for processes in map(int, args.processes.split(',')):
            with tempfile.TemporaryDirectory() as folder: seconds, scores = train(args, processes, seed, Path(folder))
            found.append(dict(processes=processes, seed=seed, seconds=round(seconds, 1), **scores))
            figures = '  '.join(f'{name} {score:.3f}' for name, score in scores.items())
            print(f'{processes} process(es), seed {seed}: {seconds:.1f} s  {figures}', flush=True)
    if args.json: Path(args.json).write_text(json.dumps(dict(machine=processor(), runs=found), indent=1))


if __name__ == '__main__': main()
