"""Accuracy against the number of labelled photos, for ways of choosing which photos to label next.

    python benchmarks/next.py DATA [--attributes A,B,C] [--only NAME,NAME] [--seeds N] [--start N] [--step N] [--end N]
                                   [--json FILE]

DATA is a folder with styles.csv (columns id, split and the attributes) and images/. All photos are embedded once. A
seed draws `start` photos of the training split. Heads train on them as `fit_tagger` trains them, are scored on the
validation split (a word that no labelled photo has is wrong), and choose `step` more, until `end` are labelled.

random         any
margin         smallest margin, the mean of the attributes (Scheffer 2001)
turns          smallest margin, each attribute in turn
entropy        largest entropy, the sum of the attributes
bald           mutual information of answer and weights, 10 passes of dropout (Gal 2017)
core_set       the greatest distance to what is labelled (Sener & Savarese 2018)
badge          k-means++ on gradients of the last layer (Ash 2020)
typiclust      the most typical photo of clusters without a label (Hacohen 2022)
cluster_margin small margins, from small clusters first (Citovsky 2021), with k-means
next           what `fashion-tagger next` does: turns, then k-means (Zhdanov 2019)"""
import argparse, json, time
from typing import NamedTuple

import numpy as np, pandas as pd, torch
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA

from fashion_tagger.active_learning import choose_rows, least_sure, margins
from fashion_tagger.data import tagger_dataloaders
from fashion_tagger.learner import learner_features, tagger_learner
from fashion_tagger.losses import TaggerLoss
from fashion_tagger.models import TaggerHead, probabilities
from fashion_tagger.schema import Schema, encode_labels, schema_from_table
from fashion_tagger.sources import read_table

from machine import processor


class Photos(NamedTuple):
    "All photos"
    table: pd.DataFrame
    x: torch.Tensor # Features
    sizes: dict # Of the groups of features
    z: np.ndarray # Unit vectors of 128 principal components


class Round(NamedTuple):
    "What a strategy may look at"
    photos: Photos
    labelled: np.ndarray # Rows
    pool: np.ndarray # Rows without a label
    schema: Schema
    head: TaggerHead
    p: np.ndarray # Probabilities of the pool
    hidden: np.ndarray # Activations of the pool before the last layer
    n: int # How many to choose
    rng: np.random.Generator
    seed: int


def embed(data, attributes):
    table = read_table(f'{data}/styles.csv', images=f'{data}/images', attributes=attributes, split='split')
    learn = tagger_learner(tagger_dataloaders(table, seed=0))
    learn.remove_cb(learn.progress)
    seen = learner_features(learn)
    train = seen.x[(seen.table['split'] == 'train').to_numpy()]
    x = ((seen.x - train.mean(0))/(train.std(0) + 1e-6)).clamp(-6, 6).numpy()
    z = PCA(128, svd_solver='randomized', random_state=0).fit(x[:len(train)]).transform(x)
    return Photos(seen.table, seen.x, seen.sizes, z/np.linalg.norm(z, axis=1, keepdims=True))


