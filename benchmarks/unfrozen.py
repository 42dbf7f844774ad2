"""Milliseconds per photo of a training step with the body unfrozen, and what the machine could do at best.

    python benchmarks/unfrozen.py [--arch NAME] [--steps N] [--profile]

Random photos of 160x128 pixels, a head for three attributes, batch norm with kept statistics, AdamW; the median of N
steps. Each row changes one thing: the size of the batch, the memory layout, bf16 by PyTorch alone and by
`bf16_training`, memory that goes back to the system, photos of fastai's class, and how many stages stay frozen.
--profile lists the operations of a step. Run it on an otherwise idle machine."""
import argparse, time, warnings
from contextlib import nullcontext

warnings.simplefilter('ignore')

from fashion_tagger.cpu_training import bf16_training, keep_freed_memory
from fashion_tagger.losses import TaggerLoss
from fashion_tagger.models import create_tagger
from fashion_tagger.schema import Attribute, Schema
import torch
from fastai.vision.all import TensorImage, set_seed
from torch import nn

from machine import processor

SIZES = dict(gender=5, articleType=74, baseColour=42)
SCHEMA = Schema([Attribute(name, [f'{name}{i}' for i in range(n)]) for name, n in SIZES.items()])


def gflops(dtype, n=2048, times=5):
    "Matrix products of n x n, in GFLOP/s"
    a = torch.randn(n, n).to(dtype)
    a @ a
    start = time.perf_counter()
    for _ in range(times): a @ a
    return 2*n**3*times/(time.perf_counter() - start)/1e9


def copy_rate(n=64_000_000):
    "Bytes read and written by a copy, in GB/s"
    a, b = torch.randn(n), torch.empty(n)
    b.copy_(a)
    start = time.perf_counter()
    b.copy_(a)
    return 2*a.nbytes/(time.perf_counter() - start)/1e9


def macs(net):
    "Multiplications of the convolutions and linear layers for one photo"
    counts = []
    def count(layer, _, out):
        shape = layer.weight.shape
        counts.append(shape[1:].numel()*out[0].numel())
    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad(): net.eval()(torch.rand(1, 3, 160, 128))
    for h in hooks: h.remove()
    return sum(counts)


def network(arch, frozen):
    "A tagger in training whose batch norm keeps its statistics, the first stages without gradients"
    set_seed(0)
    net = create_tagger(arch, SCHEMA, pretrained=False).train()
    for m in net.body.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm): m.eval()
    body = net.body.net
    stages = [[body.conv_stem, body.bn1], *[[block] for block in body.blocks]] if frozen else []
    for stage in stages[:frozen]:
        for layer in stage: layer.requires_grad_(False)
    return net


def step_time(arch, steps, bs=64, layout=torch.channels_last, half=False, ours=False, keep=True, cls=None, frozen=0,
              profile=False):
    "Milliseconds per photo: forward, backward, optimiser"
    net, loss = network(arch, frozen).to(memory_format=layout), TaggerLoss(SCHEMA)
    opt = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], 1e-4)
    x, ys = torch.rand(bs, 3, 160, 128), [torch.randint(0, n, (bs,)) for n in SIZES.values()]
    if cls: x = cls(x)
    def step():
        times = [time.perf_counter()]
        with torch.autocast('cpu', torch.bfloat16, enabled=half): out = net(x)
        total = loss(out.float(), *ys)
        times.append(time.perf_counter())
        total.backward()
        times.append(time.perf_counter())
        opt.step()
        opt.zero_grad()
        times.append(time.perf_counter())
        return [1000*(b - a)/bs for a, b in zip(times, times[1:])]
    with keep_freed_memory() if keep else nullcontext(), bf16_training(net) if ours else nullcontext():
        step()
        found = sorted((step() for _ in range(steps)), key=sum)[steps//2]
        if profile:
            with torch.profiler.profile() as p: step()
            print(p.key_averages().table(sort_by='self_cpu_time_total', row_limit=14, max_name_column_width=40))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='tf_efficientnet_lite0')
    parser.add_argument('--steps', type=int, default=7)
    parser.add_argument('--profile', action='store_true')
    args = parser.parse_args()
    print(processor())
    n, best = macs(network(args.arch, 0)), gflops(torch.float32)
    print(f'{best:.0f} GFLOP/s in f32, {gflops(torch.bfloat16):.0f} in bf16; copies {copy_rate():.0f} GB/s')
    print(f'{n/1e6:.0f} million multiplications a photo; three passes take {6*n/best/1e6:.1f} ms at that rate')
    rows = {
        'batches of 64': {},
        'of 32': dict(bs=32),
        'of 16': dict(bs=16),
        'channels first': dict(layout=torch.contiguous_format),
        'bf16, PyTorch alone': dict(half=True),
        'bf16_training': dict(ours=True),
        'the same, batches of 32': dict(ours=True, bs=32),
        'memory goes back to the system': dict(keep=False),
        "fastai's TensorImage": dict(cls=TensorImage),
        **{f'{k} of 8 stages frozen': dict(frozen=k) for k in (2, 4, 6, 8)},
        'batches of 64, again': dict(),
        'bf16_training, again': dict(ours=True, profile=args.profile),
    }
    for name, options in rows.items():
        parts = step_time(args.arch, args.steps, **options)
        print(f'{name:34} {sum(parts):6.1f} ms a photo: forward {parts[0]:.1f}, backward {parts[1]:.1f}, '
              f'optimiser {parts[2]:.1f}', flush=True)


if __name__ == '__main__': main()
