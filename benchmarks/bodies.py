"""Bodies and sizes: parameters, seconds from JPEG files to a bundle, peak memory and accuracy, one `fashion-tagger train` after the other.

    python benchmarks/bodies.py DATA [--attributes A,B,C] [--only WORD] [--seed N] [--json FILE]

DATA is as for training.py. --only takes the lines whose body has WORD in its name, such as + for bodies side by side. Decoded photos are not kept from one to the next. Bodies other than EfficientNet-Lite 0 need the extra `bodies`. Run it on a machine that does nothing else."""
import argparse, json, os, re, shutil, subprocess, sys, tempfile
from pathlib import Path

from training import table_of

LITE = 'tf_efficientnet_lite'
RUNS = [(f'{LITE}0', '128x96', 1), (f'{LITE}0', '160x128', 1), (f'{LITE}0', '160x128', 2), (f'{LITE}0', '224x168', 1), (f'{LITE}1', '224x168', 1), (f'{LITE}2', '224x168', 1), (f'{LITE}2', '288x216', 1),
        (f'{LITE}0+{LITE}2', '224x168', 1), (f'{LITE}0+{LITE}1+{LITE}2', '224x168', 2)]


def run(table, args, arch, size, heads, folder):
    cache = Path(folder)/'cache'
    command = [Path(sys.executable).with_name('fashion-tagger'), 'train', table, '--images', '/', '--split', 'split', '--out', f'{folder}/bundle', '--json', f'{folder}/scores.json',
               '--attributes', args.attributes, '--arch', arch, '--size', size, '--heads', str(heads), '--seed', str(args.seed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | dict(FASHION_TAGGER_CACHE=str(cache))) as process:
        err = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode: raise SystemExit(f'{arch} at {size}: {err[-500:]}')
    shutil.rmtree(cache)
    scores = json.loads(Path(f'{folder}/scores.json').read_text())
    weights = Path(f'{folder}/bundle/model.safetensors').stat().st_size
    return dict(arch=arch, size=size, heads=heads, millions=round(weights/4e6, 1), seconds=scores['seconds'], peak_mb=used.ru_maxrss//1024, accuracy={k: round(s['accuracy'], 4) for k, s in scores['targets'].items()})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data'); p.add_argument('--attributes', default='gender,articleType,baseColour'); p.add_argument('--only', default=''); p.add_argument('--seed', type=int, default=0); p.add_argument('--json')
    args = p.parse_args()
    if args.data == 'drawn': args.attributes = 'type,colour,pattern'
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        table_of(args.data, args.attributes, args.seed).to_csv(f'{folder}/table.csv', index=False)
        for arch, size, heads in RUNS:
            if args.only not in arch: continue
            rows.append(run(f'{folder}/table.csv', args, arch, size, heads, folder))
            r = rows[-1]
            print(f"| {re.sub(LITE, 'Lite', r['arch'])} | {r['size']} | {r['heads']} | {r['millions']} | {r['seconds']:.0f} | {r['peak_mb']/1000:.1f} | " + ' / '.join(f'{v:.3f}' for v in r['accuracy'].values()) + ' |', flush=True)
    if args.json: Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == '__main__': main()
