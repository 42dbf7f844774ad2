"""What looks alike and what goes together: siblings found, blanks filled, compatibility, and large wardrobes.

    python benchmarks/wardrobe.py DATA [--bundle FOLDER] [--seeds 0,1,2,3,4] [--parts alike,together,shift,large,index]
                                       [--json FILE]

DATA is a folder with products.csv (product, image, type, family, colour), images/ and outfits.csv (outfit, product);
products whose ids share the part before the dash are one garment in several colours. A bundle is trained on the
products first, 224x160 and with the garments as groups, unless one is given.

alike     A fifth of the garments is not learned from. Of their photos that have siblings: the share that finds one
          among the 1, 5 and 10 nearest of all photos; for features as they are, whitened, and learned from the
          siblings of the others; by all that there is to see, and blind to colour.
together  A fifth of the outfits is kept back, without twins of outfits to learn from. Wrong items are of the same
          type, and drawn as often as all outfits have them. `new_items` are questions whose answer is in no outfit
          to learn from, `among_new` those whose wrong answers are in none either.
shift     How far the features of photos of one type are from the mean of all, beside 60 random photos.
large     Seconds and memory for 10,000 items (photos are repeated), of the search among 100,000 vectors, and of the
          page of 3,000 items.
index     Exact search beside approximate indexes, those that are installed of hnswlib, faiss-cpu and usearch, among
          the products' looks, and 100,000 and 500,000 vectors: the looks, repeated with noise. Processor seconds of
          one thread for making the index and for 1 and 1,000 queries, what the index holds in memory, and the share
          of the exact ten nearest that it finds. Run it with OMP_NUM_THREADS=1; it is no part by default."""
import argparse, importlib.util, json, resource, tempfile, time
from pathlib import Path

import numpy as np, pandas as pd

from machine import processor


def timed(f, *args, **kwargs):
    "What a function returns, and its seconds"
    start = time.perf_counter()
    out = f(*args, **kwargs)
    return out, time.perf_counter() - start


def products(data):
    table = pd.read_csv(f'{data}/products.csv', dtype=str)
    return table.assign(image=f'{data}/images/' + table['image'], group=table['product'].str.split('-').str[0])


def train(table, out):
    from fashion_tagger.recipes import train_bundle
    return train_bundle(table[['image', 'family', 'type', 'colour', 'group']], out, size=(224, 160))


def unit(x): return x/np.linalg.norm(x, axis=1, keepdims=True)


