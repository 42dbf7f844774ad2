"""Bodies and sizes: parameters, seconds from JPEG files to a bundle, peak memory and accuracy.

    python benchmarks/bodies.py DATA [--attributes A,B,C] [--only WORD] [--seed N] [--json FILE]

DATA is as for training.py. Each row is a `fashion-tagger train` of its own, one after the other, and decodes its photos
anew. --only takes the rows whose body has WORD in its name, such as + for several bodies side by side. Bodies other
than EfficientNet-Lite 0 need the extra `bodies`. Run it on an otherwise idle machine."""
import argparse, json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

from machine import processor
from training import table_of

LITE = 'tf_efficientnet_lite'
RUNS = [  # body, size of photos, heads
    (f'{LITE}0', '128x96', 1),
    (f'{LITE}0', '160x128', 1),
    (f'{LITE}0', '160x128', 2),
    (f'{LITE}0', '224x168', 1),
    (f'{LITE}1', '224x168', 1),
    (f'{LITE}2', '224x168', 1),
    (f'{LITE}2', '288x216', 1),
    (f'{LITE}0+{LITE}2', '224x168', 1),
    (f'{LITE}0+{LITE}1+{LITE}2', '224x168', 2),
]


def run(table, args, arch, size, heads, folder):
    "Train one tagger by the command; its row of figures"
    cache = Path(folder)/'cache'
    command = [Path(sys.executable).with_name('fashion-tagger'), 'train', table, '--images', '/', '--split', 'split',
               '--out', f'{folder}/bundle', '--json', f'{folder}/scores.json', '--attributes', args.attributes,
               '--arch', arch, '--size', size, '--heads', str(heads), '--seed', str(args.seed)]
    env = os.environ | dict(FASHION_TAGGER_CACHE=str(cache))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env) as process:
        err = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode: raise SystemExit(f'{arch} at {size}: {err[-500:]}')
    shutil.rmtree(cache)
    scores = json.loads(Path(f'{folder}/scores.json').read_text())
    weights = Path(f'{folder}/bundle/model.safetensors').stat().st_size
    return dict(arch=arch, size=size, heads=heads, millions=round(weights/4e6, 1), seconds=scores['seconds'],
                peak_mb=used.ru_maxrss//1024,
                accuracy={k: round(s['accuracy'], 4) for k, s in scores['targets'].items()})


def markdown_row(r):
    accuracies = ' / '.join(f'{v:.3f}' for v in r['accuracy'].values())
    cells = [r['arch'].replace(LITE, 'Lite'), r['size'], r['heads'], r['millions'], f"{r['seconds']:.0f}",
             f"{r['peak_mb']/1000:.1f}", accuracies]
    return f"| {' | '.join(map(str, cells))} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--only', default='')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    if args.data == 'drawn': args.attributes = 'type,colour,pattern'
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        table = f'{folder}/table.csv'
        table_of(args.data, args.attributes, args.seed).to_csv(table, index=False)
        for arch, size, heads in RUNS:
            if args.only not in arch: continue
            rows.append(run(table, args, arch, size, heads, folder))
            print(markdown_row(rows[-1]), flush=True)
    if args.json: Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == '__main__': main()
