"""How often the dominant colour of a photo agrees with its label, how long a photo takes, and what harmony tells.

    python benchmarks/colours.py DATA [--photos 1000]

DATA holds `fashion_products`, `colour_and_type`, `wardrobe` and `outfits`. Labels are reduced to the eleven basic
colour terms. "first" is the largest colour, "any" one of the three largest. For outfits: how often a pair of an outfit
has a higher harmony than one of its garments with a random one (ties count half, so chance is 0.5)."""
import argparse, time
from itertools import combinations
from pathlib import Path

import numpy as np, pandas as pd
from fashion_tagger.colours import dominant_colours, harmony

from machine import processor

BASIC = {'navy blue': 'blue', 'turquoise blue': 'blue', 'maroon': 'red', 'burgundy': 'red', 'olive': 'green',
         'teal': 'green', 'sea green': 'green', 'fluorescent green': 'green', 'silver': 'grey', 'steel': 'grey',
         'charcoal': 'grey', 'grey melange': 'grey', 'cream': 'white', 'off white': 'white', 'gold': 'yellow',
         'mustard': 'yellow', 'magenta': 'pink', 'peach': 'pink', 'lavender': 'purple', 'mauve': 'purple',
         **dict.fromkeys('beige tan khaki copper rust taupe bronze nude'.split(), 'brown'), 'coffee brown': 'brown'}
NOT_CLOTHES = 'Beauty', 'Home', 'Accesories, Swim and Intimate'


def labelled_photos(data, n):
    "Name of the data: table of image and label"
    products = pd.read_csv(data/'fashion_products'/'styles.csv').dropna(subset=['baseColour'])
    products['image'] = [data/'fashion_products'/'images'/f'{i}.jpg' for i in products['id']]
    products = products.rename(columns=dict(baseColour='label'))
    products = products[~products['label'].isin(['Multi', 'Metallic'])]
    clothes = products[products['subCategory'].isin(['Topwear', 'Bottomwear', 'Dress'])]
    folders = pd.DataFrame(dict(image=sorted((data/'colour_and_type').glob('*/*'))))
    folders['label'] = [p.parent.name.split('_')[0] for p in folders['image']]
    wardrobe = pd.read_csv(data/'wardrobe'/'labels.csv')
    wardrobe = wardrobe.assign(image=[data/'wardrobe'/'photos'/i for i in wardrobe['image']], label=wardrobe['colour'])
    tables = dict(fashion_products=products, its_clothes=clothes, colour_and_type=folders, wardrobe=wardrobe)
    return {name: t.sample(min(n, len(t)), random_state=0) for name, t in tables.items()}


def agreement(table):
    "Shares of photos whose first colour, and any colour, agrees with the label; milliseconds per photo"
    start = time.perf_counter()
    answers = [[c.basic for c in dominant_colours(p)] for p in table['image']]
    ms = (time.perf_counter() - start)/len(table)*1000
    labels = [BASIC.get(label.lower(), label.lower()) for label in table['label']]
    first = np.mean([a[0] == b for a, b in zip(answers, labels)])
    return first, np.mean([b in a for a, b in zip(answers, labels)]), ms


def outfit_order(data, n):
    "How often a pair of clothes from one of `n` outfits beats the same garment with one from another; how many pairs"
    products = pd.read_csv(data/'outfits'/'products.csv').set_index('product')
    products = products[~products['category'].isin(NOT_CLOTHES)]
    outfits = pd.read_csv(data/'outfits'/'outfits.csv')
    outfits = outfits[outfits['product'].isin(products.index)]
    groups = [g.unique() for _, g in outfits.groupby('outfit')['product']]
    rng = np.random.default_rng(0)
    groups = [groups[i] for i in rng.permutation(len(groups))[:n]]
    used = sorted({p for g in groups for p in g})
    colours = {p: dominant_colours(data/'outfits'/'images'/products.at[p, 'image']) for p in used}
    wins = []
    for a, b in (pair for g in groups for pair in combinations(g, 2)):
        same = [p for p in used if products.at[p, 'category'] == products.at[b, 'category']]
        other = same[rng.integers(len(same))]
        own, random = harmony(colours[a], colours[b])[0], harmony(colours[a], colours[other])[0]
        wins.append((own > random) + .5*(own == random))
    return np.mean(wins), len(wins)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path)
    parser.add_argument('--photos', type=int, default=1000, help='of each kind, at most; and outfits')
    args = parser.parse_args()
    print(processor())
    for name, table in labelled_photos(args.data, args.photos).items():
        first, any_, ms = agreement(table)
        print(f'{name:17} {len(table):5} photos  first {first:.3f}  any {any_:.3f}  {ms:.1f} ms per photo')
    share, n = outfit_order(args.data, args.photos)
    print(f'outfits: {share:.3f} of {n} pairs have a higher harmony than a random one')


if __name__ == '__main__': main()
