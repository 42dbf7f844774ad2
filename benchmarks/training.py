"""Accuracy on the validation photos against seconds since the start, from JPEG files, each way in a process of its own, one after the other.

    python benchmarks/training.py DATA [--attributes A,B,C] [--ways ours,fastai,...] [--yardstick SCRIPT] [--minutes M] [--seed N] [--times N] [--json FILE] [--plot FILE]

DATA is a folder with styles.csv (columns id, split and the attributes) and images/, or the word `drawn` for a drawn wardrobe. The seconds begin with the process, so that they
hold its imports. Ways: `ours` (frozen, as `fashion-tagger train`), `ours-unfrozen` (then with the body unfrozen), `ours-larger` (the largest step of `train --seconds`: three bodies on larger photos, frozen, two heads for each), `fastai` (vision_learner with the
same body, size and augmentation, fine_tune) and, with --yardstick, a script that prints a JSON line with `seconds` and accuracies after every epoch. Decoded photos are not kept from an earlier run. --times N gives every row N times, to see how memory grows. Peak memory is that of the process, with what it holds of files (its own code, mapped features), and without. Run
it on a machine that does nothing else."""
import argparse, json, os, resource, shutil, subprocess, sys, tempfile, threading, time
from pathlib import Path

WAYS = 'ours', 'ours-unfrozen', 'ours-larger', 'fastai'
SIZE = 160, 128
LABELS = {'ours': 'train', 'ours-unfrozen': 'train, then unfrozen', 'ours-larger': 'three bodies, 224x168', 'fastai': "fastai's vision_learner", 'yardstick': 'MobileNetV2 from nothing'}


def table_of(data, attributes, seed):
    if data == 'drawn':
        from fashion_tagger.samples import sample_wardrobe
        return sample_wardrobe(Path(tempfile.gettempdir())/f'drawn_{seed}', n=2000, seed=seed).table[['image', 'type', 'colour', 'pattern', 'split']]
    from fashion_tagger.sources import read_table
    return read_table(f'{data}/styles.csv', images=f'{data}/images', attributes=attributes.split(','), split='split')


def report(start, accuracies, what='epoch'):
    print(json.dumps(dict(seconds=round(time.time() - start, 2), what=what, accuracy={k: round(float(v), 4) for k, v in accuracies.items()},
                          peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024)), flush=True)


def ours(table, start, seed, epochs=0, arch='tf_efficientnet_lite0', size=SIZE, heads=1):
    from fashion_tagger.cli import _decode_beside
    beside = _decode_beside(table, size)  # noqa: F841, as the command does
    from fashion_tagger.export import export_tagger  # noqa: F401
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.data import tagger_dataloaders
    from fastai.vision.all import Callback, set_seed

    class Curve(Callback):
        order = 90
        def after_epoch(self): report(start, dict(zip(learn.schema.names, (m.value for m in learn.recorder.metrics[-len(learn.schema):]))))

    set_seed(seed, reproducible=True)
    learn = tagger_learner(tagger_dataloaders(table, size=size, seed=seed), arch, heads=heads)
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None
    curve = Curve()
    learn.disentangle()
    with learn.added_cbs(curve): learn.fit_tagger(unfrozen_epochs=epochs)
    learn.calibrate()
    scores = learn.scores()
    with tempfile.TemporaryDirectory() as folder: learn.export_tagger(f'{folder}/bundle', scores)
    report(start, {k: s['accuracy'] for k, s in scores.items()}, 'bundle')


def by_fastai(table, start, seed, epochs):
    "A fair multi-target version: one output per value, losses summed, aug_transforms, presizing, fine_tune"
    from fastai.vision.all import (Callback, CategoryBlock, ColSplitter, DataBlock, ImageBlock, L, Resize, ResizeMethod, aug_transforms, partial, set_seed, torch, vision_learner)
    from fashion_tagger.models import _packaged_weights
    names = [c for c in table if c not in ('image', 'split')]
    words = {n: sorted(set(table[n][table['split'] == 'train'].dropna())) for n in names}
    known = table[[all(r[n] in words[n] for n in names) for _, r in table.iterrows()]].reset_index(drop=True)
    block = DataBlock((ImageBlock, *(CategoryBlock(vocab=words[n], sort=False) for n in names)), n_inp=1, get_x=lambda r: r['image'], get_y=L(lambda r, n=n: r[n] for n in names),
                      splitter=ColSplitter('is_valid'), item_tfms=Resize((184, 147), method=ResizeMethod.Squish), batch_tfms=aug_transforms(size=SIZE, max_lighting=0.1))
    set_seed(seed, reproducible=True)
    dls = block.dataloaders(known.assign(is_valid=known['split'] == 'valid'), bs=64)
    sizes = [len(words[n]) for n in names]
    def loss(out, *ys): return sum(torch.nn.functional.cross_entropy(o, y) for o, y in zip(out.split(sizes, 1), ys))
    def right(i, out, *ys): return (out.split(sizes, 1)[i].argmax(1) == ys[i]).float().mean()
    metrics = [partial(right, i) for i in range(len(names))]
    for m, n in zip(metrics, names): m.__name__ = n

    class Curve(Callback):
        order = 90
        def after_epoch(self): report(start, dict(zip(names, self.recorder.values[-1][-len(names):])))

    learn = vision_learner(dls, 'tf_efficientnet_lite0', n_out=sum(sizes), loss_func=loss, metrics=metrics, cbs=Curve(), pretrained_cfg_overlay=dict(state_dict=_packaged_weights('tf_efficientnet_lite0')))
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None
    learn.fine_tune(epochs, 5e-3)


