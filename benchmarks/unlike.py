"""Photos unlike anything that was trained on: published scores, compared on types kept out of training, on photos
that are no clothes, and on clothes photographed otherwise.

    python benchmarks/unlike.py DATA [--seeds 0,1,2,3,4] [--trained catalogue,phone] [--features FILE] [--json FILE]

DATA is the folder with fashion_products, clothing_photos, apascal, planet and wardrobe. Every photo is embedded by the
default body, once for all runs that name the same --features. For each seed, a fifth of the types with 20 photos or
more is kept out, and heads are trained on the others (articleType, gender and baseColour of the catalogue; the type of
phone photos). Half of the validation photos sets limits, the other half stands for ordinary photos.

auroc   How often a strange photo scores higher than an ordinary one.
fpr95   Share of strange photos below a limit that keeps 95% of ordinary ones.
seen99  Share of strange photos beyond a limit that keeps 99% of the photos that set it."""
import argparse, json, tempfile, time
from pathlib import Path

import numpy as np, pandas as pd, torch
from sklearn.metrics import roc_auc_score

from fashion_tagger.looks import standardised
from machine import processor

SIZE, DIMS = (160, 128), 256


def embed(photos):
    "Features of photos as the default body gives them, and how many each group has"
    from fashion_tagger.embedding import embedding_engines
    from fashion_tagger.engines import stream_photos
    from fashion_tagger.models import DEFAULT_ARCH, create_tagger
    from fashion_tagger.photos import load_photo
    from fashion_tagger.schema import Attribute, Schema
    net = create_tagger(DEFAULT_ARCH, Schema([Attribute('type', ('a', 'b'))])).eval()
    engine = embedding_engines(net, SIZE, precisions=['f32'])[0]
    rows = stream_photos(engine, photos, lambda photo: np.asarray(load_photo(photo, SIZE)))
    return np.stack([np.concatenate(row) for row in rows]).astype(np.float32), net.features


def tables(data):
    "A table of each collection to train on, and the photos of the others"
    found = pd.read_csv(f'{data}/fashion_products/styles.csv', dtype=str)
    catalogue = pd.DataFrame(dict(image=f'{data}/fashion_products/images/' + found['id'] + '.jpg'))
    catalogue = catalogue.join(found[['articleType', 'gender', 'baseColour', 'split']])
    paths = sorted(Path(data, 'clothing_photos').glob('*/*/*'))
    phone = pd.DataFrame(dict(image=[*map(str, paths)], type=[p.parent.name for p in paths]))
    phone['split'] = np.where(np.random.default_rng(0).random(len(phone)) < 0.75, 'train', 'valid')
    folders = dict(apascal='apascal/VOC2008/JPEGImages', planet='planet/train-jpg', wardrobe='wardrobe/photos')
    others = {name: sorted(map(str, Path(data, folder).glob('*.jpg'))) for name, folder in folders.items()}
    return dict(catalogue=catalogue, phone=phone), others


def train_head(schema, sizes, x, targs, seed, epochs=20, bs=256, lr=1e-2):
    "Heads of the default recipe, on features"
    from fashion_tagger.losses import TaggerLoss
    from fashion_tagger.models import TaggerHead
    torch.manual_seed(seed)
    head, loss_func, n = TaggerHead(schema, sizes), TaggerLoss(schema), len(x)//bs
    opt = torch.optim.AdamW(head.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, lr, total_steps=epochs*n)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(bs)[:n]:
            loss = loss_func(head(x[batch]), *(y[batch] for y in targs))
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()
    return head.eval()


def squared_distance(a, b): return (a**2).sum(1)[:, None] + (b**2).sum(1) - 2*a @ b.T


def unit(z): return z/np.linalg.norm(z, axis=1, keepdims=True)


def per_value(z, y):
    "Squared Mahalanobis distance to the nearest mean of a value, with the covariance that all values share"
    used, codes = np.unique(y, return_inverse=True)
    means = np.stack([z[codes == i].mean(0) for i in range(len(used))])
    inner = z - means[codes]
    cov = inner.T @ inner/len(z)
    cov += 1e-3*np.trace(cov)/len(cov)*np.eye(len(cov))
    whiten = np.linalg.cholesky(np.linalg.inv(cov))
    return lambda q: squared_distance(q @ whiten, means @ whiten).min(1)


def nearest(z, k=10):
    "Distance to the k-th nearest of unit vectors"
    z = unit(z).astype(np.float32)
    return lambda q: np.sqrt(np.maximum(np.partition(squared_distance(unit(q), z), k - 1)[:, k - 1], 0))


