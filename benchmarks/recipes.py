"""Published recipes and ours on the same photos, one after the other, with the seconds that each trains.

    FASHION_TAGGER_DATA=DIR python benchmarks/recipes.py [ROW...] [--minutes M] [--seed N] [--json FILE]

DIR holds fashion_products, colour_and_type, clothing_photos and planet. A recipe trains from random weights until its
--minutes are over; ours takes as long as it needs. Run it on an otherwise idle machine."""
import argparse, json, os, sys, time, warnings
from pathlib import Path

from fashion_tagger.all import *
from fastai.vision.all import Adam, Callback, CancelFitException, np, pd, set_seed, torch

from machine import processor

FEATURES = 'all', 'auto'


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
    options = RECIPES[name] | dict(pretrained=False)
    learn = quiet(tagger_learner(dls, **options, opt_func=Adam, wd=0., metrics=[], cbs=Until(60*minutes)))
    start = time.perf_counter()
    learn.fit(1000, lr)
    return learn, time.perf_counter() - start


def ours(table, seed, epochs=20, size=(160, 128), features='all', **kwargs):
    "The recipe of `fashion-tagger train`, from JPEG files to a trained learner"
    start = time.perf_counter()
    set_seed(seed, reproducible=True)
    learn = quiet(tagger_learner(tagger_dataloaders(table, size=size, seed=seed), metrics=[], **kwargs))
    if features == 'auto': learn.choose_features()
    learn.fit_tagger(epochs)
    return learn, time.perf_counter() - start


def figures(learn, *keys):
    found = {}
    for target, scores in learn.scores().items():
        for key in keys:
            if scores.get(key) is not None: found[f'{target} {key}'] = scores[key]
    return found


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
    for features in FEATURES:
        learn, seconds = ours(pairs, seed, features=features)
        scores = figures(learn, 'accuracy') | dict(exact=both_right(learn, learn.dls.valid))
        yield f'ours, two attributes, features={features}', seconds, scores


def both_right(learn, dl):
    "The share of photos whose attributes are all right"
    with learn.no_bar(): p, targs = learn.get_preds(dl=dl)
    right = [p[:, s].argmax(1) == y for s, y in zip(learn.schema.slices.values(), targs)]
    return round(float(sum(right).eq(len(right)).float().mean()), 4)


def likeliest_words_right(learn, table, groups):
    "The share of photos for which the likeliest word of each group is right"
    tags = learn.schema['tags'].tags
    with learn.no_bar(): p, _ = learn.get_preds(dl=learn.dls.test_dl(table['image'].tolist()))
    right = pd.Series(True, table.index)
    for column, words in groups.items():
        places = [tags.index(word) for word in words]
        likeliest = [words[i] for i in p[:, places].argmax(1).tolist()]
        right &= table[column] == likeliest
    return round(float(right.mean()), 4)


def unseen(data, minutes, seed):
    "Both words right on a held-out combination, for each combination whose words also occur in others"
    columns = ['colour', 'type']
    table = read_table(data/'colour_and_type', attributes=columns)
    folds = held_out_folds([*zip(table['colour'], table['type'])], 100)
    names = {features: f'ours, features={features}' for features in FEATURES}
    result = {name: {} for name in ('SmallerVGG', *names.values())}
    took = dict.fromkeys(result, 0.)
    for fold in folds:
        asked = table.iloc[fold].reset_index(drop=True)
        rest = table.drop(index=table.index[fold]).reset_index(drop=True)
        combination = ' '.join(asked.iloc[0][columns])
        words = pd.DataFrame(dict(image=rest['image'], tags=[*zip(rest['colour'], rest['type'])]), dtype=object)
        learn, seconds = recipe(words, 'smaller_vgg', (96, 96), 'keras', minutes/2, seed)
        groups = {c: sorted(set(rest[c])) for c in columns}
        result['SmallerVGG'][combination] = likeliest_words_right(learn, asked, groups)
        took['SmallerVGG'] += seconds
        for features, name in names.items():
            learn, seconds = ours(rest, seed, features=features)
            result[name][combination] = both_right(learn, learn.dls.test_dl(asked, with_labels=True))
            took[name] += seconds
    for name, right in result.items():
        mean = round(sum(right.values())/len(right), 4)
        yield name, took[name]/len(folds), dict(right, mean=mean)


