"""Photos per second and use of a GPU: embedding, frozen and unfrozen training, and tagging, on photos that are decoded already.

    python benchmarks/gpu.py DATA [--attributes A,B,C] [--arch NAME] [--size HxW] [--bs N] [--epochs N] [--compile] [--json FILE]

DATA is as for training.py. Mixed precision is bf16 where the GPU has it, or else fp16 with scaling. Use is the share of the time in which the GPU was busy, as its driver says it, sampled ten times
a second by nvidia-smi. On a machine without a GPU it runs on the processor and has no use to report: that shows that it works, and nothing else."""
import argparse, json, shutil, subprocess, tempfile, time
from contextlib import contextmanager
from pathlib import Path

from training import table_of


@contextmanager
def measured(what, photos, figures):
    import torch
    if torch.cuda.is_available(): torch.cuda.synchronize(); torch.cuda.reset_peak_memory_stats()
    sampler = shutil.which('nvidia-smi') and subprocess.Popen(['nvidia-smi', '--query-gpu=utilization.gpu', '--format=csv,noheader,nounits', '-lms', '100'], stdout=subprocess.PIPE, text=True)
    start = time.perf_counter()
    yield
    if torch.cuda.is_available(): torch.cuda.synchronize()
    row = dict(seconds=round(time.perf_counter() - start, 2), photos_per_second=round(photos/(time.perf_counter() - start)))
    if sampler:
        sampler.terminate()
        busy = [int(line) for line in sampler.communicate()[0].split() if line.isdigit()]
        row['use'] = round(sum(busy)/max(len(busy), 1))
    if torch.cuda.is_available(): row['peak_mb'] = torch.cuda.max_memory_allocated()//2**20
    figures[what] = row
    print(f'{what:12} {row["photos_per_second"]:8,} photos/s  {row["seconds"]:7.2f} s' + (f'  {row["use"]:3} % busy' if 'use' in row else '') + (f'  {row["peak_mb"]:,} MB' if 'peak_mb' in row else ''), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data'); p.add_argument('--attributes', default='gender,articleType,baseColour'); p.add_argument('--arch', default='tf_efficientnet_lite0'); p.add_argument('--size', default='160x128')
    p.add_argument('--bs', type=int, default=256); p.add_argument('--epochs', type=int, default=3); p.add_argument('--seed', type=int, default=0); p.add_argument('--compile', action='store_true')
    p.add_argument('--no-pretrained', dest='pretrained', action='store_false', help='where the weights cannot be had: the speed is the same'); p.add_argument('--json')
    args = p.parse_args()
    import torch
    from fastai.vision.all import set_seed
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.inference import Tagger
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.sources import get_photo
    import fashion_tagger.export  # noqa: F401
    gpu = torch.cuda.is_available()
    print(f"{torch.cuda.get_device_name() if gpu else 'no GPU: the processor'}, torch {torch.__version__}, {args.arch} at {args.size}, batches of {args.bs}", flush=True)
    torch.backends.cudnn.benchmark = True
    set_seed(args.seed)
    table, figures = table_of(args.data, args.attributes, args.seed), {}
    table = table[table['split'].isin(['train', 'valid'])].reset_index(drop=True)
    learn = tagger_learner(tagger_dataloaders(table, size=tuple(map(int, args.size.split('x'))), seed=args.seed, bs=args.bs), args.arch, pretrained=args.pretrained, compile=args.compile)
    if gpu: learn.to_bf16() if torch.cuda.is_bf16_supported() else learn.to_fp16()
    learn.logger = lambda *_: None
    learn.freeze()
    n, photos = len(learn.dls.train_ds), [get_photo(row) for row in table.to_dict('records')]
    with learn.no_bar():
        with measured('decoding', len(table), figures):
            for dl in (learn.dls.train.new(shuffle=False), learn.dls.valid):
                for _ in dl: pass
        with measured('embedding', len(table), figures): learn._features()
        with measured('frozen', n*args.epochs, figures): learn.fit_one_cycle(args.epochs, 1e-2)
        learn.unfreeze()
        learn.fit_one_cycle(1, 1e-5)  # compiles, chooses kernels, and decodes the larger photos that are augmented
        with measured('unfrozen', (n + len(learn.dls.valid_ds))*args.epochs, figures): learn.fit_one_cycle(args.epochs, 5e-5)
    with tempfile.TemporaryDirectory() as folder:
        learn.export_tagger(f'{folder}/bundle', onnx=False)
        tagger = Tagger.load(f'{folder}/bundle', 'torch')
        for _ in tagger.stream(photos[:300]): pass
        with measured('tagging', len(photos), figures):
            for _ in tagger.stream(photos): pass
    if args.json: Path(args.json).write_text(json.dumps(figures, indent=1))


if __name__ == '__main__': main()
