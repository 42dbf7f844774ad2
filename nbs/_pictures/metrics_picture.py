"The picture at the top of 25_metrics: four scores of three answers about one photo"
import matplotlib.pyplot as plt
import numpy as np
import torch

from fashion_tagger.drawing import COLOURS, draw_garment
from fashion_tagger.metrics import elementwise_hits, exact_matches, fbeta_per_photo

WORDS = ['dress', 'striped', 'new', 'jeans', *COLOURS]
SCORES = {'element-wise': elementwise_hits, 'F1': lambda a, y: fbeta_per_photo(a, y, 1.),
          'F2': fbeta_per_photo, 'exact match': exact_matches}


def tagged(*tags): return torch.tensor([[w in tags for w in WORDS]])


def at_a_glance():
    "A red striped dress, and bars of each score for each answer"
    right = tagged('red', 'dress', 'striped').float()
    answers = ['', 'red dress new', 'red dress striped']
    _, (left, axis) = plt.subplots(1, 2, figsize=(9, 2.5), width_ratios=(1, 4), layout='constrained')
    left.imshow(draw_garment('dress', 'red', 'striped', 'sleeveless', size=(200, 160), seed=8, background='white'))
    left.set_title('red dress striped', fontsize=9)
    left.set(xticks=[], yticks=[])
    for i, (name, score) in enumerate(SCORES.items()):
        heights = [score(tagged(*a.split()), right).item() for a in answers]
        bars = axis.bar(np.arange(3) + 0.2*(i - 1.5), heights, 0.18, label=name)
        axis.bar_label(bars, fmt='%.2f', fontsize=7)
    axis.set_xticks(range(3), [f"answer: {a or 'nothing at all'}" for a in answers])
    axis.set(ylabel='score of the photo', ylim=(0, 1.35), yticks=(0, 0.5, 1))
    axis.legend(fontsize=8, ncols=4, loc='upper left', framealpha=0)
