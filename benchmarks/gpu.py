"""Photos per second and GPU utilisation of embedding, frozen and unfrozen training, and tagging.

    python benchmarks/gpu.py DATA [--attributes A,B,C] [--arch NAME] [--size HxW] [--bs N] [--epochs N] [--compile]
                                  [--no-pretrained] [--json FILE]

DATA is as for training.py; the photos are decoded before anything is timed. Mixed precision is bf16 where the GPU has
it, else fp16 with loss scaling. Utilisation is the share of time in which the GPU is busy, sampled ten times a second
by nvidia-smi. Without a GPU the script runs on the CPU and reports no utilisation: that shows only that it works.

The package need not be installed. It needs what fastai needs (matplotlib, requests, PyYAML, scipy, scikit-learn, rich
and anyio among them), timm, safetensors, joblib, Jinja2 and the package with the body's weights; no network, and
neither ONNX nor its engines."""
import argparse, json, shutil, subprocess, tempfile, time
from contextlib import contextmanager
from pathlib import Path

from machine import processor
from training import table_of

UTILISATION = ['nvidia-smi', '--query-gpu=utilization.gpu', '--format=csv,noheader,nounits', '-lms', '100']


def sampler():
    "A process that prints the GPU's utilisation, or None without nvidia-smi"
    if shutil.which('nvidia-smi'): return subprocess.Popen(UTILISATION, stdout=subprocess.PIPE, text=True)


def sampled(process):
    "Its mean utilisation so far, in percent"
    process.terminate()
    busy = [int(line) for line in process.communicate()[0].split() if line.isdigit()]
    return round(sum(busy)/max(len(busy), 1))


@contextmanager
def measured(what, photos, figures):
    "Time the block, print its figures and put them into `figures`"
    import torch
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    utilisation, start = sampler(), time.perf_counter()
    yield
    if gpu: torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    row = dict(seconds=round(seconds, 2), photos_per_second=round(photos/seconds))
    line = f"{what:12} {row['photos_per_second']:8,} photos/s  {row['seconds']:7.2f} s"
    if utilisation:
        row['use'] = sampled(utilisation)
        line += f"  {row['use']:3} % busy"
    if gpu:
        row['peak_mb'] = torch.cuda.max_memory_allocated()//2**20
        line += f"  {row['peak_mb']:,} MB"
    figures[what] = row
    print(line, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--arch', default='tf_efficientnet_lite0')
    parser.add_argument('--size', default='160x128')
    parser.add_argument('--bs', type=int, default=256)
    parser.add_argument('--epochs', type=int, default=3)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--no-pretrained', dest='pretrained', action='store_false',
                        help='if the weights are not available: the speed is the same')
    parser.add_argument('--json')
    return parser.parse_args()


def train(learn, table, args, figures):
    n = len(learn.dls.train_ds)
    with learn.no_bar():
        with measured('decoding', len(table), figures):
            for dl in (learn.dls.train.new(shuffle=False), learn.dls.valid):
                for _ in dl: pass
        with measured('embedding', len(table), figures): learn.features()
        with measured('frozen', n*args.epochs, figures): learn.fit_one_cycle(args.epochs, 1e-2)
        learn.unfreeze()
        learn.fit_one_cycle(1, 1e-5)  # compiles, chooses kernels, and decodes the larger photos to augment
        with measured('unfrozen', (n + len(learn.dls.valid_ds))*args.epochs, figures):
            learn.fit_one_cycle(args.epochs, 5e-5)


def tag(learn, photos, figures):
    import fashion_tagger.export  # noqa: F401, gives the learner its export_tagger
    from fashion_tagger.inference import Tagger
    with tempfile.TemporaryDirectory() as folder:
        learn.export_tagger(f'{folder}/bundle', onnx=False)
        tagger = Tagger.load(f'{folder}/bundle', 'torch')
        for _ in tagger.stream(photos[:300]): pass
        with measured('tagging', len(photos), figures):
            for _ in tagger.stream(photos): pass


def main():
    args = arguments()
    print(processor(), flush=True)
    import torch
    from fastai.vision.all import set_seed
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.engines import gpu_has_bf16
    from fashion_tagger import calibration, export, training  # noqa: F401, for the methods that they add
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.photos import get_photo
    gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if gpu else 'no GPU: the CPU'
    print(f'{device}, torch {torch.__version__}, {args.arch} at {args.size}, batches of {args.bs}', flush=True)
    torch.backends.cudnn.benchmark = True
    set_seed(args.seed)
    table = table_of(args.data, args.attributes, args.seed)
    table = table[table['split'].isin(['train', 'valid'])].reset_index(drop=True)
    size = tuple(map(int, args.size.split('x')))
    dls = tagger_dataloaders(table, size=size, seed=args.seed, bs=args.bs)
    learn = tagger_learner(dls, args.arch, pretrained=args.pretrained, compile=args.compile)
    if gpu_has_bf16(): learn.to_bf16()
    elif gpu: learn.to_fp16()
    learn.logger = lambda *_: None
    learn.freeze()
    photos, figures = [get_photo(row) for row in table.to_dict('records')], {}
    train(learn, table, args, figures)
    tag(learn, photos, figures)
    if args.json: Path(args.json).write_text(json.dumps(figures, indent=1))


if __name__ == '__main__': main()
