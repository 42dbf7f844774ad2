"""Photos as nobody should make them, by the thousand, through every door: which were tagged, which were named, with seconds and memory.

    python tests/hostile_photos.py [--files 5000] [--seed N]

A file counts as well treated where it is tagged or named with a reason; a traceback, a silent loss, a run that does not end or one that takes more memory than LIMIT_MB is a failure, and the exit status 1."""
import argparse, csv, io, json, os, random, resource, shutil, struct, subprocess, sys, tempfile, time, zipfile, zlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, features

from users import bound

LIMIT_MB, LIMIT_S = 2500, 900
COMMAND = [*(bound or []), sys.executable, "-c", "from fashion_tagger.cli import main; main()"]


try: import pillow_heif
except ImportError: heic = None
else:
    def heic(img):
        out = io.BytesIO()
        pillow_heif.from_pillow(img).save(out, quality=90)
        return out.getvalue()


def encoded(img, format, **kwargs):
    out = io.BytesIO()
    img.save(out, format, **kwargs)
    return out.getvalue()


def png_bomb(side=30_000):
    "A PNG of one bit per pixel, all black: 900 million pixels in 110 kB"
    def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side//8)) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_bomb(data, side=30_000):
    "A small JPEG that says it is 30,000 pixels wide and high"
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i+1] in (0xC0, 0xC2))
    return data[:at+5] + struct.pack(">HH", side, side) + data[at+9:]


def turned(img, orientation):
    "A JPEG that looks like `img` once it is turned as its EXIF says"
    back = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}.get(orientation, [])
    for method in back: img = img.transpose(Image.Transpose(method))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(img, "JPEG", quality=95, exif=exif)


