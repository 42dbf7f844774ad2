"""Validation accuracy against seconds since the start, from JPEG files, for several ways to train.

    python benchmarks/training.py DATA [--attributes A,B,C] [--ways ours,fastai,...] [--yardstick SCRIPT] [--minutes M]
                                       [--seed N] [--times N] [--json FILE] [--plot FILE]

DATA is a folder with styles.csv (columns id, split and the attributes) and images/, or the word `drawn` for a drawn
wardrobe. Each way runs in its own process, one after the other. The seconds begin with the process, so they include its
imports, and no way finds the photos that an earlier one decoded. Run it on an otherwise idle machine.

ours           frozen, as `fashion-tagger train`
ours-unfrozen  the same, then with the body unfrozen
ours-larger    the largest step of `train --seconds`: three bodies on larger photos, frozen, two heads each
logistic       the last stage of the same body at 224x224, standardised, and a logistic regression per attribute, its C
               chosen on a fifth of the training rows; the features are computed by the engine that ours uses
fastai         vision_learner with the same body, size and augmentation, then fine_tune
yardstick      a script that prints a JSON line with `seconds` and accuracies after every epoch (--yardstick)

--times N repeats every row N times, to see how memory grows. Peak memory is that of the process, first with the parts
of files that it holds (its own code, mapped features), then without."""
import argparse, json, os, resource, shutil, subprocess, sys, tempfile, threading, time
from pathlib import Path

from machine import processor

WAYS = 'ours', 'ours-unfrozen', 'ours-larger', 'logistic', 'fastai'
SIZE = 160, 128
LABELS = {
    'ours': 'train',
    'ours-unfrozen': 'train, then unfrozen',
    'ours-larger': 'three bodies, 224x168',
    'logistic': 'logistic regression',
    'fastai': "fastai's vision_learner",
    'yardstick': 'MobileNetV2 from random weights',
}


def table_of(data, attributes, seed):
    if data == 'drawn':
        from fashion_tagger.samples import sample_wardrobe
        wardrobe = sample_wardrobe(Path(tempfile.gettempdir())/f'drawn_{seed}', n=2000, seed=seed)
        return wardrobe.table[['image', 'type', 'colour', 'pattern', 'split']]
    from fashion_tagger.sources import read_table
    return read_table(f'{data}/styles.csv', images=f'{data}/images', attributes=attributes.split(','), split='split')


def report(start, accuracies, what='epoch'):
    "Print one point of the curve, as a line of JSON"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024
    rounded = {k: round(float(v), 4) for k, v in accuracies.items()}
    point = dict(seconds=round(time.time() - start, 2), what=what, accuracy=rounded, peak_mb=peak)
    print(json.dumps(point), flush=True)


def quiet(learn):
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None


def ours(table, start, seed, unfrozen_epochs=0, arch='tf_efficientnet_lite0', size=SIZE, n_heads=1):
    from fashion_tagger.commands import decode_beside
    beside = decode_beside(table, size)  # noqa: F841, as the command does
    from fashion_tagger import calibration, export, training  # noqa: F401, for the methods that they add
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.data import tagger_dataloaders
    from fastai.vision.all import Callback, set_seed

    class Curve(Callback):
        order = 90
        def after_epoch(self):
            metrics = learn.recorder.metrics[-len(learn.schema):]
            report(start, dict(zip(learn.schema.names, (m.value for m in metrics))))

    set_seed(seed, reproducible=True)
    learn = tagger_learner(tagger_dataloaders(table, size=size, seed=seed), arch, n_heads=n_heads)
    quiet(learn)
    learn.choose_features()
    with learn.added_cbs(Curve()): learn.fit_tagger(unfrozen_epochs=unfrozen_epochs)
    learn.calibrate()
    scores = learn.scores()
    with tempfile.TemporaryDirectory() as folder: learn.export_tagger(f'{folder}/bundle', scores)
    report(start, {k: s['accuracy'] for k, s in scores.items()}, 'bundle')


