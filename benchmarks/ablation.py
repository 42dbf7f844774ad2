"""What each part of the recipe gives: one change at a time, several seeds, accuracy on the validation photos.

    python benchmarks/ablation.py DATA [--unfrozen] [--attributes A,B,C] [--photos N] [--seeds 3] [--only WORD] [--json FILE]

DATA is as for training.py. Features are computed once for all changes that leave them alone. --unfrozen: three epochs with the body unfrozen after the frozen ones, minutes for each change. --photos: train on so many, drawn at random. Run it on a machine that does nothing else if the seconds matter."""
import argparse, copy, json, time
from pathlib import Path
from statistics import mean, pstdev

from training import SIZE, table_of

CHANGES = {  # name: options of tagger_learner, of fit_tagger, of TaggerLoss, moving average of weights
    'the recipe': ({}, {}, {}, 0),
    '2 heads': (dict(heads=2), {}, {}, 0), '4 heads': (dict(heads=4), {}, {}, 0),
    'no palette': (dict(palette_bins=0), {}, {}, 0), 'palette of the whole photo': (dict(palette_centre=None), {}, {}, 0),
    'last stage only, with the palette': (dict(stages='last'), {}, {}, 0), 'means only': (dict(pool='mean'), {}, {}, 0), 'means and largest values': (dict(pool='mean_max'), {}, {}, 0),
    'no hidden layer': (dict(hidden=0), {}, {}, 0), 'hidden layer of 1,024': (dict(hidden=1024), {}, {}, 0), 'no dropout': (dict(dropout=(0., 0.)), {}, {}, 0),
    'heads in 32 bits': (dict(precision='f32'), {}, {}, 0), 'batches of 64': (dict(feature_bs=64), {}, {}, 0),
    '10 epochs': ({}, dict(epochs=10), {}, 0), '40 epochs': ({}, dict(epochs=40), {}, 0), 'rate 0.003': ({}, dict(lr=3e-3), {}, 0), 'weight decay 0.1': ({}, dict(wd=0.1), {}, 0),
    'label smoothing 0.1': ({}, {}, dict(label_smoothing=0.1), 0), 'moving average of weights, 0.99': ({}, {}, {}, 0.99), '3 views': (dict(views=3), {}, {}, 0)}


UNFROZEN = {  # name: options of tagger_learner, sizes of the three epochs, moving average
    'three epochs unfrozen': ({}, [SIZE]*3, 0), 'stochastic depth 0.2': (dict(body_kwargs=dict(drop_path_rate=0.2)), [SIZE]*3, 0),
    'photos that grow': ({}, [(96, 80), (128, 96), SIZE], 0), 'moving average of weights, 0.99': ({}, [SIZE]*3, 0.99)}


def average(decay):
    "A moving average of the weights that are trained, which are taken over at the end"
    from fastai.vision.all import Callback, torch
    class Average(Callback):
        def before_fit(self):
            self.part = self.model.head if self.learn.body_is_frozen else self.model
            self.kept = copy.deepcopy(self.part.state_dict())
        @torch.no_grad()
        def after_batch(self):
            if not self.training: return
            for k, v in self.part.state_dict().items():
                if v.is_floating_point(): self.kept[k].lerp_(v, 1 - decay)
                else: self.kept[k].copy_(v)
        def after_fit(self): self.part.load_state_dict(self.kept)
    return Average()


def growing(sizes):
    "Training photos of a size that grows from epoch to epoch"
    from fastai.vision.all import Callback, torch
    class Growing(Callback):
        def before_batch(self):
            if self.training and sizes[self.epoch] != SIZE: self.learn.xb = (torch.nn.functional.interpolate(self.x, sizes[self.epoch], mode='bilinear', antialias=True),)
    return Growing()


def frozen(dls, args):
    "A change, the accuracies of each seed and the seconds of each training"
    from fastai.vision.all import set_seed
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.losses import TaggerLoss
    kept = {}
    for name, (options, fit, loss, decay) in CHANGES.items():
        if args.only not in name: continue
        key, each, seconds = json.dumps({k: v for k, v in options.items() if k in ('palette_bins', 'palette_centre', 'stages', 'pool', 'views')}), [], []
        for seed in range(args.seeds):
            set_seed(seed, reproducible=True)
            learn = tagger_learner(dls, loss_func=TaggerLoss(dls.schema, **loss), **options)
            learn.logger = lambda *_: None
            with learn.no_bar():
                learn._kept = kept.get(key)
                learn._features()
                kept[key], start = learn._kept, time.perf_counter()
                learn.fit_tagger(**fit, cbs=average(decay) if decay else None)
            seconds.append(time.perf_counter() - start)
            each.append({k: s['accuracy'] for k, s in learn.scores().items()})
        yield name, each, seconds


def unfrozen(dls, args):
    "The same for trainings that go on with the body unfrozen"
    from fastai.vision.all import set_seed
    from fashion_tagger.learner import tagger_learner
    for name, (options, sizes, decay) in UNFROZEN.items():
        if args.only not in name: continue
        each, seconds = [], []
        for seed in range(args.seeds):
            set_seed(seed, reproducible=True)
            learn = tagger_learner(dls, **options)
            learn.logger = lambda *_: None
            with learn.no_bar():
                learn.fit_tagger()
                start = time.perf_counter()
                learn.fit_tagger(0, unfrozen_epochs=3, cbs=[growing(sizes)] + [average(decay)]*bool(decay))
            seconds.append(time.perf_counter() - start)
            each.append({k: s['accuracy'] for k, s in learn.scores().items()})
            print(f'{name}, seed {seed}: {each[-1]}, {seconds[-1]:.0f} s', flush=True)
        yield name, each, seconds


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data'); p.add_argument('--attributes', default='gender,articleType,baseColour'); p.add_argument('--seeds', type=int, default=3); p.add_argument('--only', default=''); p.add_argument('--unfrozen', action='store_true'); p.add_argument('--photos', type=int); p.add_argument('--json')
    args = p.parse_args()
    import warnings
    warnings.simplefilter('ignore')
    from fashion_tagger.data import tagger_dataloaders
    table = table_of(args.data, args.attributes, 0)
    if args.photos: table = table.drop(index=(train := table.index[table['split'] == 'train']).difference(table.loc[train].sample(args.photos, random_state=0).index))
    dls = tagger_dataloaders(table, size=SIZE, seed=0)
    rows = []
    for name, each, seconds in (unfrozen if args.unfrozen else frozen)(dls, args):
        names = list(each[0])
        rows.append(dict(change=name, mean={n: round(mean(e[n] for e in each), 4) for n in names}, sd={n: round(pstdev([e[n] for e in each]), 4) for n in names}, seconds=round(mean(seconds), 1)))
        print(f"| {name} | " + ' | '.join(f"{rows[-1]['mean'][n]:.3f}" for n in names) + f" | {rows[-1]['seconds']} |   sd " + ' '.join(f"{rows[-1]['sd'][n]:.3f}" for n in names), flush=True)
    if args.json: Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == '__main__': main()
