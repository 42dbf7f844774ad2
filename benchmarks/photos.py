"""Photos in other colour profiles than sRGB: answers that change, and photos decoded per second.

    python benchmarks/photos.py DATA BUNDLE PROFILE [PROFILE ...] [--photos N] [--json FILE]

DATA is a folder with styles.csv and images/, as of fashion_products; BUNDLE is one that was trained on it; a PROFILE is
an .icc file, or a photo that embeds one. The validation photos are stored in the colours of each profile, once with the
profile and once without, which is how they look to a program that ignores it. Their answers are compared with those for
the same photos stored in sRGB. Decoding is by one thread, of the photos as they are and of some in 12 megapixels."""
import argparse, io, json, statistics, tempfile, time
from pathlib import Path

from PIL import Image, ImageCms
from fashion_tagger.inference import Tagger
from fashion_tagger.photos import load_photo
from fashion_tagger.sources import read_table

from machine import processor

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def read_profile(path):
    if path.suffix.lower() in ('.icc', '.icm'): return path.read_bytes()
    return Image.open(path).info['icc_profile']


def name_of(profile): return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()


def stored_in(profile, img):
    "The pixels of an sRGB photo in the colours of another profile"
    if profile == SRGB: return img
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(p)) for p in (SRGB, profile))
    return ImageCms.profileToProfile(img, source, target)


def write(imgs, folder, profile, embed):
    folder.mkdir(parents=True)
    kept = dict(icc_profile=profile) if embed else {}
    paths = [str(folder/f'{i}.jpg') for i in range(len(imgs))]
    for img, path in zip(imgs, paths): stored_in(profile, img).save(path, quality=95, subsampling=0, **kept)
    return paths


def values_of(tagger, paths, name): return [answer[name]['value'] for answer in tagger.predict(paths)]


def decoding_rate(paths, repeats=5):
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        for path in paths: load_photo(path, (160, 128))
        rates.append(len(paths)/(time.perf_counter() - start))
    return statistics.median(rates)


def changed_answers(tagger, imgs, truth, profiles, folder):
    "Per profile and target, the share of answers that change, and of those that are right"
    rows, names = [], [t.name for t in tagger.schema]
    plain = write(imgs, folder/'plain', SRGB, embed=False)
    was = {n: values_of(tagger, plain, n) for n in names}
    for profile in profiles:
        for embed in (False, True):
            paths = write(imgs, folder/f'{len(rows)}', profile, embed)
            row = dict(profile=name_of(profile), embedded=embed)
            for n in names:
                now = values_of(tagger, paths, n)
                row[f'{n}_changed'] = sum(a != b for a, b in zip(was[n], now))/len(now)
                row[f'{n}_right'] = sum(a == b for a, b in zip(truth[n], now))/len(now)
            rows.append(row)
    for n in names:
        right = sum(a == b for a, b in zip(truth[n], was[n]))/len(imgs)
        print(f'{n} in sRGB: {right:.3f} right')
    return rows


def decoding_rates(imgs, profiles, folder):
    "Photos per second without a profile, with that of sRGB and with each other one, small and large"
    rows, large = [], [img.resize((3000, 4000)) for img in imgs[:12]]
    kinds = [('none', SRGB, False), ('sRGB', SRGB, True), *((name_of(p), p, True) for p in profiles)]
    for size, some in (('as they are', imgs), ('12 megapixels', large)):
        for name, profile, embed in kinds:
            paths = write(some, folder/f'rate{len(rows)}', profile, embed)
            rows.append(dict(size=size, profile=name, photos_per_second=decoding_rate(paths)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path)
    parser.add_argument('bundle')
    parser.add_argument('profiles', type=Path, nargs='+')
    parser.add_argument('--photos', type=int, default=400)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    tagger = Tagger.load(args.bundle)
    names = [t.name for t in tagger.schema]
    table = read_table(args.data/'styles.csv', args.data/'images', names)
    table = table[table['split'] == 'valid'].dropna(subset=names)[:args.photos]
    imgs = [Image.open(path).convert('RGB') for path in table['image']]
    profiles = [read_profile(path) for path in args.profiles]
    print(f'{processor()}; {len(imgs)} photos')
    with tempfile.TemporaryDirectory() as folder:
        rows = changed_answers(tagger, imgs, table, profiles, Path(folder))
        rows += decoding_rates(imgs, profiles, Path(folder))
    for row in rows: print('  '.join(f'{k} {v:.3f}' if isinstance(v, float) else f'{k} {v}' for k, v in row.items()))
    if args.json: args.json.write_text(json.dumps(rows, indent=1))


if __name__ == '__main__': main()
