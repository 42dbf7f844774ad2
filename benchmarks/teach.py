"""Teach a tagger a type that it has never seen, from 1, 5 and 20 photos, and measure what it finds and what it loses.

    FASHION_TAGGER_DATA=DATA python benchmarks/teach.py [--types T ...] [--photos 1 5 20] [--seeds 5] [--further]
                                                        [--unlike] [--features FILE.npy] [--json FILE]

For each type of fashion_products, a head is trained without it. Then it is taught the type from photos of the training
rows, and four ways are compared: `teach_row`, which is what `fashion-tagger teach` does; weight imprinting, whose row
is the mean of the photos; nearest mean, which gives up the head and takes the type with the nearest mean of the hidden
layer; and a head trained anew with every photo of the type. `found` is the share of the type's validation photos that
are answered so, `lost` by how much the accuracy of the other validation photos falls; it counts the half of them that
nothing was fitted to. With --further, training goes on from an untaught row with the photos of the type alone, with
and without examples.

--unlike asks something else: how many validation photos of a type that was kept out of training lie beyond the limit
of `Unlike`, before and after `taught` has seen some, and how many photos of the other types do afterwards. Types are
then those of UNLIKE by default.

The body is frozen and the same for all, so photos are embedded once; --features keeps them for the next run."""
import argparse, json, os, warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fashion_tagger.all import *
from fastai.vision.all import DataLoaders, set_seed
from fashion_tagger.embedding import FeatureDL, Features
from fashion_tagger.examples import as_halves
from fashion_tagger.imprinting import teach_row
from fashion_tagger.vocabulary import heads_of

TYPES = ['Backpacks', 'Flip Flops', 'Kurtas', 'Socks']
UNLIKE = ['Watches', 'Handbags', 'Sunglasses', 'Kurtas', 'Flip Flops']
TARGETS = ['articleType', 'baseColour']


def embedded(data, file):
    "Features of all rows, and the rows"
    root = f'{data}/fashion_products'
    rows = read_table(f'{root}/styles.csv', images=f'{root}/images', attributes=TARGETS, split='split')
    rows = rows[rows['split'].isin(['train', 'valid'])].reset_index(drop=True)
    if file and Path(file).exists(): return torch.from_numpy(np.load(file)), rows
    dls = tagger_dataloaders(rows)
    learn = tagger_learner(dls)
    x = torch.zeros(len(rows), sum(learn.model.features.values()))
    for i, part in enumerate(('train', 'valid')): x[(rows['split'] == part).to_numpy()] = learn.features()[i].x[:, 0]
    if file: np.save(file, x.numpy())
    return x, rows


def part_of(x, rows, schema, part):
    "Features and labels; a word that is not in the schema is missing"
    used = rows[rows['split'] == part]
    targs = tuple(torch.tensor([t.encode(c if c in t.vocab else None) for c in used[t.name]]) for t in schema)
    return Features(x[used.index.to_numpy()][:, None], targs)


def learner(x, rows, schema, net):
    "A learner of heads on features"
    parts = [part_of(x, rows, schema, part) for part in ('train', 'valid')]
    dls = DataLoaders(*(FeatureDL(f, 256, i == 0, 'cpu') for i, f in enumerate(parts)), device='cpu')
    learn = TaggerLearner(dls, net, schema=schema, loss_func=TaggerLoss(schema), splitter=TaggerNet.param_groups,
                          train_bn=False)
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None
    learn.freeze()
    return learn


def trained(x, rows, epochs, seed=0):
    "A calibrated head for what is in some rows"
    set_seed(seed, reproducible=True)
    schema = schema_from_table(rows[['image', *TARGETS, 'split']])
    learn = learner(x, rows, schema, create_tagger('tf_efficientnet_lite0', schema))
    learn.fit_tagger(epochs)
    learn.calibrate()
    return learn


@torch.no_grad()
def type_logits(net, x): return net.head(x)[:, net.schema.slices['articleType']]


