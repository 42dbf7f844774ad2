"The picture at the top of the notebook `audit`"
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from fashion_tagger.audit import audit_table
from fashion_tagger.drawing import draw_garment
from fashion_tagger.photos import open_photo
from fashion_tagger.schema import InputError

INK = dict(error='firebrick', warning='darkorange', note='dimgrey')


def draw(*what): return draw_garment(*what, size=(240, 192), seed=3, background='white')


def six_files(folder):
    "A table of six photos, each with something to find"
    shirt = draw('shirt', 'blue', 'checked', 'long')
    shirt.save(folder/'shirt.jpg')
    shirt.resize((120, 150)).save(folder/'copy.jpg')
    draw('boots', 'red').save(folder/'cut.jpg')
    draw('dress', 'green', 'floral', 'short').save(folder/'dress.jpg', 'PNG')
    draw('bag', 'red').resize((24, 30)).save(folder/'small.png')
    draw('hat', 'black').convert('L').save(folder/'hat.png')
    (folder/'cut.jpg').write_bytes((folder/'cut.jpg').read_bytes()[:3000])
    names = 'shirt.jpg', 'copy.jpg', 'cut.jpg', 'dress.jpg', 'small.png', 'hat.png'
    return pd.DataFrame(dict(image=[str(folder/name) for name in names], colour=['blue', 'navy', 'red', 'green', 'red', 'black'],
                             split=['train', 'valid', 'train', 'train', 'train', 'train']))


def show_photo(ax, row, findings):
    "A photo, its label above it and its findings below"
    try: ax.imshow(open_photo(row.image))
    except InputError: ax.imshow([[[232]*3]], extent=(0, 192, 240, 0))
    ax.set_title(f'{Path(row.image).name}\n{row.split}: {row.colour}', fontsize=8)
    ax.set(xticks=[], yticks=[])
    for i, f in enumerate(findings.itertuples()):
        ax.annotate(f.kind, (0.5, 0), (0, -5 - 11*i), 'axes fraction', 'offset points', ha='center', va='top', fontsize=8, color=INK[f.severity])


def at_a_glance():
    with tempfile.TemporaryDirectory() as folder:
        table = six_files(Path(folder))
        audit = audit_table(table, few=0)
        group = audit.duplicates.set_index('image')['group']
        _, axs = plt.subplots(1, 6, figsize=(9, 2.7), dpi=80, layout='constrained')
        for ax, row in zip(axs, table.itertuples()):
            same = [*group.index[group == group.get(row.image)]] or [row.image]
            show_photo(ax, row, audit.findings[audit.findings['image'].isin(same)])
