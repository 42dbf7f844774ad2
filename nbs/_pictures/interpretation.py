"The small learner that 40 to 43 look at"
import os
import tempfile

import numpy as np

from fashion_tagger.data import tagger_dataloaders
from fashion_tagger.drawing import TYPES
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.learner import tagger_learner
from fashion_tagger.samples import sample_wardrobe
from fastai.torch_core import set_seed


def drawn_table(folder, n=600):
    """Drawn clothes with two attributes and a tag set

    A tenth of the training labels is wrong, and a few validation labels are missing. No tag names the type."""
    table = sample_wardrobe(folder, n=n, seed=2, label_noise=0.1, valid=0.35).table.drop(columns=['sleeve', 'pattern'])
    table['tags'] = [tuple(t for t in tags if t not in TYPES) for tags in table['tags']]
    valid = np.flatnonzero(table['split'] == 'valid')
    table.loc[valid[:10], 'type'] = None
    for i in valid[10:15]: table.at[i, 'tags'] = None
    return table


def trained_learner(table, folder):
    "A learner that was trained on the table for 20 epochs and calibrated"
    set_seed(0, reproducible=True)
    learn = tagger_learner(tagger_dataloaders(table, path=folder))
    with learn.no_bar(), learn.no_logging(): learn.fit_tagger()
    learn.calibrate()
    return learn


def drawn_interpretation():
    "An interpretation of the validation photos; their folder goes when the interpretation does"
    folder = tempfile.TemporaryDirectory()
    learn = trained_learner(drawn_table(folder.name), folder.name)
    interp = TaggerInterpretation.from_learner(learn)
    interp.folder = folder
    return interp