@torch.no_grad()
def hidden(net, x): return heads_of(net)[0].hidden(x)[0]


def figures(found, right, before):
    return dict(found=float(found.mean()), lost=float(before.mean() - right.mean()))


class Held:
    "A type that a head was trained without"
    def __init__(self, x, rows, name, epochs):
        self.name, self.own = name, (rows['articleType'] == name).to_numpy()
        self.learn = trained(x, rows[~self.own], epochs)
        self.net, self.temperatures = self.learn.model.eval(), self.learn.loss_func.temperatures
        valid = self.learn.dls.valid.features
        order = np.random.default_rng(0).permutation(len(valid.x))
        kept = Examples(self.net.schema, as_halves(valid.x[order, 0]), tuple(y[order].numpy() for y in valid.targs))
        self.learning, self.measuring = kept.halves()
        training = (rows['split'] == 'train').to_numpy()
        self.pool, self.test = np.flatnonzero(self.own & training), x[self.own & ~training]
        self.x, self.y = x, self.measuring.targs[0]
        self.others = torch.from_numpy(self.measuring.x.astype(np.float32))
        self.right = type_logits(self.net, self.others).argmax(1).numpy() == self.y
        self.after = add_words(self.net.schema, Attribute('articleType', [name]))
        self.number = len(self.after.schema['articleType'].vocab) - 1

    def judged(self, answer):
        "Figures of a function from features to numbers of types"
        return figures(answer(self.test) == self.number, answer(self.others) == self.y, self.right)

    def by_net(self, net): return self.judged(lambda x: type_logits(net, x).argmax(1).numpy())

    def taught(self, chosen):
        net = reword_net(self.net, self.after)
        teach_row(net, 'articleType', self.name, self.x[chosen], self.learning.reworded(self.after), True,
                  self.temperatures, {})
        return self.by_net(net)

    def imprinted(self, chosen):
        "A row of the mean direction, as long as the others are on average"
        net = reword_net(self.net, self.after)
        linear, mean = heads_of(net)[0].linears[0], hidden(net, self.x[chosen]).mean(0)
        with torch.no_grad():
            linear.weight[-1] = mean/mean.norm()*linear.weight[:-1].norm(dim=1).mean()
            linear.bias[-1] = linear.bias[:-1].mean()
        return self.by_net(net)

    def nearest(self, chosen):
        "The type whose mean has the highest cosine; old means are those of the examples"
        h, y = hidden(self.net, torch.from_numpy(self.learning.x.astype(np.float32))), self.learning.targs[0]
        means = torch.zeros(self.number + 1, h.shape[1])
        for k in set(y[y >= 0]): means[k] = h[y == k].mean(0)
        means[-1] = hidden(self.net, self.x[chosen]).mean(0)
        unit = torch.nn.functional.normalize
        return self.judged(lambda x: (unit(hidden(self.net, x)) @ unit(means).T).argmax(1).numpy())

    def further(self, rows, chosen, epochs, replay):
        "Training that goes on with the photos of the type alone"
        from fashion_tagger.teaching import _beside
        set_seed(0, reproducible=True)
        some = rows.loc[chosen].assign(split='train')
        some.iloc[:max(len(some)//5, 1), some.columns.get_loc('split')] = 'valid'
        learn = learner(self.x, some, self.after.schema, reword_net(self.net, self.after))
        if replay:
            train = _beside(learn.dls.train.features, self.learning.reworded(self.after))
            learn.dls = DataLoaders(FeatureDL(train, 64, True, 'cpu'), learn.dls.valid, device='cpu')
        learn.fit_tagger(epochs, 2e-3)
        return self.by_net(learn.model.eval())


def ceiling(held, x, rows, epochs):
    "A head trained with every photo of the type, and scored on the same photos"
    net = trained(x, rows, epochs).model.eval()
    vocab, old = net.schema['articleType'].vocab, [*held.after.schema['articleType'].vocab]
    numbers = np.array([old.index(word) for word in vocab])
    return held.judged(lambda x: numbers[type_logits(net, x).argmax(1).numpy()])


def unlike_rows(x, rows, name, photos, seeds):
    "Shares of photos that are called unlike, by the number of photos of the type that were taught"
    own, training = (rows['articleType'] == name).to_numpy(), (rows['split'] == 'train').to_numpy()
    x, others = x.numpy(), rows[~own]
    codes = np.array([sorted(others['articleType'].unique()).index(c) if c in set(others['articleType']) else -1
                      for c in rows['articleType']])
    valid = np.random.default_rng(0).permutation(np.flatnonzero(~own & ~training)) # one half sets the limit
    train, limit, ordinary = np.flatnonzero(~own & training), valid[::2], valid[1::2]
    known = fit_unlike(x[train], x[limit], dict(articleType=(codes[train], codes[limit])))
    pool, test = np.flatnonzero(own & training), x[own & ~training]
    yield dict(type=name, photos=0, seed=0, unlike=(known(test) > 1).mean(), ordinary=(known(x[ordinary]) > 1).mean())
    for n in photos:
        for seed in range(seeds):
            chosen = np.random.default_rng(seed).choice(pool, min(n, len(pool)), replace=False)
            after = known.taught(x[chosen], x[limit])
            shares = dict(unlike=(after(test) > 1).mean(), ordinary=(after(x[ordinary]) > 1).mean())
            yield dict(type=name, photos=n, seed=seed) | shares


def measure_unlike(x, rows, args):
    found = []
    for name in args.types or UNLIKE: found += unlike_rows(x, rows, name, args.photos, args.seeds)
    table = pd.DataFrame(found)
    print(table.groupby(['type', 'photos'], sort=False)[['unlike', 'ordinary']].mean().round(3).to_string())
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--types', nargs='+')
    parser.add_argument('--photos', type=int, nargs='+', default=[1, 5, 20])
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--epochs', type=int, default=20)
    parser.add_argument('--features', help='A .npy file to keep the features in')
    parser.add_argument('--further', action='store_true')
    parser.add_argument('--unlike', action='store_true')
    parser.add_argument('--json')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    x, rows = embedded(os.environ['FASHION_TAGGER_DATA'], args.features)
    if args.unlike: return measure_unlike(x, rows, args)
    found = []
    for name in args.types or TYPES:
        held = Held(x, rows, name, args.epochs)
        ways = dict(teach=held.taught, imprinting=held.imprinted, nearest_mean=held.nearest)
        for n in args.photos:
            for seed in range(args.seeds):
                chosen = np.random.default_rng(seed).choice(held.pool, min(n, len(held.pool)), replace=False)
                found += [dict(type=name, way=way, photos=n, seed=seed) | judge(chosen) for way, judge in ways.items()]
        whole = dict(type=name, photos=len(held.pool), seed=0)
        found.append(whole | dict(way='retrained') | ceiling(held, x, rows, args.epochs))
        for replay in (True, False) if args.further else ():
            way = 'further' if replay else 'further, no examples'
            found.append(whole | dict(way=way) | held.further(rows, held.pool, args.epochs, replay))
        own = pd.DataFrame([row for row in found if row['type'] == name])
        print(name, own.groupby(['way', 'photos'])[['found', 'lost']].mean().round(3).to_string(), sep='\n', flush=True)
    table = pd.DataFrame(found)
    few = table[table['way'].isin([*ways])]
    print(few.groupby(['way', 'photos'])[['found', 'lost']].agg(['mean', 'min', 'max']).round(3).to_string())
    print(table.groupby(['type', 'way', 'photos'])[['found', 'lost']].mean().round(3).to_string())
    print(table[~table['way'].isin([*ways])].groupby('way')[['found', 'lost']].mean().round(3).to_string())
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1))


if __name__ == '__main__': main()
