"""How many suspected labels are wrong, and what it is worth to correct them.

    python benchmarks/labels.py [--photos N] [--noise 0.05 0.1] [--seeds N] [--json FILE] [--suspects FILE.csv]

Drawn wardrobes with wrong labels, of which we know all: of the most suspect labels, as many as there are wrong ones, how many are wrong;
the same of those that confident learning suspects; and the accuracy on right labels after training on the noisy ones, on those where every
suggestion was taken, and on the right ones. With FASHION_TAGGER_DATA, the suspects of fashion_products as well, written to --suspects to be looked at."""
import argparse, json, os, tempfile, time, warnings
from pathlib import Path

import numpy as np
from fashion_tagger.all import *
from fastai.vision.all import set_seed

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
    with tempfile.TemporaryDirectory() as folder:
        w = sample_wardrobe(folder, n=photos, seed=seed, label_noise=noise)
        rows, truth = (t[['image', *TARGETS, 'split']] for t in (w.table, w.truth))
        wrong = {(w.table.at[r.row, 'image'], r.column) for r in w.wrong.itertuples()}
        ranked = learner(rows, folder).suspect_labels(every=True)
        guilty = np.array([(s.image, s.target) in wrong for s in ranked.itertuples()])
        suspect = ranked['suspect'].to_numpy()
        train = set(rows['image'][rows['split'] == 'train'])
        taken = ranked[suspect & ranked['image'].isin(train)].assign(decision='relabel', label=lambda s: s['suggested'], tag='')
        scores = {name: accuracy(t, folder, seed) for name, t in dict(noisy=rows, cleaned=apply_decisions(rows, taken), right=truth).items()}
    return dict(noise=noise, seed=seed, wrong=len(wrong), top=guilty[:len(wrong)].mean(), suspects=int(suspect.sum()), suspects_wrong=guilty[suspect].mean(),
                found=guilty[suspect].sum()/len(wrong), **scores, recovered=(scores['cleaned'] - scores['noisy'])/(scores['right'] - scores['noisy']))


def catalogue(data, path):
    columns = ['gender', 'articleType', 'baseColour']
    table = read_table(f'{data}/fashion_products/styles.csv', images=f'{data}/fashion_products/images', attributes=columns, split='split')
    with tempfile.TemporaryDirectory() as folder:
        learn = learner(table, folder)
        learn._features()
        start = time.perf_counter()
        suspects = learn.suspect_labels()
    print(f'fashion_products: {len(table):,} rows judged in {time.perf_counter() - start:.1f} s; suspects {suspects.groupby("target").size().to_dict()}')
    if path: write_decisions(suspects, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--photos', type=int, default=2000)
    parser.add_argument('--noise', type=float, nargs='+', default=[0.05, 0.1])
    parser.add_argument('--seeds', type=int, default=2)
    parser.add_argument('--json')
    parser.add_argument('--suspects')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    rows = []
    for noise in args.noise:
        for seed in range(args.seeds):
            rows.append(noisy(args.photos, noise, seed))
            print('  '.join(f'{k} {v:.3f}' if isinstance(v, float) else f'{k} {v}' for k, v in rows[-1].items()), flush=True)
    if args.json: Path(args.json).write_text(json.dumps(rows, indent=1, default=float))
    data = os.environ.get('FASHION_TAGGER_DATA')
    if data: catalogue(data, args.suspects)


if __name__ == '__main__': main()
