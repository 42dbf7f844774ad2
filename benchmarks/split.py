"""How long it takes to split a table into training and validation rows, and to find copies among photos.

    python benchmarks/split.py [--rows N ...] [--images DIR] [--json FILE]

The tables are made up: an attribute of 50 values, one of 1,000 and up to four of 300 tags, all with long tails, and
photos that do not exist. DIR is a folder of real photos in which to find files with the same bytes."""
import argparse, json, time
from pathlib import Path

import numpy as np, pandas as pd

from fashion_tagger.photos import find_images
from fashion_tagger.schema import schema_from_table
from fashion_tagger.splits import row_groups, stratified_split

from machine import processor


def long_tail(rng, n, k):
    "`n` numbers below `k`, small ones often"
    return (k*rng.random(n)**3).astype(int)


def made_up(n, seed=0):
    "A table of `n` rows"
    rng = np.random.default_rng(seed)
    tags = np.array([f'tag {i}' for i in range(300)], object)[long_tail(rng, (n, 4), 300)]
    lengths = rng.integers(0, 5, n)
    return pd.DataFrame(dict(image=[f'photos/{i}.jpg' for i in range(n)], type=long_tail(rng, n, 50).astype(str),
                             brand=long_tail(rng, n, 1000).astype(str),
                             tags=[tuple(dict.fromkeys(t[:k])) for t, k in zip(tags, lengths)]))


def timed(f, *args):
    start = time.perf_counter()
    result = f(*args)
    return result, time.perf_counter() - start


def furthest(table, schema, split, valid=0.2):
    "How far the validation rows of a value are from its share, for the value that is furthest off: in rows, by target"
    held_out, apart = split == 'valid', {}
    for t in schema:
        words = [t.words(cell) for cell in table[t.name]]
        labels = pd.DataFrame(dict(word=words, valid=held_out)).explode('word').dropna()
        by_word = labels.groupby('word')['valid'].agg(['sum', 'size'])
        apart[t.name] = float((by_word['sum'] - valid*by_word['size']).abs().max())
    return apart


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=int, nargs='+', default=[10_000, 100_000, 1_000_000])
    parser.add_argument('--images')
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    results = []
    for n in args.rows:
        table = made_up(n)
        schema = schema_from_table(table)
        split, seconds = timed(stratified_split, table, schema)
        share, apart = float((split == 'valid').mean()), furthest(table, schema, split)
        results.append(dict(rows=n, seconds=round(seconds, 2), share=round(share, 4), furthest=apart))
        off = ', '.join(f'{name} {rows:.0f}' for name, rows in apart.items())
        print(f'{n:,} rows: {seconds:.2f} s; {share:.2%} for validation; a value is off by rows: {off}', flush=True)
    if args.images:
        photos = pd.DataFrame(dict(image=[*find_images(args.images)]))
        groups, seconds = timed(row_groups, photos)
        copies = len(photos) - len({*groups})
        results.append(dict(photos=len(photos), seconds=round(seconds, 2), copies=copies))
        print(f'{len(photos):,} photos: {copies:,} copies found in {seconds:.2f} s', flush=True)
    if args.json: Path(args.json).write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__': main()
