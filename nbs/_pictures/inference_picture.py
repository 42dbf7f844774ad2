"The picture at the top of `inference`: four drawn garments with the answers of a tagger that has learned for a few seconds"
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch

from fashion_tagger.deployed import DeployedNet
from fashion_tagger.drawing import draw_garment
from fashion_tagger.engines import TorchEngine
from fashion_tagger.inference import Tagger
from fashion_tagger.losses import TaggerLoss
from fashion_tagger.models import DEFAULT_ARCH, create_tagger
from fashion_tagger.photos import load_photo
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.schema import schema_from_table

SIZE = (96, 80)
GARMENTS = ('dress', 'red', 'dotted'), ('boots', 'brown'), ('hat', 'green'), ('bag', 'yellow', 'striped')


def drawn_clothes():
    "Pixels and labels of 150 garments"
    kinds = [(k,) for k in ('dress', 'jeans', 'boots', 'hat', 'bag')]
    with tempfile.TemporaryDirectory() as folder:
        table = sample_wardrobe(folder, n=150, size=SIZE, seed=1, valid=0, only=kinds).table
        pixels = np.stack([np.asarray(load_photo(f, SIZE)) for f in table['image']])
    printed = [() if p == 'plain' else ('printed',) for p in table['pattern']]
    return torch.from_numpy(pixels), table[['type', 'colour']].assign(tags=printed)


def train_head(net, pixels, table, schema):
    "Forty steps on features that are computed once"
    def embed(pixels): return net.embed(pixels.permute(0, 3, 1, 2).float()/255)
    with torch.no_grad(): x = torch.cat([embed(p) for p in pixels.split(16)])
    ys = [torch.from_numpy(np.stack([np.asarray(t.encode(c)) for c in table[t.name]])) for t in schema]
    optimizer, loss_func = torch.optim.AdamW(net.head.parameters(), 3e-3), TaggerLoss(schema)
    net.head.train()
    for _ in range(40):
        loss = loss_func(net.head(x), *ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def at_a_glance():
    pixels, table = drawn_clothes()
    schema = schema_from_table(table)
    torch.manual_seed(0)
    net = train_head(create_tagger(DEFAULT_ARCH, schema).eval(), pixels, table, schema)
    settings = dict(schema=schema, thresholds={}, size=SIZE, method='squish', fill='white')
    tagger = Tagger(TorchEngine(DeployedNet(net, schema), 'cpu'), settings)
    photos = [draw_garment(*what, size=(240, 192), seed=9, background='white') for what in GARMENTS]
    fig, axs = plt.subplots(1, 4, figsize=(9, 3.2))
    fig.subplots_adjust(0.01, 0.48, 0.99, 1, 0.1)
    for ax, photo, answer in zip(axs, photos, tagger.predict(photos, top=2)): tagger.show(photo, 2, ax, answer)
