"Pictures for the notebooks about drawn garments"
import io

import numpy as np
from IPython.display import Image

from fashion_tagger.drawing import COLOURS, draw_garment, image_grid
from fashion_tagger.garments import TYPES


def show(img, quality=88):
    "A picture as one small JPEG; left to itself, a PIL image is stored in the notebook twice"
    out = io.BytesIO()
    img.save(out, 'JPEG', quality=quality, subsampling=0)
    return Image(out.getvalue(), format='jpeg')


def at_a_glance(n=40, columns=10, size=(160, 128)):
    "Garments of all types, one after another, in varying colours and patterns"
    types, colours = list(TYPES), list(COLOURS)
    patterns = 'plain', 'striped', 'plain', 'checked', 'dotted', 'plain', 'floral'
    garments = []
    for i in range(n):
        kind = types[i*4 % len(types)]
        sleeves = TYPES[kind].sleeves
        rng = np.random.default_rng([11, i])
        garments.append(draw_garment(kind, colours[i*5 % len(colours)], patterns[i*3 % 7], sleeves[i % len(sleeves)], size, rng))
    return show(image_grid(garments, columns), 82)