def one(way, args):
    table = table_of(args.data, args.attributes, args.seed)
    table = table[table['split'].isin(['train', 'valid'])]
    table = table.loc[table.index.repeat(args.times)].reset_index(drop=True)
    if way == 'fastai': by_fastai(table, args.start, args.seed, args.epochs)
    elif way == 'ours-unfrozen': ours(table, args.start, args.seed, args.epochs)
    elif way == 'ours-larger':
        from fashion_tagger.cli import LEVELS
        ours(table, args.start, args.seed, 0, *LEVELS[-1][:3])
    else: ours(table, args.start, args.seed)


class Watch(threading.Thread):
    "The most memory of a process's own so far, in MB: pages that hold no part of a file, which the system cannot take back (Linux)"
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.most = Path(f'/proc/{pid}/status'), 0
        self.start()

    def run(self):
        while True:
            try: now = next((int(line.split()[1])//1024 for line in self.path.read_text().splitlines() if line.startswith('RssAnon')), None)
            except OSError: return
            if now is None: return
            self.most = max(self.most, now)
            time.sleep(0.05)


def run(way, args):
    "The points of a way's curve"
    cache, start, points = tempfile.mkdtemp(), time.time(), []
    command = [sys.executable, __file__, args.data, '--one', way, '--start', str(start), '--attributes', args.attributes, '--seed', str(args.seed), '--epochs', str(args.epochs), '--times', str(args.times)]
    if way == 'yardstick': command = [sys.executable, args.yardstick, args.data, '--minutes', str(args.minutes)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | dict(FASHION_TAGGER_CACHE=cache)) as process:
            limit = threading.Timer(60*args.minutes, process.terminate)
            limit.start()
            watch = Watch(process.pid)
            for line in process.stdout:
                if not line.startswith('{'): continue
                p = json.loads(line)
                if 'accuracy' not in p: p = dict(seconds=p['seconds'], what='epoch', accuracy={k: v for k, v in p.items() if k in args.attributes.split(',')}, peak_mb=None)
                p['own_mb'] = watch.most or None
                points.append(p)
                print(f"{way:14} {p['seconds']:7.1f} s  {p['what']:6} " + '  '.join(f'{k} {v:.4f}' for k, v in p['accuracy'].items()) + (f"  {p['peak_mb']:,} MB, {p['own_mb'] or 0:,} of its own" if p['peak_mb'] else ''), flush=True)
            limit.cancel()
        if process.returncode not in (0, -15): raise SystemExit(f'{way} ended with status {process.returncode}')
    finally: shutil.rmtree(cache, ignore_errors=True)
    return points


def plot(curves, path):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    names = list(next(iter(curves.values()))[0]['accuracy'])
    fig, axs = plt.subplots(1, len(names), figsize=(3.7*len(names), 3.4), layout='constrained', squeeze=False)
    for ax, name in zip(axs[0], names):
        for way, points in curves.items(): ax.plot([p['seconds'] for p in points], [p['accuracy'][name] for p in points], '.-', lw=1.2, ms=8 if len(points) == 1 else 4, label=LABELS[way])
        ax.set(xscale='log', xlabel='seconds since the start', ylabel='validation accuracy', title=name)
        longest = max(p['seconds'] for points in curves.values() for p in points)
        ax.set_xticks([t for t in (10, 20, 50, 100, 200, 500, 1000, 2000) if t < 1.5*longest])
        ax.xaxis.set_major_formatter('{x:.0f}')
        ax.xaxis.set_minor_formatter('')
        ax.grid(alpha=0.3)
    fig.legend(*axs[0][-1].get_legend_handles_labels(), loc='outside lower center', ncols=len(curves), fontsize=9)
    fig.savefig(path, dpi=110)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data'); p.add_argument('--attributes', default='gender,articleType,baseColour'); p.add_argument('--ways', default='')
    p.add_argument('--yardstick'); p.add_argument('--minutes', type=float, default=10); p.add_argument('--seed', type=int, default=0); p.add_argument('--epochs', type=int, default=5)
    p.add_argument('--times', type=int, default=1)
    p.add_argument('--json'); p.add_argument('--plot'); p.add_argument('--one'); p.add_argument('--start', type=float)
    args = p.parse_args()
    if args.one: return one(args.one, args)
    ways = args.ways.split(',') if args.ways else [*WAYS, *(['yardstick'] if args.yardstick else [])]
    curves = {way: run(way, args) for way in ways}
    if args.json: Path(args.json).write_text(json.dumps(curves, indent=1))
    if args.plot: plot(curves, args.plot)


if __name__ == '__main__': main()
