"""Train the last two stages of the body on cached maps of those before: accuracy and seconds beside the frozen default.

    python benchmarks/partly_unfrozen.py DATA [--attributes A,B,C] [--seeds 0,1,2] [--epochs N] [--lr RATE] [--views N]
                                              [--head-factor N] [--json FILE]

DATA is as for training.py. PyTorch runs the body once over all photos, those for training in bf16 as embedding does,
and keeps what the last stage of the frozen network takes in (112 channels of 10x8, in 16 bits) and what the heads see
of the stages before. The first view of a training photo is the photo as it is, the others are augmented. All seeds
share them. Then, for each seed, come the 20 frozen epochs of `train`, and epochs in which the last two groups of
blocks and the heads train on the maps, with one cycle of AdamW and kept statistics of batch norm; the heads' rate is
--head-factor times that of the blocks. Run it on an otherwise idle machine if the seconds matter."""
import argparse, copy, json, time
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from fashion_tagger import training  # noqa: F401, before PyTorch, and for the methods that it adds
from fashion_tagger.cpu_training import keep_freed_memory
from fashion_tagger.data import tagger_dataloaders
from fashion_tagger.learner import tagger_learner
from fashion_tagger.models import pool_map
import torch
from fastai.vision.all import set_seed
from torch import nn

from machine import processor
from training import table_of


class Cut(NamedTuple):
    "Photos at the place where the frozen part ends"
    maps: torch.Tensor    # What the next block takes in, in 16 bits
    before: torch.Tensor  # The heads' features of the stages before
    after: torch.Tensor   # The colour histogram

    def rows(self, ixs): return Cut(*(t[ixs] for t in self))


@torch.no_grad()
def cut(net, batches, half=True):
    "Run the body over the photos of batches"
    parts = []
    for xb, *_ in batches:
        for x in xb.as_subclass(torch.Tensor).split(16):
            normed = ((x - net.mean)/net.std).contiguous(memory_format=torch.channels_last)
            with torch.autocast('cpu', torch.bfloat16, enabled=half): *stages, _ = net.body(normed)
            pooled = torch.cat([pool_map(m, net.pool) for m in stages], 1)
            parts.append(Cut(stages[-1].half(), pooled, net.histogram(x)))
    return Cut(*map(torch.cat, zip(*parts)))


class LastStage(nn.Module):
    "The blocks after the cut, and the heads"
    def __init__(self, net):
        super().__init__()
        self.blocks, self.head = nn.Sequential(*copy.deepcopy(net.body.net.blocks[5:])), copy.deepcopy(net.head)
        self.pool = net.pool
        self.requires_grad_(True)

    def train(self, mode=True):
        super().train(mode)
        for m in self.blocks.modules():
            if isinstance(m, nn.modules.batchnorm._BatchNorm): m.eval()
        return self

    def forward(self, photos):
        z = self.blocks(photos.maps.float().contiguous(memory_format=torch.channels_last))
        return self.head(torch.cat([photos.before, pool_map(z, self.pool), photos.after], 1))


@torch.no_grad()
def accuracies(net, schema, photos, targs):
    "Accuracy by attribute"
    net.eval()
    logits = torch.cat([net(photos.rows(ixs)) for ixs in torch.arange(len(photos.maps)).split(64)])
    return {t.name: (z.argmax(1) == y).float().mean().item() for (t, z), y in zip(schema.split(logits), targs)}


def train_epoch(net, loss_func, views, targs, opt, schedule, bs=64):
    "One epoch, with a random view of each photo; `views` are of shape `(n_photos, n_views, ...)`"
    net.train()
    n = len(targs[0])
    for ixs in torch.randperm(n).split(bs)[:n//bs]:
        photos = views.rows((ixs, torch.randint(views.maps.shape[1], (len(ixs),))))
        loss_func(net(photos).float(), *(y[ixs] for y in targs)).backward()
        opt.step()
        opt.zero_grad()
        schedule.step()


def cached(dls, net, n_views):
    "Views of the training photos, and the validation photos"
    train = dls.train.new(shuffle=False, drop_last=False)
    with dls.train_ds.set_split_idx(1): views = [cut(net, train)]
    views += [cut(net, train) for _ in range(1, n_views)]
    return Cut(*(torch.stack(parts, 1) for parts in zip(*views))), cut(net, dls.valid, half=False)


def trained(learn, views, valid, args):
    "Yields what was done and the accuracies"
    with learn.no_bar(), learn.no_logging(): learn.fit_tagger()
    yield 'frozen', {name: s['accuracy'] for name, s in learn.scores().items()}
    last, (targs, valid_targs) = LastStage(learn.model.eval()), (f.targs for f in learn.features())
    rates = [args.lr, args.lr*args.head_factor]
    groups = [dict(params=list(part.parameters()), lr=lr) for part, lr in zip((last.blocks, last.head), rates)]
    opt = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, rates, total_steps=args.epochs*(len(targs[0])//64))
    with keep_freed_memory():
        for epoch in range(args.epochs):
            train_epoch(last, learn.loss_func, views, targs, opt, schedule)
            yield f'epoch {epoch + 1}', accuracies(last, learn.schema, valid, valid_targs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--seeds', default='0,1,2')
    parser.add_argument('--epochs', type=int, default=5)
    parser.add_argument('--lr', type=float, default=5e-4)
    parser.add_argument('--views', type=int, default=2)
    parser.add_argument('--head-factor', type=float, default=2)
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    dls, kept, found = tagger_dataloaders(table_of(args.data, args.attributes, 0)), None, {}
    start = time.perf_counter()
    views, valid = cached(dls, tagger_learner(dls).model.eval(), args.views)
    print(f'maps of {args.views} view(s)  {time.perf_counter() - start:.0f} s', flush=True)
    for seed in map(int, args.seeds.split(',')):
        set_seed(seed, reproducible=True)
        learn = tagger_learner(dls)
        learn._kept = kept  # the features are the same for all seeds
        start = time.perf_counter()
        for done, scores in trained(learn, views, valid, args):
            found.setdefault(done, []).append(scores)
            text = ' / '.join(f'{s:.4f}' for s in scores.values())
            print(f'seed {seed}  {done:8} {time.perf_counter() - start:6.0f} s  {text}', flush=True)
        kept = learn._kept
    means = {done: {name: mean(s[name] for s in each) for name in each[0]} for done, each in found.items()}
    for done, scores in means.items(): print(f'mean    {done:8}', ' / '.join(f'{s:.4f}' for s in scores.values()))
    if args.json: Path(args.json).write_text(json.dumps(dict(each=found, means=means), indent=1) + '\n')


if __name__ == '__main__': main()
