"Every type of garment, drawn in all its sleeves"
from itertools import product

import numpy as np

from fashion_tagger.drawing import COLOURS, PATTERNS
from fashion_tagger.garments import SLEEVES, TYPES, band, bend, mirror, sketch_garment, smooth, whole
from fashion_tagger.samples import SLEEVE_TAGS


def test_curves():
    arch = bend([(0, 0), .25, (1, 0)], closed=False, steps=8)
    assert arch[[0, -1]].tolist() == [[0, 0], [1, 0]]
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert smooth(corners, closed=False)[-1].tolist() == [0, 1]
    half = whole([(.1, 0), .02, (.3, .1), (.2, 1)], bottom=.1)
    assert len(half) == len(mirror(half))
    np.testing.assert_allclose(sorted(half[:, 0]), sorted(mirror(half)[:, 0]))
    np.testing.assert_allclose(np.ptp(band([(0, 0), (0, .5), (0, 1)], .2, tip=.4)[:, 0]), .4)


def test_sketches():
    "All points are finite, the size is about 1, and no two sketches are alike"
    for name, kind in TYPES.items():
        shapes = set()
        for sleeve, seed in product(kind.sleeves, range(3)):
            pts = sketch_garment(name, sleeve, seed).pts
            assert np.isfinite(pts).all() and .4 < np.ptp(pts[:, 1]) < 1.4, name
            shapes.add(pts.std(0).round(6).tobytes())
        assert len(shapes) == 3*len(kind.sleeves), name


def test_outline():
    s = sketch_garment("scarf", seed=0)
    assert s.outline(60).size == (60, 60)
    assert s._repr_png_().startswith(b"\x89PNG")


def test_names():
    "They serve as tags, which are separated by spaces"
    assert (len(TYPES), len(COLOURS), len(PATTERNS)) == (15, 13, 5)
    assert not any(" " in o for o in [*TYPES, *COLOURS, *PATTERNS, *SLEEVES, *SLEEVE_TAGS.values()])
