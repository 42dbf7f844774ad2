"The picture at the top of 23_models.ipynb"
import matplotlib.pyplot as plt
import numpy as np
import torch

from fashion_tagger.drawing import draw_garment
from fashion_tagger.models import DEFAULT_ARCH, ColourHistogram, create_tagger_body


def draw_maps(axs, maps):
    "The mean over the channels of each stage's map"
    for i, (ax, m) in enumerate(zip(axs, maps), 1):
        _, c, h, w = m.shape
        ax.imshow(m[0].mean(0), cmap='cividis')
        ax.set_title(f'stage {i}', fontsize=9)
        ax.set_xlabel(f'{c} maps\nof {h}x{w}', fontsize=8)


def draw_histogram(ax, share, n=6):
    "The largest bins, each bar in its bin's colour"
    largest = share.argsort(descending=True)[:n]
    colours = [(int(b)//36/5, int(b)//6%6/5, int(b)%6/5) for b in largest]
    ax.bar(range(n), share[largest], color=colours, edgecolor='grey', lw=0.5)
    ax.set_title('histogram', fontsize=9)
    ax.set_xlabel('its largest bins', fontsize=8)
    ax.set_ylabel('share of foreground', fontsize=8)
    ax.set_xticks([])
    ax.tick_params(labelsize=8)


def at_a_glance():
    photo = draw_garment('dress', 'red', 'dotted', 'short', (160, 128), seed=1, background='white')
    x = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None]/255
    body, mean, std = create_tagger_body(DEFAULT_ARCH)
    mean, std = (torch.tensor(s).view(3, 1, 1) for s in (mean, std))
    with torch.no_grad(): maps = body.eval()((x - mean)/std)
    _, axs = plt.subplots(1, 7, figsize=(9, 2.1), width_ratios=[1]*6 + [1.3], layout='constrained')
    axs[0].imshow(photo)
    axs[0].set_title('photo', fontsize=9)
    draw_maps(axs[1:6], maps)
    for ax in axs[:6]: ax.set(xticks=[], yticks=[])
    draw_histogram(axs[6], ColourHistogram()(x)[0, :-1]**2)
