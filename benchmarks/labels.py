"""How many suspected labels are wrong, and what it is worth to correct them.

    python benchmarks/labels.py [--photos N] [--noise 0.05 0.1] [--seeds N] [--json FILE] [--suspects FILE.csv]

In drawn wardrobes we know every wrong label. Of the most suspect labels, as many as there are wrong ones, it prints how
many are wrong; the same of those that confident learning flags; and the accuracy, scored on correct labels, after
training on the noisy labels, on those with every suggestion followed, and on the correct ones.

With FASHION_TAGGER_DATA it also judges fashion_products, and writes the suspects to --suspects for you to look at."""
import argparse, json, os, tempfile, time, warnings
from pathlib import Path

import numpy as np
from fashion_tagger.all import *
from fastai.vision.all import set_seed

from machine import processor

TARGETS = ['type', 'colour', 'pattern', 'sleeve']


def learner(table, folder):
    learn = tagger_learner(tagger_dataloaders(table, path=folder, num_workers=0))
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None
    return learn


def accuracy(table, folder, seed):
    set_seed(seed, reproducible=True)
    learn = learner(table, folder)
    learn.fit_tagger()
    return np.mean([s['accuracy'] for s in learn.scores().values()])


def noisy(photos, noise, seed):
    "The figures of one wardrobe with a share `noise` of wrong labels"
    with tempfile.TemporaryDirectory() as folder:
        w = sample_wardrobe(folder, n=photos, seed=seed, label_noise=noise)
        rows, truth = (t[['image', *TARGETS, 'split']] for t in (w.table, w.truth))
        wrong = {(w.table.at[r.row, 'image'], r.column) for r in w.wrong.itertuples()}
        ranked = learner(rows, folder).suspect_labels(every=True)
        is_wrong = np.array([(s.image, s.target) in wrong for s in ranked.itertuples()])
        suspect = ranked['suspect'].to_numpy()
        train = set(rows['image'][rows['split'] == 'train'])
        followed = ranked[suspect & ranked['image'].isin(train)]
        followed = followed.assign(decision='relabel', label=followed['suggested'], tag='')
        versions = dict(noisy=rows, cleaned=apply_decisions(rows, followed), right=truth)
        scores = {name: accuracy(table, folder, seed) for name, table in versions.items()}
    recovered = (scores['cleaned'] - scores['noisy'])/(scores['right'] - scores['noisy'])
    return dict(noise=noise, seed=seed, wrong=len(wrong), top=is_wrong[:len(wrong)].mean(),
                suspects=int(suspect.sum()), suspects_wrong=is_wrong[suspect].mean(),
                found=is_wrong[suspect].sum()/len(wrong), **scores, recovered=recovered)


def catalogue(data, path):
    "Judge the labels of fashion_products, and write the suspects if there is a path"
    columns, products = ['gender', 'articleType', 'baseColour'], f'{data}/fashion_products'
    table = read_table(f'{products}/styles.csv', images=f'{products}/images', attributes=columns, split='split')
    with tempfile.TemporaryDirectory() as folder:
        learn = learner(table, folder)
        learn.features()
        start = time.perf_counter()
        suspects = learn.suspect_labels()
    seconds, counts = time.perf_counter() - start, suspects.groupby('target').size().to_dict()
    print(f'fashion_products: {len(table):,} rows judged in {seconds:.1f} s; suspects {counts}')
    if path: write_decisions(suspects, path)


def as_text(value): return f'{value:.3f}' if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--photos', type=int, default=2000)
    parser.add_argument('--noise', type=float, nargs='+', default=[0.05, 0.1])
    parser.add_argument('--seeds', type=int, default=2)
    parser.add_argument('--json')
    parser.add_argument('--suspects')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    print(processor(), flush=True)
    rows = []
    for noise in args.noise:
        for seed in range(args.seeds):
            rows.append(noisy(args.photos, noise, seed))
            print('  '.join(f'{k} {as_text(v)}' for k, v in rows[-1].items()), flush=True)
    if args.json: Path(args.json).write_text(json.dumps(rows, indent=1, default=float))
    data = os.environ.get('FASHION_TAGGER_DATA')
    if data: catalogue(data, args.suspects)


if __name__ == '__main__': main()
