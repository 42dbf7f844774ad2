"""Published recipes and ours on the same photos, one after the other, with the seconds that each trains.

    FASHION_TAGGER_DATA=DIR python benchmarks/recipes.py [ROW...] [--minutes M] [--seed N] [--json FILE]

DIR holds fashion_products, colour_and_type and clothing_photos. A recipe trains from random weights until its --minutes are over;
ours takes what it needs. Run it on a machine that does nothing else."""
import argparse, json, os, sys, time, warnings
from pathlib import Path

from fashion_tagger.all import *
from fastai.vision.all import Adam, Callback, CancelFitException, pd, set_seed

SEES = 'all', 'auto'


class Until(Callback):
    "End training after so many seconds, between two batches"
    def __init__(self, seconds): self.seconds = seconds
    def before_fit(self): self.start = time.perf_counter()
    def after_batch(self):
        if self.training and time.perf_counter() - self.start > self.seconds: raise CancelFitException()


def quiet(learn):
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None
    return learn


def recipe(table, name, size, augment, minutes, seed, lr=1e-3, bs=32):
    "A published network, trained from random weights with Adam at a constant rate; the learner and its seconds"
    set_seed(seed, reproducible=True)
    dls = tagger_dataloaders(table, size=size, augment=augment, bs=bs, seed=seed)
    learn = quiet(tagger_learner(dls, **{**RECIPES[name], 'pretrained': False}, opt_func=Adam, wd=0., metrics=[], cbs=Until(60*minutes)))
    start = time.perf_counter()
    learn.fit(1000, lr)
    return learn, time.perf_counter() - start


def ours(table, seed, freeze_epochs=20, size=(160, 128), sees='all', **kwargs):
    "The recipe of `fashion-tagger train`, from JPEG files to a trained learner"
    start = time.perf_counter()
    set_seed(seed, reproducible=True)
    learn = quiet(tagger_learner(tagger_dataloaders(table, size=size, seed=seed), metrics=[], **kwargs))
    if sees == 'auto': learn.disentangle()
    learn.fit_tagger(freeze_epochs)
    return learn, time.perf_counter() - start


def figures(learn, *keys): return {f'{t} {k}': s[k] for t, s in learn.scores().items() for k in keys if s.get(k) is not None}


def products(data, minutes, seed):
    "gender, articleType and baseColour of fashion_products, on its own split"
    table = read_fashion_products(data/'fashion_products')
    learn, seconds = recipe(table, 'mobilenet_v2', (112, 84), 'colour_jitter', minutes, seed)
    yield 'MobileNetV2, a linear layer per attribute', seconds, figures(learn, 'accuracy')
    learn, seconds = ours(table, seed)
    yield 'ours', seconds, figures(learn, 'accuracy')


def colour_type(data, minutes, seed):
    "Both words of colour_and_type's folder names, as tags"
    table = read_table(data/'colour_and_type')
    learn, seconds = recipe(table, 'smaller_vgg', (96, 96), 'keras', minutes, seed)
    yield 'SmallerVGG, binary cross entropy', seconds, figures(learn, 'elementwise', 'exact')
    learn, seconds = ours(table, seed)
    yield 'ours', seconds, figures(learn, 'elementwise', 'exact')
    pairs = read_table(data/'colour_and_type', attributes=['colour', 'type'])
    for sees in SEES:
        learn, seconds = ours(pairs, seed, sees=sees)
        yield f'ours, two attributes, sees={sees}', seconds, dict(figures(learn, 'accuracy'), exact=both_right(learn, learn.dls.valid))


def both_right(learn, dl):
    "Share of photos whose attributes are all right"
    with learn.no_bar(): p, targs = learn.get_preds(dl=dl)
    right = [p[:, s].argmax(1) == y for s, y in zip(learn.schema.slices.values(), targs)]
    return round(float(sum(right).eq(len(right)).float().mean()), 4)


def likeliest_words(learn, table, groups):
    "Share of photos for which the likeliest word of each group is right"
    tags = learn.schema['tags'].tags
    with learn.no_bar(): p, _ = learn.get_preds(dl=learn.dls.test_dl(table['image'].tolist()))
    said = [pd.Series([max(g, key=lambda w: q[tags.index(w)].item()) for q in p], table.index) for g in groups.values()]
    return round(float(pd.concat([s == table[g] for s, g in zip(said, groups)], axis=1).all(axis=1).mean()), 4)


def unseen(data, minutes, seed):
    "Both words right on photos of a combination that training never showed, for each whose words occur elsewhere"
    table = read_table(data/'colour_and_type', attributes=['colour', 'type'])
    folds = leave_out_folds([*zip(table['colour'], table['type'])], 100)
    result = {name: {} for name in ('SmallerVGG', *(f'ours, sees={s}' for s in SEES))}
    took = dict.fromkeys(result, 0.)
    for fold in folds:
        asked, rest = table.iloc[fold].reset_index(drop=True), table.drop(index=table.index[fold]).reset_index(drop=True)
        combination = ' '.join(asked.iloc[0][['colour', 'type']])
        words = pd.DataFrame(dict(image=rest['image'], tags=[*zip(rest['colour'], rest['type'])]), dtype=object)
        learn, seconds = recipe(words, 'smaller_vgg', (96, 96), 'keras', minutes/2, seed)
        result['SmallerVGG'][combination] = likeliest_words(learn, asked, {c: sorted(set(rest[c])) for c in ('colour', 'type')})
        took['SmallerVGG'] += seconds
        for sees in SEES:
            learn, seconds = ours(rest, seed, sees=sees)
            result[f'ours, sees={sees}'][combination] = both_right(learn, learn.dls.test_dl(asked, with_labels=True))
            took[f'ours, sees={sees}'] += seconds
    for name, r in result.items(): yield name, took[name]/len(folds), dict(r, mean=round(sum(r.values())/len(r), 4))


def clothing(data, minutes, seed):
    "Types of clothing_photos, trained on its train and scored on its validation"
    table = read_table(data/'clothing_photos', attributes='type')
    for name, kwargs in {'ours': {}, 'ours, 256x192': dict(size=(256, 192)),
                         'ours, 256x192, 4 views': dict(size=(256, 192), views=4, freeze_epochs=60)}.items():
        learn, seconds = ours(table, seed, **kwargs)
        yield name, seconds, figures(learn, 'accuracy', 'top3')


ROWS = dict(products=products, colour_type=colour_type, unseen=unseen, clothing=clothing)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('rows', nargs='*', choices=[*ROWS, []], default=[], metavar='ROW', help=', '.join(ROWS))
    args.add_argument('--minutes', type=float, default=3., help='that a recipe may train')
    args.add_argument('--seed', type=int, default=0)
    args.add_argument('--json')
    args = args.parse_args()
    data = os.environ.get('FASHION_TAGGER_DATA')
    if not data: sys.exit('FASHION_TAGGER_DATA is not set')
    warnings.simplefilter('ignore')
    results = []
    for row in args.rows or ROWS:
        print(f'\n{row}: {ROWS[row].__doc__}', flush=True)
        for name, seconds, scores in ROWS[row](Path(data), args.minutes, args.seed):
            print(f"  {name:44} {seconds:6.1f} s  " + '  '.join(f'{k} {v:.4f}' for k, v in scores.items()), flush=True)
            results.append(dict(row=row, name=name, seconds=round(seconds, 1), **scores))
    if args.json: Path(args.json).write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__': main()
