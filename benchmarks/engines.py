"""What each engine answers for the same labelled photos: scores, and how its probabilities differ from PyTorch's.

    python benchmarks/engines.py BUNDLE TABLE --images DIR [--split COLUMN] [--part valid]"""
import argparse
from importlib.util import find_spec

import numpy as np
from fashion_tagger.inference import Tagger
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.sources import part_mask, read_table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('bundle'); parser.add_argument('table')
    parser.add_argument('--images'); parser.add_argument('--split'); parser.add_argument('--part')
    args = parser.parse_args()
    ways = [('torch', None)] + [('onnx', None)]*bool(find_spec('onnxruntime')) + [('openvino', 'f32'), ('openvino', 'bf16')]*bool(find_spec('openvino'))
    schema, reference = Tagger.load(args.bundle, 'torch').schema, None
    names = {k: [t.name for t in schema if t.kind == k] or None for k in ('attribute', 'tags')}
    table = read_table(args.table, args.images, names['attribute'], names['tags'], args.split)
    rows = table[part_mask(table, args.part)[0]].reset_index(drop=True)
    for backend, precision in ways:
        interp = TaggerInterpretation.from_bundle(Tagger.load(args.bundle, backend, precision=precision), rows)
        reference = interp.p if reference is None else reference
        apart = np.abs(interp.p - reference).max()
        changed = {t.name: float((interp.p[:, s].argmax(1) != reference[:, s].argmax(1)).mean()) if t.kind == 'attribute' else float(((interp.p[:, s] >= 0.5) != (reference[:, s] >= 0.5)).mean())
                   for t, s in zip(schema, schema.slices.values())}
        print(f"{' '.join(filter(None, (backend, precision))):15} largest difference {apart:.2g}, " + ', '.join(f"{n} {s:.4f} ({changed[n]:.2%} changed)" for n, s in interp.scores()['score'].items()), flush=True)


if __name__ == '__main__': main()
