"""How long an audit takes, what it finds in real photos, and how many copies of a photo it recognises.

    FASHION_TAGGER_DATA=DIR python benchmarks/audit.py [--threads N ...] [--copies N] [--seed N] [--json FILE]

DIR holds fashion_products, colour_and_type and clothing_photos; without it, drawn garments stand in. The speed is
measured on one table of all photos."""
import argparse, io, json, os, resource, sys, tempfile, time
from pathlib import Path

import numpy as np, pandas as pd
from PIL import ImageEnhance

from fashion_tagger.audit import audit_table
from fashion_tagger.duplicates import near_pairs, photo_hash, photo_thumb, scan_photos
from fashion_tagger.photos import cpu_count, open_photo
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.sources import read_table

from machine import processor

PRODUCTS = 'gender masterCategory subCategory articleType baseColour season usage'.split()


def tables(data, folder):
    "Each data set as a table"
    if not data: return dict(drawn=sample_wardrobe(Path(folder)/'wardrobe', n=2000).table)
    products = data/'fashion_products'
    return dict(fashion_products=read_table(products/'styles.csv', products/'images', PRODUCTS),
                colour_and_type=read_table(data/'colour_and_type', attributes=['colour', 'type']),
                clothing_photos=read_table(data/'clothing_photos', attributes='type'))


def jpeg(img, quality=90):
    buffer = io.BytesIO()
    img.save(buffer, 'JPEG', quality=quality)
    return open_photo(buffer.getvalue(), at_least=64)


def crop(img, share):
    x, y = (max(1, round(share*side)) for side in img.size)
    return img.crop((x, y, img.width - x, img.height - y))


def half(img): return img.resize((img.width//2, img.height//2))
def brighter(img): return ImageEnhance.Brightness(img).enhance(1.05)


COPIES = {
    'quality 50': lambda i: jpeg(i, 50),
    'half size': lambda i: jpeg(half(i)),
    '1% cropped': lambda i: jpeg(crop(i, .01)),
    '2% cropped': lambda i: jpeg(crop(i, .02)),
    '5% brighter': lambda i: jpeg(brighter(i)),
    'all of it': lambda i: jpeg(brighter(half(crop(i, .02))), 50),
}


def features(imgs):
    imgs = [*imgs]
    return np.stack([photo_hash(i) for i in imgs]), np.stack([photo_thumb(i) for i in imgs])


def recall(table, scan, n, seed):
    "The share of `n` copies that are matched with their photo among all others, and how many match another photo"
    rows = np.random.default_rng(seed).permutation(len(table))[:n]
    imgs = [open_photo(table['image'].iat[i]) for i in rows]
    known = near_pairs(scan.hashes, scan.thumbs)
    twins = {*zip(known['a'], known['b'])}
    twins |= {(b, a) for a, b in twins}
    result = {}
    for name, make in COPIES.items():
        hashes, thumbs = features(map(make, imgs))
        pairs = near_pairs(np.vstack([scan.hashes, hashes]), np.vstack([scan.thumbs, thumbs]))
        copied = pairs[(pairs['a'] < len(table)) & (pairs['b'] >= len(table))]
        of = rows[copied['b'] - len(table)]
        found = {*of[of == copied['a'].to_numpy()]}
        others = sum(a != o and (a, o) not in twins for a, o in zip(copied['a'], of))
        result[name] = dict(found=round(len(found)/len(rows), 4), tied_to_another=int(others))
    return result


def disagreements(groups, targets): return {t: sum(t in d for d in groups['disagree']) for t in targets}


def found(audit):
    "Findings by kind, groups of duplicates, and what crosses the split"
    groups = audit.duplicates.drop_duplicates('group')
    across = groups[groups['crosses'].astype(bool)]
    targets = audit.labels['target'].unique()
    return dict(findings=audit.findings['kind'].value_counts().to_dict(), groups=len(groups),
                rows=audit.duplicates['kind'].value_counts().to_dict(), across_the_split=len(across),
                disagree=disagreements(groups, targets), disagree_across=disagreements(across, targets))


def speed(table, threads):
    start = time.perf_counter()
    photos = len(audit_table(table, threads=threads).photos['image'].unique())
    seconds = time.perf_counter() - start
    unit = 1024**2 if sys.platform == 'darwin' else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/unit
    return dict(threads=threads or cpu_count(), photos=photos, seconds=round(seconds, 1),
                per_second=round(photos/seconds), peak_mb=round(peak))


SPEED = ('{photos:,} photos, {threads} threads: {seconds} s, {per_second:,} photos per second, '
         'at most {peak_mb:,} MB so far')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--threads', type=int, nargs='*', default=[None], help='threads; one run for each number')
    parser.add_argument('--copies', type=int, default=300, help='how many photos of each set to copy')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json')
    args = parser.parse_args()
    print(processor(), flush=True)
    data = os.environ.get('FASHION_TAGGER_DATA')
    with tempfile.TemporaryDirectory() as folder:
        sets = tables(Path(data) if data else None, folder)
        result = dict(speed=[], sets={}, copies={})
        table = pd.concat([t[['image']] for t in sets.values()], ignore_index=True)
        for threads in args.threads:
            result['speed'].append(speed(table, threads))
            print(SPEED.format(**result['speed'][-1]), flush=True)
        for name, t in sets.items():
            result['sets'][name] = found(audit_table(t))
            lines = [f'  {k}: {v}' for k, v in result['sets'][name].items()]
            print(f'\n{name}: {len(t):,} rows', *lines, sep='\n', flush=True)
            result['copies'][name] = recall(t, scan_photos(t['image']), args.copies, args.seed)
            copies = min(args.copies, len(t))
            for kind, r in result['copies'][name].items():
                others = f"{r['tied_to_another']} tied to another photo"
                print(f"  {kind:12} {r['found']:.1%} of {copies} copies found, {others}", flush=True)
    if args.json: Path(args.json).write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__': main()
