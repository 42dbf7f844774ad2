"""How far the page of a bundle is from Tagger, in a real browser.

    python benchmarks/browser.py PHOTOS BUNDLE [--photos N] [--runtime FILE.tgz] [--json FILE]

PHOTOS is a folder. Three versions of its photos are compared: as they are, as PNG, and enlarged to 12 megapixels as a
phone stores them, on their side with a note in EXIF (a tenth of them). For each: by how many levels of 255 the pixels
that the network sees differ at most, and on average; by how much a probability does; and how many answers are others.
Tagger runs by ONNX Runtime in float32. The page is opened as a file, in Chromium or Chrome."""
import argparse, json, shutil, statistics, tempfile, time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from fashion_tagger.browser_page import fetch_runtime, render_browser_page
from fashion_tagger.inference import Tagger
from fashion_tagger.pages import write_page
from fashion_tagger.photos import find_images, open_photo

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
ASK = """async () => {
  const file = document.getElementById('probe').files[0], start = performance.now(), {answers} = await predict(file);
  const ms = performance.now() - start, seen = await pixels(file);
  const p = (t, likeliest) => { const by = new Map(likeliest); return t.words.map(word => by.get(word)); };
  return {ms, p: SETTINGS.targets.flatMap(t => p(t, answers[t.name].likeliest)), pixels: Array.from(seen),
          values: SETTINGS.targets.map(t => answers[t.name].value)};
}"""


def evenly(paths, n): return [paths[i] for i in np.linspace(0, len(paths) - 1, min(n, len(paths))).astype(int)]


def as_png(path, folder):
    out = folder/f'{Path(path).stem}.png'
    open_photo(path).save(out)
    return str(out)


def as_phone(path, folder):
    "12 megapixels on their side: turned back by the orientation in EXIF"
    img, out, exif = open_photo(path), folder/f'{Path(path).stem}_phone.jpg', Image.Exif()
    larger = (12e6/(img.width*img.height))**0.5
    img = img.resize((round(img.width*larger), round(img.height*larger)), Image.Resampling.BICUBIC)
    exif[0x0112] = 6
    img.transpose(Image.Transpose.ROTATE_90).save(out, quality=90, exif=exif)
    return str(out)


def open_page(browser, file):
    tab = browser.new_page()
    tab.goto(file.as_uri())
    tab.wait_for_selector('#progress:empty', state='attached', timeout=300_000)
    tab.evaluate("document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'probe'}))")
    return tab


def compare(tab, tagger, paths):
    levels, means, ps, changed, times = [], [], [], 0, []
    ours = list(tagger.stream(paths))
    for path, p in zip(paths, ours):
        tab.set_input_files('#probe', path)
        found, seen = tab.evaluate(ASK), tagger.pixels(path)
        apart = abs(np.reshape(found['pixels'], seen.shape) - seen.astype(int))
        levels.append(int(apart.max()))
        means.append(float(apart.mean()))
        ps.append(float(abs(np.array(found['p']) - p).max()))
        times.append(found['ms'])
        answers = [a['value'] for a in tagger.schema.decode(p, tagger.thresholds).values()]
        changed += sum(a != b for a, b in zip(answers, found['values']))
    return dict(photos=len(paths), levels=max(levels), mean_level=statistics.fmean(means), p=max(ps),
                changed=changed, answers=len(paths)*len(tagger.schema), ms=statistics.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('photos_folder', metavar='PHOTOS')
    parser.add_argument('bundle', metavar='BUNDLE')
    parser.add_argument('--photos', type=int, default=50, metavar='N')
    parser.add_argument('--runtime', metavar='FILE.tgz')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    paths, tagger = evenly([*find_images(args.photos_folder)], args.photos), Tagger.load(args.bundle, 'onnx')
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        folder = Path(folder)
        write_page(render_browser_page(args.bundle, fetch_runtime(args.runtime)), folder/'tags.html')
        browser = p.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        start = time.perf_counter()
        tab = open_page(browser, folder/'tags.html')
        found = dict(browser=browser.version, megabytes=(folder/'tags.html').stat().st_size/1e6,
                     seconds_to_open=time.perf_counter() - start)
        kinds = {'as they are': paths, 'as PNG': [as_png(path, folder) for path in paths],
                 'as of a phone': [as_phone(path, folder) for path in evenly(paths, len(paths)//10)]}
        print(f"Chromium {found['browser']}, a page of {found['megabytes']:.1f} MB, "
              f"ready in {found['seconds_to_open']:.1f} s")
        for kind, some in kinds.items():
            found[kind] = r = compare(tab, tagger, some)
            print(f"{kind:13} {r['photos']} photos: pixels differ by at most {r['levels']} levels "
                  f"({r['mean_level']:.4f} on average), probabilities by {r['p']:.2g}, "
                  f"{r['changed']} of {r['answers']} answers; {r['ms']:.0f} ms a photo", flush=True)
        browser.close()
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__': main()
