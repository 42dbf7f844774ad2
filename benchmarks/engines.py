"""What each engine answers for the same labelled photos: its scores, and how far its probabilities are from PyTorch's.

    python benchmarks/engines.py BUNDLE TABLE --images DIR [--split COLUMN] [--part valid]"""
import argparse

import numpy as np
from fashion_tagger.inference import Tagger
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.sources import read_table
from fashion_tagger.splits import part_mask

from machine import engines, processor


def changed_answers(target, p, reference):
    "The share of answers about a target, one per tag, that differ from the reference's"
    if target.kind == 'attribute': return float((p.argmax(1) != reference.argmax(1)).mean())
    return float(((p >= 0.5) != (reference >= 0.5)).mean())


def rows_of(args, schema):
    names = {kind: [t.name for t in schema if t.kind == kind] or None for kind in ('attribute', 'tags')}
    table = read_table(args.table, args.images, names['attribute'], names['tags'], args.split)
    return table[part_mask(table, args.part)[0]].reset_index(drop=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('bundle')
    parser.add_argument('table')
    parser.add_argument('--images')
    parser.add_argument('--split')
    parser.add_argument('--part')
    args = parser.parse_args()
    print(processor(), flush=True)
    schema, reference = Tagger.load(args.bundle, 'torch').schema, None
    rows = rows_of(args, schema)
    for backend, precision in engines():
        interp = TaggerInterpretation.from_bundle(Tagger.load(args.bundle, backend, precision=precision), rows)
        if reference is None: reference = interp.p
        apart = np.abs(interp.p - reference).max()
        figures = []
        for target, s in zip(schema, schema.slices.values()):
            score = interp.summary()['score'][target.name]
            changed = changed_answers(target, interp.p[:, s], reference[:, s])
            figures.append(f'{target.name} {score:.4f} ({changed:.2%} changed)')
        name = f'{backend} {precision}' if precision else backend
        print(f"{name:15} largest difference {apart:.2g}, {', '.join(figures)}", flush=True)


if __name__ == '__main__': main()