def by_logistic_regression(table, start, seed):
    "scikit-learn on frozen features: what somebody with a notebook and an hour would do"
    import numpy as np
    from fastai.vision.all import set_seed
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    from fashion_tagger.commands import decode_beside
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    size = 224, 224
    beside = decode_beside(table, size)  # noqa: F841, as the command does
    set_seed(seed, reproducible=True)
    dls = tagger_dataloaders(table, size=size, seed=seed)
    learn = tagger_learner(dls, stages='last', pool='mean', histogram_bins=0, precision='f32')
    quiet(learn)
    train, valid = learn.features()
    scaler = StandardScaler().fit(train.x[:, 0].float().numpy())
    x, x_valid = (scaler.transform(part.x[:, 0].float().numpy()).astype(np.float32) for part in (train, valid))

    def fit(rows, y, c): return LogisticRegression(C=c, max_iter=200).fit(x[rows], y[rows])

    accuracies = {}
    for name, y, y_valid in zip(learn.schema.names, train.targs, valid.targs):
        y, y_valid = y.numpy(), y_valid.numpy()
        known = np.flatnonzero(y >= 0)
        kept, asked = train_test_split(known, test_size=0.2, random_state=seed)
        scores = {c: fit(kept, y, c).score(x[asked], y[asked]) for c in (1e-4, 1e-3, 1e-2, 1e-1)}
        model = fit(known, y, max(scores, key=scores.get))
        accuracies[name] = model.score(x_valid[y_valid >= 0], y_valid[y_valid >= 0])
    report(start, accuracies)


def fastai_dataloaders(table, words):
    "DataLoaders with an image and a category per attribute; rows with other words are left out"
    from fastai.vision.all import (CategoryBlock, ColSplitter, DataBlock, ImageBlock, L, Resize, ResizeMethod,
                                   aug_transforms)
    for name in words: table = table[table[name].isin(words[name])]
    table = table.assign(is_valid=table['split'] == 'valid').reset_index(drop=True)
    categories = [CategoryBlock(vocab=vocab, sort=False) for vocab in words.values()]
    block = DataBlock((ImageBlock, *categories), n_inp=1, splitter=ColSplitter('is_valid'),
                      get_x=lambda row: row['image'],
                      get_y=L(lambda row, name=name: row[name] for name in words),
                      item_tfms=Resize((184, 147), method=ResizeMethod.Squish),
                      batch_tfms=aug_transforms(size=SIZE, max_lighting=0.1))
    return block.dataloaders(table, bs=64)


def by_fastai(table, start, seed, epochs):
    "A fair multi-target version: one output per value, summed losses, aug_transforms, presizing, fine_tune"
    from fastai.vision.all import Callback, partial, set_seed, torch, vision_learner
    from fashion_tagger.models import packaged_weights
    names = [c for c in table if c not in ('image', 'split')]
    words = {n: sorted(set(table[n][table['split'] == 'train'].dropna())) for n in names}
    set_seed(seed, reproducible=True)
    dls = fastai_dataloaders(table, words)
    sizes = [len(words[n]) for n in names]

    def loss(out, *ys):
        return sum(torch.nn.functional.cross_entropy(o, y) for o, y in zip(out.split(sizes, 1), ys))

    def accuracy(i, out, *ys): return (out.split(sizes, 1)[i].argmax(1) == ys[i]).float().mean()

    metrics = [partial(accuracy, i) for i in range(len(names))]
    for metric, name in zip(metrics, names): metric.__name__ = name

    class Curve(Callback):
        order = 90
        def after_epoch(self): report(start, dict(zip(names, self.recorder.values[-1][-len(names):])))

    weights = dict(state_dict=packaged_weights('tf_efficientnet_lite0'))
    learn = vision_learner(dls, 'tf_efficientnet_lite0', n_out=sum(sizes), loss_func=loss, metrics=metrics,
                           cbs=Curve(), pretrained_cfg_overlay=weights)
    quiet(learn)
    learn.fine_tune(epochs, 5e-3)


def run_one(way, args):
    "Train in one way, in this process"
    table = table_of(args.data, args.attributes, args.seed)
    table = table[table['split'].isin(['train', 'valid'])]
    table = table.loc[table.index.repeat(args.times)].reset_index(drop=True)
    if way == 'logistic': by_logistic_regression(table, args.start, args.seed)
    elif way == 'fastai': by_fastai(table, args.start, args.seed, args.epochs)
    elif way == 'ours-unfrozen': ours(table, args.start, args.seed, args.epochs)
    elif way == 'ours-larger':
        from fashion_tagger.recipes import LEVELS
        ours(table, args.start, args.seed, 0, *LEVELS[-1][:3])
    else: ours(table, args.start, args.seed)