def clothing(data, minutes, seed):
    "Types of clothing_photos, trained on its train and scored on its validation part"
    table = read_table(data/'clothing_photos', attributes='type')
    versions = {
        'ours': {},
        'ours, 256x192': dict(size=(256, 192)),
        'ours, 256x192, 4 views': dict(size=(256, 192), views=4, epochs=60),
    }
    for name, kwargs in versions.items():
        learn, seconds = ours(table, seed, **kwargs)
        yield name, seconds, figures(learn, 'accuracy', 'top3')


def three_parts(table, schema, seed, cross_validated):
    "Planet's photos with a column `split`; cross-validated, what is scored is `valid`, and otherwise `test`"
    table = table.assign(split=np.where(stratified_split(table, schema, 0.227, seed=seed) == 'valid', 'test', 'train'))
    if cross_validated: return table.replace({'split': {'test': 'valid'}})
    rest = table['split'] == 'train'
    table.loc[rest, 'split'] = stratified_split(table[rest].reset_index(drop=True), schema, 0.2, seed=0)
    return table


def planet_f2(table, schema, seed, cross_validated=False, size=(160, 128), augment=None, arch='tf_efficientnet_lite0',
              **kwargs):
    "F2 of the 185 photos of one split, at the threshold that the others chose, and the seconds"
    start = time.perf_counter()
    table = three_parts(table, schema, seed, cross_validated)
    set_seed(seed, reproducible=True)
    dls = tagger_dataloaders(table, schema, size=size, augment=augment, seed=seed)
    learn = quiet(tagger_learner(dls, arch, metrics=[], **kwargs))
    learn.fit_tagger()
    if cross_validated:
        train, _ = learn.features()
        p = out_of_fold(train.x[:, 0], learn.model.features, schema, train.targs, epochs=20, lr=1e-2)
        p, y, dl = torch.as_tensor(p), train.targs[0], None
    else:
        p, y = learn.get_preds()
        test = table[table['split'] == 'test'].reset_index(drop=True)
        dl = learn.dls.test_dl(test, with_labels=True)
    threshold = best_thresholds(p, y, beta=2, per_tag=False)
    p, y = learn.get_preds(dl=dl)
    return fbeta_per_photo(p >= threshold, y, 2.).mean().item(), time.perf_counter() - start


def planet(data, minutes, seed):
    "F2 of 185 of Planet's photos, mean of three splits: thresholds chosen on 126 photos, or by cross-validation on 630"
    table = read_planet(data/'planet')
    schema = schema_from_table(table)
    larger = dict(size=(256, 256), augment='satellite', views=4)
    versions = {
        'ours': {},
        'ours, 256x256, satellite, 4 views': larger,
        'the same, thresholds by cross-validation': larger | dict(cross_validated=True),
        'the same, two bodies': larger | dict(cross_validated=True, arch='tf_efficientnet_lite0+tf_efficientnet_lite2'),
    }
    for name, kwargs in versions.items():
        found = [planet_f2(table, schema, split, **kwargs) for split in range(seed, seed + 3)]
        f2 = {f'split {seed + i}': f for i, (f, _) in enumerate(found)}
        yield name, sum(s for _, s in found)/3, f2 | dict(mean=sum(f2.values())/3)


ROWS = dict(products=products, colour_type=colour_type, unseen=unseen, clothing=clothing, planet=planet)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('rows', nargs='*', choices=[*ROWS, []], default=[], metavar='ROW', help=', '.join(ROWS))
    parser.add_argument('--minutes', type=float, default=3., help='how long a recipe trains')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json')
    args = parser.parse_args()
    data = os.environ.get('FASHION_TAGGER_DATA')
    if not data: sys.exit('FASHION_TAGGER_DATA is not set')
    warnings.simplefilter('ignore')
    print(processor(), flush=True)
    results = []
    for row in args.rows or ROWS:
        print(f'\n{row}: {ROWS[row].__doc__}', flush=True)
        for name, seconds, scores in ROWS[row](Path(data), args.minutes, args.seed):
            line = '  '.join(f'{k} {v:.4f}' for k, v in scores.items())
            print(f'  {name:44} {seconds:6.1f} s  {line}', flush=True)
            results.append(dict(row=row, name=name, seconds=round(seconds, 1), **scores))
    if args.json: Path(args.json).write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__': main()
