"""What each part of the recipe contributes: one change at a time, several seeds, accuracy on the validation photos.

    python benchmarks/ablation.py DATA [--unfrozen] [--attributes A,B,C] [--photos N] [--seeds 3] [--only WORD]
                                       [--json FILE]

DATA is as for training.py. Changes that leave the features alone share them: they are computed once. With --unfrozen,
three epochs with the body unfrozen follow the frozen ones, which takes minutes for each change. --photos trains on a
random sample of that many. If the seconds matter, run it on an otherwise idle machine."""
import argparse, copy, json, time
from pathlib import Path
from statistics import mean, pstdev
from typing import NamedTuple

from machine import processor
from training import SIZE, table_of


class Change(NamedTuple):
    learner: dict = {}   # options of tagger_learner
    fit: dict = {}       # options of fit_tagger
    loss: dict = {}      # options of TaggerLoss
    average: float = 0   # decay of the moving average of the weights
    sizes: tuple = (SIZE, SIZE, SIZE)  # of the photos in the three unfrozen epochs


FROZEN = {
    'the recipe': Change(),
    '2 heads': Change(dict(n_heads=2)),
    '4 heads': Change(dict(n_heads=4)),
    'no colour histogram': Change(dict(histogram_bins=0)),
    'colour histogram of the whole photo': Change(dict(histogram_centre=None)),
    'last stage only, with the colour histogram': Change(dict(stages='last')),
    'means only': Change(dict(pool='mean')),
    'means and largest values': Change(dict(pool='mean_max')),
    'no hidden layer': Change(dict(hidden=0)),
    'hidden layer of 1,024': Change(dict(hidden=1024)),
    'no dropout': Change(dict(dropout=(0., 0.))),
    'heads in 32 bits': Change(dict(precision='f32')),
    'batches of 64': Change(dict(feature_bs=64)),
    '10 epochs': Change(fit=dict(epochs=10)),
    '40 epochs': Change(fit=dict(epochs=40)),
    'rate 0.003': Change(fit=dict(lr=3e-3)),
    'weight decay 0.1': Change(fit=dict(wd=0.1)),
    'label smoothing 0.1': Change(loss=dict(label_smoothing=0.1)),
    'moving average of weights, 0.99': Change(average=0.99),
    '3 views': Change(dict(views=3)),
}

UNFROZEN = {
    'three epochs unfrozen': Change(),
    'stochastic depth 0.2': Change(dict(body_kwargs=dict(drop_path_rate=0.2))),
    'photos that grow': Change(sizes=((96, 80), (128, 96), SIZE)),
    'moving average of weights, 0.99': Change(average=0.99),
}

CHANGE_FEATURES = 'histogram_bins', 'histogram_centre', 'stages', 'pool', 'views'  # options of tagger_learner


def moving_average(decay):
    "A callback that averages the trained weights and puts the average into the model at the end"
    from fastai.vision.all import Callback, torch

    class Average(Callback):
        def before_fit(self):
            self.part = self.model.head if self.learn.body_is_frozen else self.model
            self.averaged = copy.deepcopy(self.part.state_dict())

        @torch.no_grad()
        def after_batch(self):
            if not self.training: return
            for k, v in self.part.state_dict().items():
                if v.is_floating_point(): self.averaged[k].lerp_(v, 1 - decay)
                else: self.averaged[k].copy_(v)

        def after_fit(self): self.part.load_state_dict(self.averaged)
    return Average()


def growing(sizes):
    "A callback that gives the training photos another size in each epoch"
    from fastai.vision.all import Callback, torch

    class Growing(Callback):
        def before_batch(self):
            size = sizes[self.epoch] if self.training else SIZE
            if size == SIZE: return
            x = torch.nn.functional.interpolate(self.x, size, mode='bilinear', antialias=True)
            self.learn.xb = (x,)
    return Growing()


def averaging(change): return [moving_average(change.average)] if change.average else []


def accuracies(learn): return {name: score['accuracy'] for name, score in learn.scores().items()}


def frozen(dls, args):
    "For each change: its name, the accuracies of each seed, and the seconds of each training"
    from fastai.vision.all import set_seed
    from fashion_tagger import calibration, export, training  # noqa: F401, for the methods that they add
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.losses import TaggerLoss
    kept = {}
    for name, change in FROZEN.items():
        if args.only not in name: continue
        key = json.dumps({k: v for k, v in change.learner.items() if k in CHANGE_FEATURES})
        each, seconds = [], []
        for seed in range(args.seeds):
            set_seed(seed, reproducible=True)
            learn = tagger_learner(dls, loss_func=TaggerLoss(dls.schema, **change.loss), **change.learner)
            learn.logger = lambda *_: None
            with learn.no_bar():
                learn._kept = kept.get(key)
                learn.features()
                kept[key], start = learn._kept, time.perf_counter()
                learn.fit_tagger(**change.fit, cbs=averaging(change))
            seconds.append(time.perf_counter() - start)
            each.append(accuracies(learn))
        yield name, each, seconds


def unfrozen(dls, args):
    "The same for trainings that continue with the body unfrozen"
    from fastai.vision.all import set_seed
    from fashion_tagger import calibration, export, training  # noqa: F401, for the methods that they add
    from fashion_tagger.learner import tagger_learner
    for name, change in UNFROZEN.items():
        if args.only not in name: continue
        each, seconds = [], []
        for seed in range(args.seeds):
            set_seed(seed, reproducible=True)
            learn = tagger_learner(dls, **change.learner)
            learn.logger = lambda *_: None
            with learn.no_bar():
                learn.fit_tagger()
                start = time.perf_counter()
                learn.fit_tagger(0, unfrozen_epochs=3, cbs=[growing(change.sizes), *averaging(change)])
            seconds.append(time.perf_counter() - start)
            each.append(accuracies(learn))
            print(f'{name}, seed {seed}: {each[-1]}, {seconds[-1]:.0f} s', flush=True)
        yield name, each, seconds


def with_photos(table, n):
    "The table with `n` of its training rows, drawn at random, and all others"
    train = table.index[table['split'] == 'train']
    return table.drop(index=train.difference(table.loc[train].sample(n, random_state=0).index))


def summary(name, each, seconds):
    targets = list(each[0])
    return dict(change=name,
                mean={t: round(mean(e[t] for e in each), 4) for t in targets},
                sd={t: round(pstdev([e[t] for e in each]), 4) for t in targets},
                seconds=round(mean(seconds), 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--only', default='', help='only changes with this word in their name')
    parser.add_argument('--unfrozen', action='store_true')
    parser.add_argument('--photos', type=int)
    parser.add_argument('--json')
    args = parser.parse_args()
    import warnings
    warnings.simplefilter('ignore')
    print(processor(), flush=True)
    from fashion_tagger.data import tagger_dataloaders
    table = table_of(args.data, args.attributes, 0)
    if args.photos: table = with_photos(table, args.photos)
    dls = tagger_dataloaders(table, size=SIZE, seed=0)
    rows = []
    for name, each, seconds in (unfrozen if args.unfrozen else frozen)(dls, args):
        row = summary(name, each, seconds)
        rows.append(row)
        means = ' | '.join(f'{v:.3f}' for v in row['mean'].values())
        sds = ' '.join(f'{v:.3f}' for v in row['sd'].values())
        print(f"| {name} | {means} | {row['seconds']} |   sd {sds}", flush=True)
    if args.json: Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == '__main__': main()
