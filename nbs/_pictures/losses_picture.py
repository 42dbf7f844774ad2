"The picture at the top of 24_losses.ipynb"
import matplotlib.pyplot as plt
import numpy as np
import torch

from fashion_tagger.drawing import draw_garment
from fashion_tagger.losses import TaggerLoss
from fashion_tagger.schema import Attribute, Schema, TagSet

schema = Schema([Attribute('type', ('dress', 'jeans', 'shirt')), TagSet('tags', ('red', 'striped'))])
drawn = [('dress', 'red', 'striped'), ('jeans', 'blue'), ('shirt', 'red'), ('jeans', 'black', 'striped')]
types, tags = ['dress', None, 'shirt', 'jeans'], [('red', 'striped'), (), None, {'striped': True}]
texts = ['dress\nred striped', 'type?\nno tags', 'shirt\ntags?', 'jeans\nstriped, red?']
pred = torch.tensor([[2., 0., 0., 1., -1.], [0., 2., 0., -2., -1.], [0., 1., 0., 2., -2.], [-1., 2., 0., 0., 1.]])


def at_a_glance():
    targs = [torch.tensor([schema['type'].encode(t) for t in types]),
             torch.from_numpy(np.stack([schema['tags'].encode(t) for t in tags]))]
    _, axs = plt.subplots(1, 5, figsize=(9, 2.3), width_ratios=[1, 1, 1, 1, 2.6], layout='constrained')
    for i, (ax, what, text) in enumerate(zip(axs, drawn, texts), 1):
        ax.imshow(draw_garment(*what, size=(160, 128), seed=7, background='white'))
        ax.set_title(f'{i}: {text}', fontsize=9)
        ax.set(xticks=[], yticks=[])
    bottom = np.zeros(4)
    for name, targ in zip(schema.names, targs):
        loss, weight = TaggerLoss(schema).target_loss(name, pred, targ)
        axs[4].bar(range(1, 5), loss, 0.6, bottom, label=f'{name}, mean {loss.sum()/weight.sum():.2f}')
        bottom += loss.numpy()
    axs[4].set(xlabel='photo', ylabel='loss', xticks=range(1, 5), ylim=(0, 1.45*bottom.max()))
    axs[4].legend(fontsize=8, ncols=2, framealpha=0)
