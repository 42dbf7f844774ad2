"""Seconds and memory of interpreting many answers at once.

    python benchmarks/interpret.py [--rows N] [--targets N] [--values N]

The answers are drawn at random. The last target is a tag set, the others are attributes, each with --values words.
Photos are never opened."""
import argparse, resource, time

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fashion_tagger import classes, confusion, grad_cam, reliability  # noqa: F401, for the methods that they add
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.schema import Attribute, Schema, TagSet

from machine import processor


def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024


def answers(rows, targets, values):
    "A schema, a labelled table and probabilities"
    rng, words = np.random.default_rng(0), tuple(f'v{i:03d}' for i in range(values))
    attributes = [f'a{i}' for i in range(targets - 1)]
    schema = Schema([*(Attribute(name, words) for name in attributes), TagSet('tags', words)])
    table = pd.DataFrame({'image': [f'{i}.jpg' for i in range(rows)]})
    for name in attributes: table[name] = rng.choice(words, rows)
    table['tags'] = [tuple(rng.choice(words, 3, replace=False)) for _ in range(rows)]
    table.loc[rng.random(rows) < 0.1, 'a0'] = None
    return schema, table, rng.random((rows, schema.n_logits), dtype=np.float32)


def interpret(interp, target):
    "Everything that is computed and drawn of one target"
    name = target.name
    interp.per_class(name)
    interp.most_confused(name)
    interp.top_losses(50, name)
    interp.reliability(name)
    interp.plot_confusion_matrix(name)
    interp.plot_reliability(name)
    interp.plot_precision_recall(name)
    if target.kind == 'tags':
        interp.co_occurrence(name)
        interp.plot_dendrogram('a0', name)
    else: interp.coverage_at_accuracy(name)
    plt.close('all')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=int, default=10_000)
    parser.add_argument('--targets', type=int, default=8)
    parser.add_argument('--values', type=int, default=75)
    args = parser.parse_args()
    print(processor(), flush=True)
    schema, table, p = answers(args.rows, args.targets, args.values)
    print(f'{args.rows:,} rows, {args.targets} targets, {schema.n_logits} logits; {peak():,.0f} MB before')
    start = time.perf_counter()
    interp = TaggerInterpretation(table, schema, p, temperatures={n: 1.5 for n in schema.names})
    interp.summary()
    interp.top_losses(50)
    for target in schema: interpret(interp, target)
    print(f'everything, with its figures: {time.perf_counter() - start:.1f} s, peak {peak():,.0f} MB')


if __name__ == '__main__': main()