def fit(photos, attributes, rows, seed, epochs=20, bs=64, lr=1e-2):
    "A head that has learned from some rows, and the schema of their words"
    table = photos.table.iloc[rows].reset_index(drop=True)
    schema = schema_from_table(table[['image', *attributes]], attributes, [])
    targs = [torch.as_tensor(y).as_subclass(torch.Tensor) for y in encode_labels(table, schema)]
    torch.manual_seed(seed)
    head, loss_func, x = TaggerHead(schema, photos.sizes), TaggerLoss(schema), photos.x[rows]
    opt = torch.optim.AdamW(head.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, lr, total_steps=epochs*(len(rows)//bs))
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(bs)[:len(rows)//bs]:
            loss = loss_func(head(x[batch]), *(y[batch] for y in targs))
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()
    return schema, head.eval()


@torch.no_grad()
def answers(schema, head, x):
    "Probabilities, and the activations before the last layer"
    hidden = next(iter(head.trunks.values()))(x)
    logits = torch.cat([linear(hidden) for linear in head.linears], 1)
    return probabilities(schema, logits).numpy(), hidden.numpy()


def score(photos, schema, head, rows):
    "Accuracy and mean recall of the values of each attribute"
    p, _ = answers(schema, head, photos.x[rows])
    found = {}
    for t, q in schema.split(p):
        truth = photos.table[t.name].iloc[rows]
        known = truth.notna().to_numpy()
        hits = pd.Series((np.array(t.values, object)[q.argmax(1)] == truth.to_numpy(object))[known])
        found[t.name] = dict(accuracy=hits.mean(), recall=hits.groupby(truth.to_numpy(object)[known]).mean().mean())
    return found


def entropy(schema, p):
    "Summed over the attributes"
    return sum(-(q*np.log(q + 1e-12)).sum(1) for _, q in schema.split(p))


def clusters(z, n, seed): return MiniBatchKMeans(n, random_state=seed, n_init=1, batch_size=1024, max_iter=30).fit(z)

def random(r): return r.rng.permutation(len(r.pool))

def margin(r): return margins(r.schema, r.p).mean(0).argsort()

def turns(r): return least_sure(margins(r.schema, r.p))

def largest_entropy(r): return (-entropy(r.schema, r.p)).argsort()


def bald(r, n_passes=10):
    torch.manual_seed(r.seed)
    for module in r.head.modules():
        if isinstance(module, torch.nn.Dropout): module.train()
    passes = [answers(r.schema, r.head, r.photos.x[r.pool])[0] for _ in range(n_passes)]
    r.head.eval()
    return (np.mean([entropy(r.schema, p) for p in passes], 0) - entropy(r.schema, np.mean(passes, 0))).argsort()


def core_set(r):
    z = r.photos.z[r.pool]
    distance, chosen = (2 - 2*z @ r.photos.z[r.labelled].T).min(1), []
    for _ in range(r.n):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, 2 - 2*z @ z[chosen[-1]])
    return chosen


def badge(r):
    parts = [q - np.eye(q.shape[1], dtype=np.float32)[q.argmax(1)] for _, q in r.schema.split(r.p)]
    a, h = np.concatenate(parts, 1), r.hidden # a gradient is the outer product of their rows
    square = (a*a).sum(1)*(h*h).sum(1)
    chosen, distance = [int(square.argmax())], np.inf
    while len(chosen) < r.n:
        i = chosen[-1]
        to_last = square + square[i] - 2*(a @ a[i])*(h @ h[i])
        distance = np.minimum(distance, np.maximum(to_last, 0))
        distance[chosen] = 0
        chosen.append(int(r.rng.choice(len(a), p=distance/distance.sum())))
    return chosen


def typiclust(r, most=500):
    n = min(len(r.labelled) + r.n, most)
    numbers = clusters(r.photos.z[np.r_[r.labelled, r.pool]], n, r.seed).labels_
    known, own = np.bincount(numbers[:len(r.labelled)], minlength=n), numbers[len(r.labelled):]
    members = {c: [*np.flatnonzero(own == c)] for c in range(n)}
    chosen = []
    while len(chosen) < r.n:
        c = min((c for c in range(n) if members[c]), key=lambda c: (known[c], -len(members[c])))
        z = r.photos.z[r.pool][members[c]]
        typical = np.sort(z @ z.T, 1)[:, -20:].mean(1)
        chosen.append(members[c].pop(int(typical.argmax())))
        known[c] += 1
    return chosen


def cluster_margin(r, candidates=10, size=20):
    unsure = margin(r)[:candidates*r.n]
    numbers = clusters(r.photos.z[r.pool], len(r.pool)//size, r.seed).labels_
    queues = sorted(([i for i in unsure if numbers[i] == c] for c in {*numbers[unsure]}), key=len)
    return [q[k] for k in range(r.n) for q in queues if k < len(q)]


def by_next(r): return choose_rows(margins(r.schema, r.p), r.photos.x[r.pool].numpy(), r.n, r.seed)


STRATEGIES = dict(random=random, margin=margin, turns=turns, entropy=largest_entropy, bald=bald, core_set=core_set,
                  badge=badge, typiclust=typiclust, cluster_margin=cluster_margin, next=by_next)


def curve(name, photos, attributes, seed, start, step, end):
    "Scores by number of labels, and the seconds that choosing took"
    rng, split = np.random.default_rng(seed), photos.table['split']
    order, valid = rng.permutation(np.flatnonzero(split == 'train')), np.flatnonzero(split == 'valid')
    labelled, pool, found, seconds = order[:start], order[start:], {}, 0
    while True:
        schema, head = fit(photos, attributes, labelled, seed)
        found[len(labelled)] = score(photos, schema, head, valid)
        if len(labelled) >= end: return found, seconds
        p, hidden = answers(schema, head, photos.x[pool])
        begin = time.perf_counter()
        chosen = np.asarray(STRATEGIES[name](Round(photos, labelled, pool, schema, head, p, hidden, step, rng, seed)))
        seconds += time.perf_counter() - begin
        labelled, pool = np.r_[labelled, pool[chosen[:step]]], np.delete(pool, chosen[:step])


def mean(scores, what): return float(np.mean([s[what] for s in scores.values()]))


def print_summary(found):
    "Mean of the attributes by number of labels, with the standard deviation over the seeds; and beside random choice"
    for what in 'accuracy', 'recall':
        by_name = {}
        for name, runs in found.items(): by_name[name] = np.array([[mean(s, what) for s in r.values()] for r in runs])
        print(f"\n{what}, {', '.join(f'{n} labels' for n in next(iter(found.values()))[0])}")
        for name, values in by_name.items():
            cells = [f'{m:.3f}±{s:.3f}' for m, s in zip(values.mean(0), values.std(0, ddof=len(values) > 1))]
            gain = (values - by_name['random'][:len(values)])[:, 1:].mean(1) if 'random' in by_name else [0]
            print(f"{name:15}{'  '.join(cells)}  {100*np.mean(gain):+.1f} points over random, "
                  f"{100*np.min(gain):+.1f} to {100*np.max(gain):+.1f} by seed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--attributes', default='gender,articleType,baseColour')
    parser.add_argument('--only', default=','.join(STRATEGIES))
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--start', type=int, default=200)
    parser.add_argument('--step', type=int, default=200)
    parser.add_argument('--end', type=int, default=1200)
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    attributes, found = args.attributes.split(','), {name: [] for name in args.only.split(',')}
    photos = embed(args.data, attributes)
    for seed in range(args.seeds):
        for name in found:
            scores, seconds = curve(name, photos, attributes, seed, args.start, args.step, args.end)
            found[name].append(scores)
            by_size = '  '.join(f"{mean(s, 'accuracy'):.3f}" for s in scores.values())
            print(f'{name:15} seed {seed}: {by_size}, chosen in {seconds:.1f} s', flush=True)
            if args.json:
                with open(args.json, 'w') as f: json.dump(found, f, indent=1)
    print_summary(found)


if __name__ == '__main__': main()