def alike(tagger, items, table, seeds):
    from fashion_tagger.looks import fit_looks, recall_at
    groups, colours = table['group'].to_numpy(), pd.factorize(table['colour'])[0]
    names = np.unique(groups)
    rows = []
    for seed in seeds:
        held = np.random.default_rng(seed).permutation(names)[:len(names)//5]
        asked = np.flatnonzero(np.isin(groups, held))
        known = ~np.isin(groups, held)
        fit = dict(labels=dict(colour=colours[known]))
        white, s_white = timed(fit_looks, items.x[known], tagger.features, **fit)
        learned, s_learned = timed(fit_looks, items.x[known], tagger.features, groups[known], **fit)
        ways = {'features as they are': (unit(items.x), 0.), 'white': (white(items.x), s_white),
                'white, blind to colour': (white(items.x, 'colour'), s_white),
                'learned': (learned(items.x), s_learned),
                'learned, blind to colour': (learned(items.x, 'colour'), s_learned)}
        for way, (z, seconds) in ways.items():
            recall = recall_at(z, groups, queries=asked)
            rows.append(dict(way=way, seconds=seconds, **{f'@{k}': v for k, v in recall.items()}))
    found = pd.DataFrame(rows).groupby('way', sort=False).mean()
    print(found.round(3).to_string(), flush=True)
    return found.reset_index().to_dict('records')


def together(tagger, items, table, data, seeds):
    from fashion_tagger.colours import dominant_colours, harmony_matrix
    from fashion_tagger.outfit_model import fit_outfits, judge_outfits, pair_score
    from fashion_tagger.outfits import (blank_questions, co_occurrence_score, fill_in_the_blank, popularity_score,
                                        read_outfits, split_outfits)
    from fashion_tagger.wardrobe import item_kinds
    from joblib import Parallel, delayed
    outfits = read_outfits(f'{data}/outfits.csv', table['product'])
    types, colours, garments = (pd.factorize(table[c])[0] for c in ('type', 'colour', 'group'))
    often = np.bincount(np.concatenate(outfits), minlength=len(table))
    kinds = item_kinds(tagger.schema, items.p)
    wheel = Parallel(n_jobs=2)(delayed(dominant_colours)(photo) for photo in table['image'])
    looks = unit(items.x - items.x.mean(0))
    rows = []
    for seed in seeds:
        learn, judge = split_outfits(outfits, 0.2, seed)
        seen = np.unique(np.concatenate(learn))
        all_new = blank_questions(judge, types, np.where(np.isin(np.arange(len(table)), seen), 0, often), seed)
        model, seconds = timed(fit_outfits, items.x, items.p, kinds, learn, seed=seed)
        vectors = model.vectors(items.x, items.p)
        scores = {
            'popularity': popularity_score(learn, len(table)),
            'colour wheel': lambda c, o: harmony_matrix([wheel[i] for i in c], [wheel[i] for i in o]).mean(1),
            'looks alike': lambda c, o: (looks[c] @ looks[o].T).mean(1),
            'co-occurrence of types and colours': co_occurrence_score(learn, np.stack([types, colours], 1)),
            'co-occurrence of items': co_occurrence_score(learn, np.arange(len(table))),
            'co-occurrence of garments': co_occurrence_score(learn, garments),
            'OutfitModel': pair_score(model.fits(vectors, vectors))}
        for way, score in scores.items():
            found = judge_outfits(score, judge, types, often, seen, seed)
            found['among_new'] = fill_in_the_blank(score, all_new, seen).new
            rows.append(dict(way=way, seconds=seconds if way == 'OutfitModel' else 0., **found))
        print(pd.DataFrame(rows[-len(scores):]).round(3).to_string(index=False), flush=True)
    frame = pd.DataFrame(rows).groupby('way', sort=False)
    print('mean', frame.mean().round(3).to_string(), sep='\n')
    print('standard deviation', frame.std().round(3).to_string(), sep='\n', flush=True)
    return frame.mean().reset_index().to_dict('records')


def shift(tagger, items, table):
    "How far photos are from those of training: random ones, and those of one type, for the types with 100 or more"
    from fashion_tagger.similar import feature_shift, tagger_looks
    looks, rng = tagger_looks(tagger, items.x), np.random.default_rng(0)
    found = {'60 at random': feature_shift(items.x[rng.choice(len(table), 60)], looks)}
    for name, rows in table.groupby('type').indices.items():
        if len(rows) >= 100: found[name] = feature_shift(items.x[rows], looks)
    print(pd.Series(found).round(3).sort_values().to_string(), flush=True)
    return found


def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6


def large(bundle, table, n=10_000):
    from fashion_tagger.inference import Tagger
    from fashion_tagger.looks import nearest
    from fashion_tagger import wardrobe_page
    from fashion_tagger.wardrobe import Wardrobe
    photos = (table['image'].tolist()*2)[:n]
    tagger = Tagger.load(bundle)
    rows = []
    def step(name, f, *args):
        out, seconds = timed(f, *args)
        rows.append(dict(step=name, seconds=round(seconds, 1), peak_gb=round(memory(), 2)))
        print(rows[-1], flush=True)
        return out
    wardrobe = step(f'tags, features and colours of {n:,} photos', Wardrobe, tagger, photos)
    step('edges of what is alike', wardrobe.alike_edges)
    step('near-duplicates', wardrobe.duplicates)
    if wardrobe.model: step('edges of what goes together', wardrobe.goes_edges)
    z = np.random.default_rng(0).normal(size=(100_000, 320)).astype(np.float32)
    z = unit(z)
    step('the 10 nearest of one among 100,000', nearest, z, 10, z[:1])
    step('the 10 nearest of 1,000 among 100,000', nearest, z, 10, z[:1000])
    found = step('edges, groups, outfits and gaps of 3,000 items', Wardrobe(tagger, photos[:3000]).to_dict)
    step('layout of their graph', wardrobe_page._graph, found)
    step('their page', wardrobe_page.render_wardrobe, found)
    return rows


def exact(z):
    from fashion_tagger.looks import nearest
    return lambda queries: nearest(z, 10, queries)[0], 0


def product(z):
    "Exact too: cosines of a hundred queries at a time, and the largest ten"
    def search(queries):
        rows = []
        for part in np.array_split(queries, -(-len(queries)//100)):
            cosines = part @ z.T
            best = np.argpartition(-cosines, 10)[:, :10]
            rows.append(np.take_along_axis(best, np.argsort(-np.take_along_axis(cosines, best, 1)), 1))
        return np.concatenate(rows)
    return search, 0


def hnswlib_index(z):
    import hnswlib
    index = hnswlib.Index('ip', z.shape[1])
    index.init_index(len(z), M=16, ef_construction=100)
    index.set_num_threads(1)
    index.add_items(z)
    index.set_ef(100)
    return lambda queries: index.knn_query(queries, 10, num_threads=1)[0].astype(int), index.index_file_size()


def usearch_index(z):
    from usearch.index import Index
    index = Index(ndim=z.shape[1], metric='ip', dtype='f32', connectivity=16, expansion_add=100, expansion_search=100)
    index.add(np.arange(len(z)), z, threads=1)
    def search(queries):
        found = index.search(queries, 10, threads=1).keys.astype(int)
        return found.reshape(len(queries), -1)
    return search, index.memory_usage


def faiss_index(z):
    import faiss
    faiss.omp_set_num_threads(1)
    cells = 1024 if len(z) > 40_000 else 128
    index = faiss.index_factory(z.shape[1], f'IVF{cells},Flat', faiss.METRIC_INNER_PRODUCT)
    index.train(z[np.random.default_rng(0).permutation(len(z))[:40_000]])
    index.add(z)
    index.nprobe = 32
    return lambda queries: index.search(queries, 10)[1], faiss.serialize_index(index).nbytes


INDEXES = dict(hnswlib=hnswlib_index, faiss=faiss_index, usearch=usearch_index)
NOISE = 0.7 # two copies have a cosine of 0.67, as siblings have


def searched(z, sizes):
    "Vectors and queries: of the products themselves, and of more like them"
    rng = np.random.default_rng(0)
    def like(some): return unit(some + NOISE*rng.normal(size=some.shape)/some.shape[1]**0.5).astype(np.float32)
    rows = rng.permutation(len(z))
    yield z[rows[1000:]], z[rows[:1000]]
    for n in sizes:
        many = np.concatenate([like(z[i % len(z)]) for i in np.array_split(np.arange(n), 50)])
        yield many, like(z[rng.choice(len(z), 1000)])


def index(z, sizes=(100_000, 500_000)):
    rows = []
    def core_seconds(f, *args):
        start = time.process_time()
        return f(*args), time.process_time() - start
    installed = {name: make for name, make in INDEXES.items() if importlib.util.find_spec(name)}
    ways = dict(exact=exact, product=product) | installed
    missing = sorted(INDEXES.keys() - installed)
    if missing: print(f'not installed, and left out: {", ".join(missing)}', flush=True)
    for many, queries in searched(z, sizes):
        for name, make in ways.items():
            (search, size), build = core_seconds(make, many)
            search(queries[1:2]) # libraries load, once
            _, one = core_seconds(search, queries[:1])
            found, thousand = core_seconds(search, queries)
            if name == 'exact': truth = found
            recall = np.mean([len({*a} & {*b})/10 for a, b in zip(found, truth)])
            rows.append(dict(vectors=len(many), way=name, build=round(build, 2), gb=round(size/1e9, 2),
                             one=round(one, 5), thousand=round(thousand, 2), recall=round(float(recall), 3)))
            print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('--bundle')
    parser.add_argument('--seeds', default='0,1,2,3,4')
    parser.add_argument('--parts', default='alike,together,shift,large')
    parser.add_argument('--json')
    args = parser.parse_args()
    from fashion_tagger.inference import Tagger
    from fashion_tagger.similar import read_items, tagger_looks
    seeds, parts, table, found = [*map(int, args.seeds.split(','))], args.parts.split(','), products(args.data), {}
    print(processor(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bundle = args.bundle or f'{folder}/bundle'
        if not args.bundle: train(table, bundle)
        tagger = Tagger.load(bundle)
        if {'alike', 'together', 'shift', 'index'} & {*parts}:
            items, seconds = timed(read_items, tagger, table['image'])
            print(f'{len(table):,} photos tagged and embedded in {seconds:.1f} s', flush=True)
        if 'alike' in parts: found['alike'] = alike(tagger, items, table, seeds)
        if 'together' in parts: found['together'] = together(tagger, items, table, args.data, seeds)
        if 'shift' in parts: found['shift'] = shift(tagger, items, table)
        if 'large' in parts: found['large'] = large(bundle, table)
        if 'index' in parts:
            found['index'] = index(tagger_looks(tagger, items.x).centred(items.x)(items.x))
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__': main()
