"The picture at the top of the notebook `label_errors`"
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch

from fashion_tagger.label_errors import find_suspects, out_of_fold
from fashion_tagger.schema import encode_labels
from fashion_tagger.models import ColourHistogram
from fashion_tagger.photos import open_photo
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.schema import schema_from_table


def at_a_glance():
    with tempfile.TemporaryDirectory() as folder:
        wardrobe = sample_wardrobe(folder, n=400, size=(80, 64), seed=3, valid=0, label_noise=0.1)
        table = wardrobe.table[['image', 'colour']]
        photos = [open_photo(f) for f in table['image']]
    schema = schema_from_table(table)
    targs = encode_labels(table, schema)
    pixels = np.stack([np.asarray(p) for p in photos])
    x = ColourHistogram()(torch.from_numpy(pixels).permute(0, 3, 1, 2)/255)
    p = out_of_fold(x, dict(histogram=x.shape[1]), schema, targs, epochs=15, lr=1e-2)
    suspects = find_suspects(table, schema, p, targs)
    wrong = sum(wardrobe.truth.at[s.row, 'colour'] != s.given for s in suspects.itertuples())
    made_wrong = (wardrobe.wrong['column'] == 'colour').sum()
    fig, axs = plt.subplots(1, 8, figsize=(9, 2), dpi=60, layout='constrained')
    for ax, s in zip(axs, suspects.itertuples()):
        ax.imshow(photos[s.row])
        ax.set_title(f'{s.given}?\nrather {s.suggested}', fontsize=9)
        ax.set(xticks=[], yticks=[])
    fig.supxlabel(f'{len(suspects)} suspects, {wrong} of them wrong; {made_wrong} labels of colour were made wrong', fontsize=9)
