"""Seconds and memory of interpreting many answers at once.

    python benchmarks/interpret.py [--rows N] [--targets N] [--values N]

Answers are drawn at random, for all targets but one attributes of --values values, the last a tag set of as many tags; photos are never opened."""
import argparse, resource, time

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.schema import Attribute, Schema, TagSet


def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024


def answers(rows, targets, values):
    rng, words = np.random.default_rng(0), tuple(f'v{i:03d}' for i in range(values))
    schema = Schema([*(Attribute(f'a{i}', words) for i in range(targets - 1)), TagSet('tags', words)])
    table = pd.DataFrame({'image': [f'{i}.jpg' for i in range(rows)], **{f'a{i}': rng.choice(words, rows) for i in range(targets - 1)}})
    table['tags'] = [tuple(rng.choice(words, 3, replace=False)) for _ in range(rows)]
    table.loc[rng.random(rows) < 0.1, 'a0'] = None
    return schema, table, rng.random((rows, schema.n_logits), dtype=np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in dict(rows=10_000, targets=8, values=75).items(): parser.add_argument(f'--{name}', type=int, default=default)
    args = parser.parse_args()
    schema, table, p = answers(args.rows, args.targets, args.values)
    print(f'{args.rows:,} rows, {args.targets} targets, {schema.n_logits} logits; {peak():,.0f} MB before')
    start = time.perf_counter()
    interp = TaggerInterpretation(table, schema, p, temperatures={n: 1.5 for n in schema.names})
    interp.scores()
    interp.top_losses(50)
    for t in schema:
        interp.per_class(t.name), interp.most_confused(t.name), interp.top_losses(50, t.name), interp.reliability(t.name)
        interp.plot_confusion_matrix(t.name), interp.plot_reliability(t.name), interp.plot_precision_recall(t.name)
        if t.kind == 'tags': interp.co_occurrence(t.name), interp.plot_dendrogram('a0', t.name)
        else: interp.sure_enough(t.name)
        plt.close('all')
    print(f'everything, figures too: {time.perf_counter() - start:.1f} s, peak {peak():,.0f} MB')


if __name__ == '__main__': main()
