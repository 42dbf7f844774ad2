"The picture at the top of cache: a large drawn photo, and how long it takes to get its pixels in three ways"
import os
import tempfile
from time import perf_counter

import matplotlib.pyplot as plt

from fashion_tagger.cache import PixelCache
from fashion_tagger.drawing import draw_garment
from fashion_tagger.photos import load_photo


def per_photo(f, n):
    "Milliseconds that each of `n` photos takes"
    start = perf_counter()
    f()
    return 1000*(perf_counter() - start)/n


def at_a_glance(n=12, size=(160, 128)):
    photo = draw_garment('shirt', 'blue', 'checked', 'long', (1600, 1200), seed=2, background='wood')
    with tempfile.TemporaryDirectory() as folder:
        paths = [f'{folder}/{i}.jpg' for i in range(n)]
        for p in paths: photo.save(p, quality=92)
        cache = PixelCache(paths, size, folder=f'{folder}/cache')
        cache[range(n)]
        took = {
            'decoded in full': per_photo(lambda: [load_photo(p, size, draft=False) for p in paths], n),
            'decoded at a\nreduced size': per_photo(lambda: [load_photo(p, size) for p in paths], n),
            'from the cache': per_photo(lambda: cache[range(n)], n)}
        kb = os.path.getsize(paths[0])/1000
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 2.3), width_ratios=(1, 3), layout='constrained')
    left.imshow(photo.reduce(4))
    left.set_title(f'1,200 x 1,600 pixels, {kb:.0f} kB', fontsize=9)
    left.set(xticks=[], yticks=[])
    bars = right.barh(list(took), list(took.values()), color=('C7', 'C7', 'C0'))
    right.bar_label(bars, [f' {t:.1f}' if t >= 0.1 else f' {t:.2f}' for t in took.values()])
    right.invert_yaxis()
    right.set(xlabel='milliseconds per photo, on one thread', xlim=(0, 1.12*max(took.values())))
