"""Label files as people have them, each read and compared with what it says to a person.

    python benchmarks/cases.py CASES IMAGES

CASES is a folder with a subfolder per kind (roboflow_classes, tag_separators, ...), IMAGES the folder of the photos
that they name. A line per file: what was read, or the line that says why not. Exit status: how many were wrong."""
import sys, warnings
from pathlib import Path

import pandas as pd

from fashion_tagger.schema import InputError
from fashion_tagger.sources import read_table


def read(path, **kwargs):
    "A table, or the text of the error, and the warnings"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        try: result = read_table(path, **kwargs)
        except InputError as e: result = str(e)
    return result, [str(w.message) for w in said]


def is_table(result, n=100): return isinstance(result, pd.DataFrame) and len(result) == n

def cells(result, column): return [*result[column]] if is_table(result, len(result)) and column in result else None

def asks(result, *words): return isinstance(result, str) and '\n' not in result and all(w in result for w in words)


def labels(cases, images):
    "A name, whether it was read rightly, and what was read, for each file"
    def of(path, **kwargs): return read(cases/path, images=images, **kwargs)

    rf, _ = of('roboflow_classes/rf/train/_classes.csv')
    yield 'roboflow_classes', is_table(rf, 70) and rf['tags'][0] == ('Watches', 'Black') and 'tags' in rf, rf
    named, _ = of('roboflow_classes/rf/train/_classes.csv', tags=['Watches', 'Black'])
    yield 'roboflow_classes, named', cells(named, 'tags')[:2] == [('Watches', 'Black'), ()], named

    for n in 1, 2:
        got, said = of(f'label_studio_csv/project-{n}.csv', tags='choice')
        yield f'label_studio_csv/{n}', is_table(got) and got['choice'][1] == ('Tshirts', 'Red'), got
    for name in 't', 'jsonlist', 'pylist', 'emptylist':
        column = 'ground_truth' if name == 't' else 'labels'
        got, said = of(f'fiftyone_csv/{name}.csv', tags=column)
        right = cells(got, column) and cells(got, column)[1] == ('Tshirts', 'Red')
        if name == 'emptylist': right = right and cells(got, column)[0] == ()
        yield f'fiftyone_csv/{name}', right, got
    for name in 'index', 'semicolon', 'sepline', 'title', 'unnamed':
        got, said = of(f'google_sheets/{name}.csv', attributes='type')
        yield f'google_sheets/{name}', cells(got, 'type')[:2] == ['Watches', 'Tshirts'], got
    for name in 'cp1252', 'cp1256', 'gbk', 'sjis', 'utf16':
        got, said = of(f'encodings/{name}.csv', attributes='colour')
        codec = dict(gbk='gb18030', sjis='shift_jis').get(name, name)
        right = is_table(got) if name == 'utf16' else asks(got, 'not in UTF-8', f'in {codec}')
        yield f'encodings/{name}', right, got
    for name in 'local', 'products_export':
        got, said = of(f'shopify_csv/{name}.csv', attributes='Type', tags='Tags')
        right = is_table(got, 98) and got['group'].nunique() == 49 and got['Tags'][0][1] == 'summer sale'
        yield f'shopify_csv/{name}', right or asks(got, 'web'), got
    got, said = of('woocommerce_csv/one.csv', attributes=['Categories_1', 'Categories_3'])
    yield 'woocommerce_csv/one', cells(got, 'Categories_3')[:2] == ['Watches', 'Tshirts'], got
    got, said = of('woocommerce_csv/one.csv', attributes='Categories')
    yield 'woocommerce_csv/one, whole', is_table(got) and any('Categories_1,' in s for s in said), said
    got, said = of('woocommerce_csv/wc.csv', tags='Categories')
    yield 'woocommerce_csv/wc', asks(got, 'web'), got
    got, said = of('missing_words/t.csv', attributes='colour')
    yield 'missing_words', is_table(got) and got['colour'][0] is None and 'read as missing' in ' '.join(said), said
    got, said = of('numbers/t.csv', attributes='year')
    yield 'numbers, year', cells(got, 'year')[0] == '2008', got
    got, said = of('numbers/t.csv', attributes='price')
    yield 'numbers, price', asks(got, 'not measurements'), got
    for n, first in {1: ('Black', 'long sleeve'), 2: None, 3: ('Black', 'Watches'), 4: ('Black', 'Watches wear'),
                     5: ('Black', 'Watches wear', 'new, hot'), 6: None, 7: None, 8: ('Black', 'Watches')}.items():
        got, said = of(f'tag_separators/t{n}.csv', tags='tags')
        right = cells(got, 'tags')[0] == first if first else asks(got, 'tag_sep', "with '|'")
        yield f'tag_separators/t{n}', right, got
    for path in sorted((cases/'ids_without_extension').glob('*.csv')) + [cases/'image_urls/t.csv']:
        got, said = read(path, images=images, attributes='type')
        right = is_table(got) and all(Path(p).is_file() for p in got['image'])
        yield f'{path.parent.name}/{path.stem}', right or asks(got, 'there is') or asks(got, 'web'), got
    got, said = of('one_photo_in_two_parts/long.csv', tags='tag')
    yield 'one_photo_in_two_parts/long', is_table(got) and len(got['tag'][0]) == 2 and 'joined' in ' '.join(said), got
    got, said = of('one_photo_in_two_parts/product.csv', attributes='type')
    yield 'one_photo_in_two_parts/product', 'group' in got and "'product_id'" in ' '.join(said), said
    for name in 'Image', 'Split', 'split':
        got, said = of(f'capital_split/{name}.csv', attributes='type')
        right = is_table(got) and (name == 'Image' or {*got['split']} == {'train', 'valid', 'test'})
        yield f'capital_split/{name}', right, got


def main():
    cases, images = map(Path, sys.argv[1:3])
    wrong = 0
    for name, right, got in labels(cases, images):
        wrong += not right
        text = got if isinstance(got, str) else ' | '.join(got) if isinstance(got, list) else f'{len(got)} rows'
        print(f"{'ok   ' if right else 'WRONG'} {name:34} {text[:230]}", flush=True)
    sys.exit(min(wrong, 100))


if __name__ == '__main__': main()
