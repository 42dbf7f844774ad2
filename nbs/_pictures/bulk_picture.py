"The picture at the top of `bulk`: three drawn garments and a broken file, each with its row of the table"
import tempfile
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import ImageColor

from fashion_tagger.bulk import tag_photos
from fashion_tagger.drawing import COLOURS, draw_garment
from fashion_tagger.photos import open_photo
from fashion_tagger.schema import Attribute, InputError, Schema

GARMENTS = {'a/red dress.jpg': ('dress', 'red'), 'b.png': ('jumper', 'navy'), 'd.jpg': ('bag', 'yellow')}


class NearestColour:
    "Stands in for a trained tagger: it names the colour nearest to the middle of a photo"
    schema, thresholds = Schema([Attribute('colour', tuple(COLOURS))]), {}
    dyes = np.array([np.mean([ImageColor.getrgb(end) for end in ends], 0) for ends in COLOURS.values()])

    def stream(self, photos):
        for photo in photos:
            try: middle = np.median(np.asarray(open_photo(photo))[60:100, 48:80], (0, 1))
            except InputError as e:
                yield e
                continue
            likely = np.exp(-np.abs(self.dyes - middle).sum(1)/20)
            yield likely/likely.sum()


def at_a_glance():
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder)/'shop'
        (shop/'a').mkdir(parents=True)
        for name, what in GARMENTS.items(): draw_garment(*what, seed=1, background='white').save(shop/name)
        (shop/'c.jpg').write_bytes(b'no photo')
        _, axs = plt.subplots(1, 4, figsize=(9, 3), layout='constrained')
        for ax, row in zip(axs, tag_photos(NearestColour(), shop)):
            if row['error']: ax.imshow([[[232]*3]], extent=(0, 128, 160, 0))
            else: ax.imshow(open_photo(row['image']))
            ax.set(xticks=[], yticks=[])
            cells = {k: '' if v is None else str(v).replace(folder + '/', '') for k, v in row.items()}
            lines = [textwrap.fill(f'{k}: {v}', 32) for k, v in cells.items()]
            ax.set_xlabel('\n'.join(lines), loc='left', fontsize=8)