class Watch(threading.Thread):
    "The peak of a process's own memory so far, in MB: pages that hold no part of a file (Linux)"
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.most = Path(f'/proc/{pid}/status'), 0
        self.start()

    def own_memory(self):
        for line in self.path.read_text().splitlines():
            if line.startswith('RssAnon'): return int(line.split()[1])//1024

    def run(self):
        while True:
            try: now = self.own_memory()
            except OSError: return
            if now is None: return
            self.most = max(self.most, now)
            time.sleep(0.05)


def command_of(way, args, start):
    if way == 'yardstick': return [sys.executable, args.yardstick, args.data, '--minutes', str(args.minutes)]
    return [sys.executable, __file__, args.data, '--one', way, '--start', str(start), '--attributes', args.attributes,
            '--seed', str(args.seed), '--epochs', str(args.epochs), '--times', str(args.times)]


def point_of(line, attributes):
    "A point of the curve; a yardstick's line has its accuracies at the top level"
    point = json.loads(line)
    if 'accuracy' in point: return point
    accuracy = {k: v for k, v in point.items() if k in attributes}
    return dict(seconds=point['seconds'], what='epoch', accuracy=accuracy, peak_mb=None)


def show(way, p):
    accuracies = '  '.join(f'{k} {v:.4f}' for k, v in p['accuracy'].items())
    memory = f"  {p['peak_mb']:,} MB, {p['own_mb'] or 0:,} of its own" if p['peak_mb'] else ''
    print(f"{way:14} {p['seconds']:7.1f} s  {p['what']:6} {accuracies}{memory}", flush=True)


def run(way, args):
    "The points of a way's curve"
    cache, start, points = tempfile.mkdtemp(), time.time(), []
    env = os.environ | dict(FASHION_TAGGER_CACHE=cache)
    try:
        with subprocess.Popen(command_of(way, args, start), stdout=subprocess.PIPE, text=True, env=env) as process:
            limit = threading.Timer(60*args.minutes, process.terminate)
            limit.start()
            watch = Watch(process.pid)
            for line in process.stdout:
                if not line.startswith('{'): continue
                point = point_of(line, args.attributes.split(','))
                point['own_mb'] = watch.most or None
                points.append(point)
                show(way, point)
            limit.cancel()
        if process.returncode not in (0, -15): raise SystemExit(f'{way} ended with status {process.returncode}')
    finally: shutil.rmtree(cache, ignore_errors=True)
    return points


def plot(curves, path):
    "One panel per attribute, one line per way"
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    names = list(next(iter(curves.values()))[0]['accuracy'])
    fig, axs = plt.subplots(1, len(names), figsize=(3.7*len(names), 3.4), layout='constrained', squeeze=False)
    longest = max(p['seconds'] for points in curves.values() for p in points)
    for ax, name in zip(axs[0], names):
        for way, points in curves.items():
            seconds = [p['seconds'] for p in points]
            accuracies = [p['accuracy'][name] for p in points]
            ax.plot(seconds, accuracies, '.-', lw=1.2, ms=8 if len(points) == 1 else 4, label=LABELS[way])
        ax.set(xscale='log', xlabel='seconds since the start', ylabel='validation accuracy', title=name)
        ax.set_xticks([t for t in (10, 20, 50, 100, 200, 500, 1000, 2000) if t < 1.5*longest])
        ax.xaxis.set_major_formatter('{x:.0f}')
        ax.xaxis.set_minor_formatter('')
        ax.grid(alpha=0.3)
    fig.legend(*axs[0][-1].get_legend_handles_labels(), loc='outside lower center', ncols=len(curves), fontsize=9)
    fig.savefig(path, dpi=110)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--ways', default='')
    parser.add_argument('--yardstick')
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--epochs', type=int, default=5)
    parser.add_argument('--times', type=int, default=1)
    parser.add_argument('--json')
    parser.add_argument('--plot')
    parser.add_argument('--one', help=argparse.SUPPRESS)
    parser.add_argument('--start', type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = arguments()
    if args.one: return run_one(args.one, args)
    print(processor(), flush=True)
    ways = args.ways.split(',') if args.ways else list(WAYS)
    if args.yardstick and not args.ways: ways.append('yardstick')
    curves = {way: run(way, args) for way in ways}
    if args.json: Path(args.json).write_text(json.dumps(curves, indent=1))
    if args.plot: plot(curves, args.plot)


if __name__ == '__main__': main()