def odd_files(photo, rng):
    "Endless pairs of a kind and the bytes of a file"
    rgb, jpeg = photo.convert("RGB"), encoded(photo, "JPEG", quality=90)
    kinds = dict(JPEG=jpeg, PNG=encoded(photo, "PNG"), WEBP=encoded(photo, "WEBP"), GIF=encoded(photo, "GIF"), BMP=encoded(photo, "BMP"), TIFF=encoded(photo, "TIFF"))
    frames = dict(save_all=True, append_images=[rgb.rotate(90, expand=True).resize(rgb.size)])
    noise = Image.fromarray(rng.integers(0, 256, (80, 60, 3), dtype=np.uint8))
    clear = photo.convert("P")
    clear.info["transparency"] = 0
    whole = {"CMYK": encoded(rgb.convert("CMYK"), "JPEG"), "16 bits": encoded(Image.fromarray((np.asarray(rgb.convert("L")).astype(np.uint16)*257)), "PNG"), "palette with transparency": encoded(clear, "PNG", transparency=0),
             "1 bit": encoded(rgb.convert("1"), "PNG"), "grey with alpha": encoded(rgb.convert("LA"), "PNG"), "animated GIF": encoded(rgb, "GIF", **frames), "animated WebP": encoded(rgb, "WEBP", **frames),
             "1x1": encoded(rgb.resize((1, 1)), "PNG"), "1x20,000": encoded(rgb.resize((1, 20_000)), "PNG"), "20,000x1": encoded(rgb.resize((20_000, 1)), "JPEG"), "PNG bomb": png_bomb(), "JPEG bomb": jpeg_bomb(jpeg),
             "bad ICC profile": encoded(rgb, "JPEG", icc_profile=rng.bytes(300)), "damaged HEIC": b"\0\0\0\x18ftypheic" + rng.bytes(300), "zip behind a JPEG": jpeg + zipped(), "page in a JPEG": encoded(rgb, "JPEG", comment=b"<script>alert(1)</script>"),
             "GIF header on a script": b"GIF89a=1;alert(1)" + rng.bytes(50), "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "noise as PNG": encoded(noise, "PNG"), **{f"EXIF {i}": turned(rgb, i) for i in range(1, 9)}}
    if features.check("avif"): whole["AVIF"] = encoded(rgb, "AVIF")
    if heic: whole |= {"HEIC": heic(rgb), "HEIC, truncated": heic(rgb)[:-200]}
    yield from whole.items()
    while True:
        format = list(kinds)[rng.integers(len(kinds))]
        data, what = kinds[format], rng.integers(8)
        if what < 3: yield f"{format}, truncated", data[:rng.integers(1, len(data))]
        elif what < 6:
            bits = bytearray(data)
            for at in rng.integers(0, len(bits), rng.integers(1, 40)): bits[at] ^= 1 << int(rng.integers(8))
            yield f"{format}, bits flipped", bytes(bits)
        elif what < 7: yield "random bytes", rng.bytes(int(rng.integers(0, 3000)))
        else: yield ("empty", b"") if rng.random() < 0.3 else ("text", b"no photo\n"*int(rng.integers(1, 50)))


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z: z.writestr("a.py", "raise SystemExit")
    return out.getvalue()


def strange_names():
    "Names of files that hold an ordinary photo"
    names = ["with space.jpg", "new\nline.jpg", "quo\"te's.jpg", "comma, semi;colon.jpg", "-dash.jpg", "x"*251 + ".jpg", "émoji 👗.jpg", "#hash?.jpg", "UPPER.JPG", "a.b.c.jpeg", "$(touch pwned).jpg", "%00.jpg", "tab\t.jpg"]
    return [os.fsencode(n) for n in names] + [b"not \xff utf-8 \xfe.jpg"]


def make(folder, n, seed):
    "A folder of `n` hostile files and more; a dict of names by kind, and what may be skipped because it is no file"
    from fashion_tagger.samples import draw_garment
    rng, kinds, folder = np.random.default_rng(seed), {}, Path(folder)
    folder.mkdir()
    photo = draw_garment("dress", "red", "dotted", "short", (160, 120), seed=seed)
    endings = [".jpg", ".png", ".webp", ".jpeg", ".gif", ".tif", ".bmp"]
    for i, (kind, data) in zip(range(n), odd_files(photo, rng)):
        name = f"{i:05}{endings[rng.integers(len(endings))]}"
        (folder/name).write_bytes(data)
        kinds[name] = kind
    for raw in strange_names():
        with open(os.path.join(os.fsencode(folder), raw), "wb") as f: f.write(encoded(photo, "JPEG"))
        kinds[os.fsdecode(raw)] = "strange name"
    (folder/"folder.jpg").mkdir()
    (folder/"loop").symlink_to(folder, target_is_directory=True)
    for name, target in (("itself.jpg", "itself.jpg"), ("nowhere.jpg", "gone.jpg")):
        (folder/name).symlink_to(target)
        kinds[name] = "dangling link"
    os.mkfifo(folder/"pipe.jpg")
    kinds["pipe.jpg"] = "named pipe"
    if bound is not None:
        photo.save(folder/"forbidden.jpg")
        (folder/"forbidden.jpg").chmod(0)
        kinds["forbidden.jpg"] = "no permission"
    return kinds


def run(*args, limit=LIMIT_S):
    "Exit status, output, errors, seconds and peak MB of a command"
    start = time.perf_counter()
    child = subprocess.Popen([*COMMAND, *map(os.fspath, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try: out, err = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        child.kill()
        raise SystemExit(f"{args[0]} did not end in {limit} s")
    return child.returncode, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape"), time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss//1024


def bundle_in(folder):
    "A bundle to try with, and the table that it was made from"
    from fashion_tagger.samples import sample_wardrobe
    table = sample_wardrobe(folder/"clothes", n=120, seed=0).table[["image", "type", "colour", "split"]]
    table.to_csv(folder/"labels.csv", index=False)
    status, _, err, *_ = run("train", folder/"labels.csv", "--images", "/", "--attributes", "type,colour", "--freeze-epochs", "3", "--out", folder/"bundle")
    assert status == 0, err
    return folder/"bundle", table


def vanishing(tagger, photo, folder, n):
    "Photos that are deleted after a folder was listed, and before they are read: how many have an answer, how many a reason"
    from fashion_tagger.bulk import find_photos, tag_photos
    folder.mkdir()
    for i in range(n): photo.save(folder/f"{i:05}.jpg")
    def gone():
        for i, path in enumerate(find_photos([folder])):
            if i % 2: os.remove(path)
            yield path
    rows = list(tag_photos(tagger, gone()))
    assert [bool(r["error"]) for r in rows] == [bool(i % 2) for i in range(n)]
    assert all("there is no such file" in r["error"] for r in rows[1::2])
    return sum(not r["error"] for r in rows), sum(bool(r["error"]) for r in rows)


def vanished_in_training(table, folder):
    "A photo that is deleted after the table was read, and before training reads it: one line that names it, with and without kept pixels"
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.schema import InputError
    last = folder/"last.jpg"
    table = table.copy()
    shutil.copy(table["image"].iloc[0], last)
    table.loc[table.index[0], "image"] = str(last)
    for cache in (True, False):
        shutil.copy(table["image"].iloc[1], last)
        learn = tagger_learner(tagger_dataloaders(table, size=(64, 64), cache=cache, num_workers=0))
        last.unlink()
        try:
            with learn.no_bar(), learn.no_logging(): learn.fit_tagger(1)
        except InputError as e: assert str(e) == f"{last}: there is no such file", e
        else: raise AssertionError("a photo that is gone was trained on")


def without_plugin(bundle, photo, folder):
    "A HEIC photo where no plugin reads it: named, with what to install"
    (folder/"bare").mkdir()
    (folder/"bare/pillow_heif.py").write_text("raise ImportError\n")
    (folder/"bare/phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    photo.save(folder/"bare/shirt.jpg")
    child = subprocess.run([*COMMAND, "tag", bundle, folder/"bare"], env=os.environ | dict(PYTHONPATH=str(folder/"bare")), capture_output=True, text=True)
    assert child.returncode == 0 and "HEIC needs a plugin: pip install pillow-heif" in child.stdout and "1 with an error" in child.stderr, child.stdout + child.stderr


def doors(files, seed, folder):
    "Go through all doors; yields a line of figures for each, and raises AssertionError where one gives way"
    folder = Path(folder)
    bundle, table = bundle_in(folder)
    kinds = make(folder/"bad", files, seed)
    given = {os.fspath(folder/"bad"/name) for name in kinds}

    def calm(what, status, err, mb, statuses=(0,)):
        assert status in statuses and "Traceback" not in err, f"{what}: status {status}\n{err[-2000:]}"
        assert mb < LIMIT_MB, f"{what} took {mb} MB"

    status, _, err, seconds, mb = run("tag", bundle, folder/"bad", "--out", folder/"tags.jsonl", "--quiet")
    calm("tag", status, err, mb)
    rows = [json.loads(line) for line in (folder/"tags.jsonl").read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    found = {r["image"] for r in rows}
    assert len(rows) == len(found) == len(given), f"tag: {len(given)} files, {len(rows)} rows"
    tagged, named = sum(not r["error"] for r in rows), sum(bool(r["error"]) for r in rows)
    assert all(r["type"] for r in rows if not r["error"])
    by_exif = {tuple(r[k] for k in ("type", "colour")) for r in rows for name, kind in kinds.items() if kind.startswith("EXIF") and r["image"].endswith(f"/{name}")}
    assert len(by_exif) == 1, f"one photo turned eight ways has the tags {by_exif}"
    yield f"tag       {tagged:6,} tagged, {named:6,} named with a reason  {seconds:6.1f} s  {mb:,} MB", {kinds.get(os.path.relpath(r["image"], folder/"bad"), "strange name"): bool(r["error"]) for r in rows}  # a name that is no text is written with backslashes

    with open(folder/"bad.csv", "w", newline="", encoding="utf-8", errors="surrogateescape") as f:
        write = csv.writer(f)
        write.writerow(["image", "type", "colour", "split"])
        plain = sorted(name for name in kinds if name.isprintable() and name.isascii())
        for i, name in enumerate(plain): write.writerow([f"{folder}/bad/{name}", ("dress", "shirt")[i % 2], ("red", "blue")[i % 2], ("train", "valid")[i % 5 == 0]])
        for r in table.itertuples(): write.writerow([r.image, r.type, r.colour, r.split])
    status, out, err, seconds, mb = run("audit", folder/"bad.csv", "--images", "/", "--attributes", "type,colour", "--out", folder/"audit.csv")
    calm("audit", status, err, mb)
    yield f"audit     {len((folder/'audit.csv').read_text(encoding='utf-8', errors='surrogateescape').splitlines()) - 1:6,} findings{'':30}  {seconds:6.1f} s  {mb:,} MB", None

    there = ("--images", "/", "--attributes", "type,colour", "--missing", "skip")
    status, _, err, seconds, mb = run("train", folder/"bad.csv", *there, "--freeze-epochs", "2", "--out", folder/"refused")
    calm("train", status, err, mb, (2,))
    assert err.strip().splitlines()[-1].startswith("error: ") and not (folder/"refused").exists()
    status, _, err, seconds, mb = run("train", folder/"bad.csv", *there, "--freeze-epochs", "2", "--skip-unreadable", "--out", folder/"trained")
    calm("train --skip-unreadable", status, err, mb)
    left = sum(line.startswith("left out: ") for line in err.splitlines())
    yield f"train     {left:6,} left out and named, the others trained on   {seconds:6.1f} s  {mb:,} MB", None

    status, _, err, seconds, mb = run("evaluate", bundle, folder/"bad.csv", "--images", "/", "--missing", "skip", "--split", "split", "--part", "all")
    calm("evaluate", status, err, mb, (2,))
    assert err.strip().splitlines()[-1].endswith("--skip-unreadable leaves such photos out"), err
    status, out, err, seconds, mb = run("evaluate", bundle, folder/"bad.csv", "--images", "/", "--missing", "skip", "--split", "split", "--part", "all", "--skip-unreadable")
    calm("evaluate --skip-unreadable", status, err, mb)
    yield f"evaluate  {sum(line.startswith('left out: ') for line in err.splitlines()):6,} left out and named, the others scored       {seconds:6.1f} s  {mb:,} MB", None

    from fashion_tagger.inference import Tagger
    from fashion_tagger.schema import InputError
    tagger, counts = Tagger.load(bundle), Counter()
    for path in sorted(given)[:2000]:
        try: counts[bool(tagger.predict(path)["type"]["value"])] += 1
        except InputError as e: counts["named"] += bool(str(e))
    yield f"Tagger    {counts[True]:6,} tagged, {counts['named']:6,} named with a reason", None

    photo = Image.open(table["image"].iloc[0])
    tagged, named = vanishing(tagger, photo, folder/"fleeting", max(files//5, 40))
    vanished_in_training(table, folder)
    yield f"vanishing {tagged:6,} tagged, {named:6,} named as gone; training names the photo that is gone", None

    without_plugin(bundle, photo, folder)
    yield "HEIC      named where its plugin is missing", None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASHION_TAGGER_CACHE"] = f"{folder}/cache"
        try:
            for line, kinds in doors(args.files, args.seed, folder):
                print(line, flush=True)
                if kinds: print("  named:", ", ".join(sorted(k for k, bad in kinds.items() if bad)), "\n  tagged:", ", ".join(sorted(k for k, bad in kinds.items() if not bad)), flush=True)
        except AssertionError as e: sys.exit(f"FAILED: {e}")


if __name__ == "__main__": main()