def scores(name, schema, head, x, valid, targs, targs_valid, sets):
    "By score, the numbers of each set of features"
    from fashion_tagger.unlike import fit_unlike
    def logits_of(x):
        with torch.no_grad(): logits = head(torch.from_numpy(x))
        return {t.name: z.numpy() for t, z in schema.split(logits)}
    codes = {t.name: (y.numpy(), v.numpy()) for t, y, v in zip(schema, targs, targs_valid)}
    start = time.process_time()
    unlike = fit_unlike(x, valid, codes)
    seconds, plain = time.process_time() - start, fit_unlike(x, valid)
    def energy(z): return -np.logaddexp.reduce(z, axis=1)
    def softmax(z): return np.exp(z + energy(z)[:, None])
    basis, mean, std = plain.basis, plain.mean, plain.std
    spread = (standardised(x, mean, std) @ basis).std(0)
    def white(x): return standardised(x, mean, std) @ basis/spread
    first, y = schema.names[0], targs[0].numpy()
    known = y >= 0
    to_mean, to_value = lambda x: (white(x)**2).sum(1), per_value(white(x)[known], y[known])
    near, near_white = nearest(standardised(x, mean, std)), nearest(white(x))
    scale = logits_of(x)[first].max(1).mean()/plain.score(x).mean()
    ways = {
        f'largest softmax of {first}': lambda x: -softmax(logits_of(x)[first]).max(1),
        'largest softmax, mean of all': lambda x: -np.mean([softmax(z).max(1) for z in logits_of(x).values()], 0),
        f'energy of {first}': lambda x: energy(logits_of(x)[first]),
        'energy, sum of all': lambda x: sum(map(energy, logits_of(x).values())),
        'Mahalanobis, class-free': to_mean,
        f'Mahalanobis, nearest {first}': lambda x: to_value(white(x)),
        f'relative Mahalanobis, {first}': lambda x: to_value(white(x)) - to_mean(x),
        '10th nearest neighbour': lambda x: near(standardised(x, mean, std)),
        '10th nearest neighbour, white': lambda x: near_white(white(x)),
        'residual alone': plain.score,
        f'ViM, our head of {first}': lambda x: scale*plain.score(x) + energy(logits_of(x)[first]),
        'ViM, a linear classifier': unlike.score}
    print(f'{name}: classifier of {unlike.attribute}; fitted in {seconds:.1f} s of one core', flush=True)
    return {way: {which: f(x) for which, x in sets.items()} for way, f in ways.items()}, unlike


def judged(found):
    "Rows of figures from `scores`"
    rows = []
    for way, s in found.items():
        limit95, limit99 = np.quantile(s['ordinary'], 0.95), np.quantile(s['limit'], 0.99)
        for which, v in s.items():
            if which == 'limit': continue
            row = dict(score=way, photos=which, seen99=(v > limit99).mean())
            if which != 'ordinary':
                truth = np.repeat([0, 1], [len(s['ordinary']), len(v)])
                row |= dict(auroc=roc_auc_score(truth, np.r_[s['ordinary'], v]), fpr95=(v <= limit95).mean())
            rows.append(row)
    return rows


def compare(name, table, x, sizes, others, seed):
    from fashion_tagger.schema import encode_labels, schema_from_table
    attributes = [c for c in table if c not in ('image', 'split')]
    kinds, is_train = table[attributes[0]], (table['split'] == 'train').to_numpy()
    types = sorted(kinds.value_counts().loc[lambda n: n >= 20].index)
    rng = np.random.default_rng(seed)
    out = kinds.isin(rng.permutation(types)[:len(types)//5]).to_numpy()
    train = is_train & ~out
    valid = rng.permutation(np.flatnonzero(~is_train & ~out))
    limit, ordinary = np.split(valid, 2) if len(valid) % 2 == 0 else np.split(valid[1:], 2)
    schema = schema_from_table(table[train], attributes)
    known = {t.name: table[t.name].where(table[t.name].isin(t.values), None) for t in schema}
    codes = encode_labels(pd.DataFrame(known, dtype=object), schema)
    targs, targs_valid = ([torch.as_tensor(y[rows]) for y in codes] for rows in (train, limit))
    head = train_head(schema, sizes, torch.from_numpy(x[train]), targs, seed)
    sets = {'limit': x[limit], 'ordinary': x[ordinary], 'types kept out': x[out], **others}
    found, unlike = scores(f'{name}, seed {seed}', schema, head, x[train], x[limit], targs, targs_valid, sets)
    return judged(found), unlike


def cost(unlike, x, n=2000):
    "Bytes of the file, and milliseconds per photo, one at a time and 16 at a time"
    with tempfile.TemporaryDirectory() as folder:
        unlike.save(f'{folder}/unlike.safetensors')
        size = Path(folder, 'unlike.safetensors').stat().st_size
    found = dict(bytes=size)
    for bs in (1, 16):
        seconds = []
        for i in range(0, n, bs):
            start = time.perf_counter()
            unlike(x[i:i + bs])
            seconds.append(time.perf_counter() - start)
        found[f'ms_in_batches_of_{bs}'] = 1e3*float(np.median(seconds))/bs
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--seeds', default='0,1,2,3,4')
    parser.add_argument('--trained', default='catalogue,phone')
    parser.add_argument('--features', help='an .npz file')
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    pd.set_option('display.width', 200)
    collections, others = tables(args.data)
    wanted = others | {name: table['image'] for name, table in collections.items()}
    if args.features and Path(args.features).exists(): features = dict(np.load(args.features))
    else: features = {name: embed(photos)[0] for name, photos in wanted.items()}
    if args.features: np.savez(args.features, **features)
    others, features = ({name: features[name] for name in part} for part in (others, collections))
    sizes, result = embed(collections['phone']['image'][:1])[1], {}
    for name in args.trained.split(','):
        foreign = others | {f'{other} photos': x[::4] for other, x in features.items() if other != name}
        rows = []
        for seed in map(int, args.seeds.split(',')):
            found, unlike = compare(name, collections[name], features[name], sizes, foreign, seed)
            rows += [dict(seed=seed, **row) for row in found]
        figures = pd.DataFrame(rows).groupby(['score', 'photos'], sort=False)[['auroc', 'fpr95', 'seen99']]
        for what, stat in dict(mean=figures.mean(), deviation=figures.std()).items():
            shown = stat.unstack().dropna(axis=1).round(3).to_string()
            print(f'\ntrained on {name}, {what} over seeds\n{shown}', flush=True)
        result[name] = dict(rows=rows, **cost(unlike, features[name]))
        print({k: v for k, v in result[name].items() if k != 'rows'}, flush=True)
    if args.json: Path(args.json).write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__': main()
