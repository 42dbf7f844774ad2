"""Photos per second of tagging from files, every way on the same photos, beside the most that its engine allows.

    python benchmarks/tagging.py BUNDLE PHOTOS [--limit N] [--yardstick SCRIPT] [--learner LEARNER.pkl] [--enlarge N]
                                               [--json FILE]

PHOTOS is a folder of JPEG files, which are read once before anything is timed. An engine's limit is the time of
decoding alone (all threads) plus that of the network alone (full batches of decoded photos), since a core does one of
them at a time. Start-up is not counted. --yardstick is a script that tags a folder one photo at a time and prints JSON
with `photos_per_second`; --learner is a learner of the same model that fastai exported. --enlarge makes that many
photos of 3 megapixels and tags those as well. Run it on an otherwise idle machine."""
import argparse, json, statistics, subprocess, sys, tempfile, time, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from fashion_tagger.inference import Tagger
from fashion_tagger.photos import cpu_count

from machine import engines, processor


def median_rate(run, n, repeats=3):
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        rates.append(n/(time.perf_counter() - start))
    return statistics.median(rates)


def network_alone(tagger, pixels, repeats=3):
    engine, bs = tagger.engine, tagger.engine.bs
    def run():
        flight = []
        for i in range(0, len(pixels), bs):
            flight.append(engine.start(pixels[i:i + bs]))
            if len(flight) > engine.depth: flight.pop(0)()
        for result in flight: result()
    run()
    return median_rate(run, len(pixels), repeats)


def decoding_alone(tagger, files):
    def run():
        with ThreadPoolExecutor(cpu_count()) as pool: list(pool.map(tagger.pixels, files))
    return median_rate(run, len(files))


def ours(bundle, files, pixels, backend, precision=None):
    tagger = Tagger.load(bundle, backend, precision=precision)
    for _ in tagger.stream(files[:64]): pass
    decode, network = decoding_alone(tagger, files), network_alone(tagger, pixels)
    def run():
        for _ in tagger.stream(files): pass
    rate = median_rate(run, len(files))
    limit = 1/(1/decode + 1/network)
    return dict(photos_per_second=rate, decoding=decode, network=network, limit=limit, of_limit=rate/limit)


def yardstick(script, photos, size, limit):
    command = [sys.executable, script, str(photos), '--size', f'{size[0]}x{size[1]}', '--limit', str(limit)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(json.loads(out.strip().splitlines()[-1])['photos_per_second'])


def by_fastai(path, files):
    from fashion_tagger import all  # noqa: F401, classes that the pickle names
    from fastai.learner import load_learner
    warnings.simplefilter('ignore')
    learn, few = load_learner(path), files[:100]
    with learn.no_bar():
        learn.predict(few[0])
        one = median_rate(lambda: [learn.predict(f) for f in few], len(few), 1)
        many = median_rate(lambda: learn.get_preds(dl=learn.dls.test_dl(files)), len(files), 1)
    return {'fastai, learn.predict in a loop': one, 'fastai, get_preds on a test_dl': many}


def enlarged(files, n, folder):
    "The first `n` photos as files of 3 megapixels"
    for i, file in enumerate(files[:n]):
        img = Image.open(file).convert('RGB').resize((1500, 2000), Image.Resampling.BICUBIC)
        img.save(folder/f'{i:05d}.jpg', quality=90)
    return [str(f) for f in sorted(folder.iterdir())]


def show(name, r):
    if isinstance(r, float): line = f'{r:8,.0f} photos/s'
    else:
        parts = f"decoding {r['decoding']:,.0f}, network {r['network']:,.0f}"
        line = f"{r['photos_per_second']:8,.0f} photos/s, {r['of_limit']:.0%} of its limit {r['limit']:,.0f} ({parts})"
    print(f'{name:40} {line}', flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('bundle')
    parser.add_argument('photos')
    parser.add_argument('--limit', type=int, default=2000)
    parser.add_argument('--enlarge', type=int, default=0)
    parser.add_argument('--yardstick')
    parser.add_argument('--learner')
    parser.add_argument('--json')
    return parser.parse_args()


def main():
    args = arguments()
    print(processor(), flush=True)
    files = [str(f) for f in sorted(Path(args.photos).glob('*.jpg'))[:args.limit]]
    for f in files: Path(f).read_bytes()
    tagger = Tagger.load(args.bundle, 'torch')
    pixels, rates = np.stack([tagger.pixels(f) for f in files[:1024]]), {}

    def add(name, rate):
        rates[name] = rate
        show(name, rate)

    def add_ours(name, files):
        for backend, precision in engines():
            way = ' '.join(filter(None, (name, backend, precision)))
            add(way, ours(args.bundle, files, pixels, backend, precision))

    if args.yardstick:
        add('one by one, eager PyTorch', yardstick(args.yardstick, args.photos, tagger.settings['size'], 500))
    if args.learner:
        for name, rate in by_fastai(args.learner, files).items(): add(name, rate)
    add_ours('ours,', files)
    if args.enlarge:
        with tempfile.TemporaryDirectory() as folder:
            add_ours('3 megapixels,', enlarged(files, args.enlarge, Path(folder)))
    if args.json: Path(args.json).write_text(json.dumps(rates, indent=1))


if __name__ == '__main__': main()
