"""Thousands of files that no photo should be, given to every command: how many are tagged, how many rejected.

    python tests/hostile_photos.py [--files 5000] [--seed N]

A file is treated well if it is tagged, or named with a reason. A traceback, a file that goes missing without a word, a
run that does not end or one that takes more memory than LIMIT_MB is a failure, and the exit status is 1."""
import argparse, csv, functools, io, json, os, random, select, shutil, signal, struct, subprocess, sys, tempfile, time
import zipfile, zlib
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, features

from users import bound

LIMIT_MB, LIMIT_S = 2500, 900
COMMAND = [*(bound or []), sys.executable, "-c", "from fashion_tagger.cli import main; main()"]
LABELS = "--images", "/", "--attributes", "type,colour"
SMALL = "--size", "64x64"
EVALUATE_ALL = "--images", "/", "--missing", "skip", "--split", "split", "--part", "all"
ENDINGS = ".jpg", ".png", ".webp", ".jpeg", ".gif", ".tif", ".bmp"
STRANGE_NAMES = [
    "with space.jpg", "new\nline.jpg", "quo\"te's.jpg", "comma, semi;colon.jpg", "-dash.jpg", "x"*251 + ".jpg",
    "émoji 👗.jpg", "#hash?.jpg", "UPPER.JPG", "a.b.c.jpeg", "$(touch pwned).jpg", "%00.jpg", "tab\t.jpg",
]


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
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side//8)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_bomb(data, side=30_000):
    "A small JPEG that claims to be 30,000 pixels wide and high"
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i+1] in (0xC0, 0xC2))
    return data[:at+5] + struct.pack(">HH", side, side) + data[at+9:]


def turned(img, orientation):
    "A JPEG that looks like `img` once it is turned as its EXIF says"
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    if orientation in back: img = img.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(img, "JPEG", quality=95, exif=exif)


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z: z.writestr("a.py", "raise SystemExit")
    return out.getvalue()


def crafted_files(rgb, jpeg, rng):
    "The bytes of a file by its kind, one of each"
    frames = dict(save_all=True, append_images=[rgb.rotate(90, expand=True).resize(rgb.size)])
    noise = Image.fromarray(rng.integers(0, 256, (80, 60, 3), dtype=np.uint8))
    clear = rgb.convert("P")
    clear.info["transparency"] = 0
    grey16 = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16)*257)
    files = {
        "CMYK": encoded(rgb.convert("CMYK"), "JPEG"),
        "16 bits": encoded(grey16, "PNG"),
        "palette with transparency": encoded(clear, "PNG", transparency=0),
        "1 bit": encoded(rgb.convert("1"), "PNG"),
        "grey with alpha": encoded(rgb.convert("LA"), "PNG"),
        "animated GIF": encoded(rgb, "GIF", **frames),
        "animated WebP": encoded(rgb, "WEBP", **frames),
        "1x1": encoded(rgb.resize((1, 1)), "PNG"),
        "1x20,000": encoded(rgb.resize((1, 20_000)), "PNG"),
        "20,000x1": encoded(rgb.resize((20_000, 1)), "JPEG"),
        "PNG bomb": png_bomb(),
        "JPEG bomb": jpeg_bomb(jpeg),
        "bad ICC profile": encoded(rgb, "JPEG", icc_profile=rng.bytes(300)),
        "damaged HEIC": b"\0\0\0\x18ftypheic" + rng.bytes(300),
        "zip behind a JPEG": jpeg + zipped(),
        "page in a JPEG": encoded(rgb, "JPEG", comment=b"<script>alert(1)</script>"),
        "GIF header on a script": b"GIF89a=1;alert(1)" + rng.bytes(50),
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "noise as PNG": encoded(noise, "PNG"),
    }
    for i in range(1, 9): files[f"EXIF {i}"] = turned(rgb, i)
    if features.check("avif"): files["AVIF"] = encoded(rgb, "AVIF")
    if heic: files |= {"HEIC": heic(rgb), "HEIC, truncated": heic(rgb)[:-200]}
    return files


def damaged_file(formats, rng):
    "A kind and the bytes of a file: truncated, with flipped bits, random, empty, or text"
    format = list(formats)[rng.integers(len(formats))]
    data, what = formats[format], rng.integers(8)
    if what < 3: return f"{format}, truncated", data[:rng.integers(1, len(data))]
    if what < 6:
        damaged = bytearray(data)
        for at in rng.integers(0, len(damaged), rng.integers(1, 40)): damaged[at] ^= 1 << int(rng.integers(8))
        return f"{format}, bits flipped", bytes(damaged)
    if what < 7: return "random bytes", rng.bytes(int(rng.integers(0, 3000)))
    if rng.random() < 0.3: return "empty", b""
    return "text", b"no photo\n"*int(rng.integers(1, 50))


def hostile_files(photo, rng):
    "Endless pairs of a kind and the bytes of a file"
    rgb, jpeg = photo.convert("RGB"), encoded(photo, "JPEG", quality=90)
    formats = {f: encoded(photo, f) for f in ("PNG", "WEBP", "GIF", "BMP", "TIFF")}
    formats = dict(JPEG=jpeg, **formats)
    yield from crafted_files(rgb, jpeg, rng).items()
    while True: yield damaged_file(formats, rng)


def make(folder, n, seed):
    "Fill a folder with `n` hostile files, strange names, links and pipes; the kind of each by its name"
    from fashion_tagger.drawing import draw_garment
    rng, kinds, folder = np.random.default_rng(seed), {}, Path(folder)
    folder.mkdir()
    photo = draw_garment("dress", "red", "dotted", "short", (160, 120), seed=seed)
    for i, (kind, data) in enumerate(islice(hostile_files(photo, rng), n)):
        name = f"{i:05}{ENDINGS[rng.integers(len(ENDINGS))]}"
        (folder/name).write_bytes(data)
        kinds[name] = kind
    for raw in [*map(os.fsencode, STRANGE_NAMES), b"not \xff utf-8 \xfe.jpg"]:
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


class Run(NamedTuple):
    status: int
    out: str
    err: str
    seconds: float
    peak_mb: int

    @property
    def left_out(self): return sum(line.startswith("left out: ") for line in self.err.splitlines())

    @property
    def last_line(self): return self.err.strip().splitlines()[-1]


FORKS = """
import json, os, sys
import fashion_tagger.all
from fashion_tagger.cli import main
for line in sys.stdin:
    args, out, err = json.loads(line)
    child = os.fork()
    if not child: break
    _, status, used = os.wait4(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_maxrss//1024]), flush=True)
else: sys.exit()
for fd, path in enumerate((os.devnull, out, err)): os.dup2(os.open(path, os.O_RDWR), fd)
sys.argv = ["fashion-tagger", *args]
main()
"""


@functools.cache
def forks():
    "A process that has imported everything, which takes seconds, and runs each command in a fork of itself"
    return subprocess.Popen([*(bound or []), sys.executable, "-c", FORKS], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, start_new_session=True)


def run(*args, limit=LIMIT_S):
    "Run a command to its end"
    start = time.perf_counter()
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        print(json.dumps([[*map(os.fspath, args)], out.name, err.name]), file=forks().stdin, flush=True)
        if not select.select([forks().stdout], [], [], limit)[0]:
            os.killpg(forks().pid, signal.SIGKILL)
            raise SystemExit(f"{args[0]} did not end in {limit} s")
        status, peak = json.loads(forks().stdout.readline())
        seconds = time.perf_counter() - start
        said = (f.read().decode(errors="surrogateescape") for f in (out, err))
        return Run(status, *said, seconds, peak)


def checked_run(*args, status=0):
    "Run a command that must end with this status, without a traceback and within the memory limit"
    done = run(*args)
    assert done.status == status, f"{args[0]}: status {done.status}\n{done.err[-2000:]}"
    assert "Traceback" not in done.err, f"{args[0]}:\n{done.err[-2000:]}"
    assert done.peak_mb < LIMIT_MB, f"{args[0]} took {done.peak_mb} MB"
    return done


def bundle_in(folder):
    "A bundle, and the table that it was trained on"
    from fashion_tagger.samples import sample_wardrobe
    table = sample_wardrobe(folder/"clothes", n=120, seed=0).table[["image", "type", "colour", "split"]]
    table.to_csv(folder/"labels.csv", index=False)
    done = run("train", folder/"labels.csv", *LABELS, *SMALL, "--freeze-epochs", "3", "--out", folder/"bundle")
    assert done.status == 0, done.err
    return folder/"bundle", table


def write_table(file, folder, kinds, table):
    "A table of hostile files with made-up labels, followed by the rows of `table`"
    plain = sorted(name for name in kinds if name.isprintable() and name.isascii())
    with open(file, "w", newline="", encoding="utf-8", errors="surrogateescape") as f:
        writer = csv.writer(f)
        writer.writerow(["image", "type", "colour", "split"])
        for i, name in enumerate(plain):
            split = "valid" if i % 5 == 0 else "train"
            writer.writerow([f"{folder}/{name}", ("dress", "shirt")[i % 2], ("red", "blue")[i % 2], split])
        for r in table.itertuples(): writer.writerow([r.image, r.type, r.colour, r.split])


class Check(NamedTuple):
    "A line of figures, and for `tag` whether each kind of file was rejected"
    line: str
    rejected: dict|None = None


def check_tag(bundle, folder, kinds):
    "Every file is tagged or rejected, and the eight EXIF orientations of one photo get the same tags"
    done = checked_run("tag", bundle, folder/"bad", "--out", folder/"tags.jsonl", "--quiet")
    lines = (folder/"tags.jsonl").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    rows = [json.loads(line) for line in lines]
    found = {r["image"] for r in rows}
    assert len(rows) == len(found) == len(kinds), f"tag: {len(kinds)} files, {len(rows)} rows"
    assert all(r["type"] for r in rows if not r["error"])
    by_exif, rejected = set(), {}
    for r in rows:
        # a name that is not text is written with backslashes, and so is not in kinds
        kind = kinds.get(os.path.relpath(r["image"], folder/"bad"), "strange name")
        rejected[kind] = bool(r["error"])
        if kind.startswith("EXIF"): by_exif.add((r["type"], r["colour"]))
    assert len(by_exif) == 1, f"one photo turned eight ways has the tags {by_exif}"
    named = sum(bool(r["error"]) for r in rows)
    counts = f"{len(rows) - named:6,} tagged, {named:6,} named with a reason"
    return Check(f"tag       {counts}  {done.seconds:6.1f} s  {done.peak_mb:,} MB", rejected)


def check_audit(folder):
    done = checked_run("audit", folder/"bad.csv", *LABELS, "--out", folder/"audit.csv")
    lines = (folder/"audit.csv").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return Check(f"audit     {len(lines) - 1:6,} findings{'':30}  {done.seconds:6.1f} s  {done.peak_mb:,} MB")


def check_train(folder):
    "Training ends with one line, or leaves out the unreadable photos and names them"
    options = *LABELS, *SMALL, "--missing", "skip", "--freeze-epochs", "2"
    done = checked_run("train", folder/"bad.csv", *options, "--out", folder/"refused", status=2)
    assert done.last_line.startswith("error: ") and not (folder/"refused").exists()
    done = checked_run("train", folder/"bad.csv", *options, "--skip-unreadable", "--out", folder/"trained")
    counts = f"{done.left_out:6,} left out and named, the others trained on"
    return Check(f"train     {counts}   {done.seconds:6.1f} s  {done.peak_mb:,} MB")


def check_evaluate(bundle, folder):
    done = checked_run("evaluate", bundle, folder/"bad.csv", *EVALUATE_ALL, status=2)
    assert done.last_line.endswith("--skip-unreadable leaves such photos out"), done.err
    done = checked_run("evaluate", bundle, folder/"bad.csv", *EVALUATE_ALL, "--skip-unreadable")
    counts = f"{done.left_out:6,} left out and named, the others scored"
    return Check(f"evaluate  {counts}       {done.seconds:6.1f} s  {done.peak_mb:,} MB")


def check_predict(tagger, files):
    "`Tagger.predict` tags a file or raises `InputError` with a reason"
    from fashion_tagger.schema import InputError
    counts = Counter()
    for path in files:
        try: counts[bool(tagger.predict(path)["type"]["value"])] += 1
        except InputError as e: counts["named"] += bool(str(e))
    return Check(f"Tagger    {counts[True]:6,} tagged, {counts['named']:6,} named with a reason")


def check_vanishing(tagger, photo, table, folder, n):
    "Photos that are deleted after their folder is listed and before they are read"
    from fashion_tagger.bulk import find_photos, tag_photos
    fleeting = folder/"fleeting"
    fleeting.mkdir()
    for i in range(n): photo.save(fleeting/f"{i:05}.jpg")

    def every_other_deleted():
        for i, path in enumerate(find_photos([fleeting])):
            if i % 2: os.remove(path)
            yield path

    rows = list(tag_photos(tagger, every_other_deleted()))
    assert [bool(r["error"]) for r in rows] == [bool(i % 2) for i in range(n)]
    assert all("there is no such file" in r["error"] for r in rows[1::2])
    for cache in (True, False): check_vanished_in_training(table, folder, cache)
    tagged = sum(not r["error"] for r in rows)
    counts = f"{tagged:6,} tagged, {n - tagged:6,} named as gone"
    return Check(f"vanishing {counts}; training names the photo that is gone")


def check_vanished_in_training(table, folder, cache):
    "A photo that is deleted after the table is read: training ends with one line that names it"
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger import calibration, export, training  # noqa: F401, for the methods that they add
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.schema import InputError
    last, table = folder/"last.jpg", table.copy()
    shutil.copy(table["image"].iloc[0], last)
    table.loc[table.index[0], "image"] = str(last)
    learn = tagger_learner(tagger_dataloaders(table, size=(64, 64), cache=cache, num_workers=0))
    last.unlink()
    try:
        with learn.no_bar(), learn.no_logging(): learn.fit_tagger(1)
    except InputError as e: assert str(e) == f"{last}: there is no such file", e
    else: raise AssertionError("training went on without a photo that is gone")


def check_without_plugin(bundle, photo, folder):
    "Without a plugin a HEIC photo is rejected, with what to install"
    bare = folder/"bare"
    bare.mkdir()
    (bare/"pillow_heif.py").write_text("raise ImportError\n")
    (bare/"phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    photo.save(bare/"shirt.jpg")
    env = os.environ | dict(PYTHONPATH=str(bare))
    child = subprocess.run([*COMMAND, "tag", bundle, bare], env=env, capture_output=True, text=True)
    said = child.stdout + child.stderr
    assert child.returncode == 0, said
    assert "HEIC needs a plugin: pip install pillow-heif" in child.stdout and "1 with an error" in child.stderr, said
    return Check("HEIC      named where its plugin is missing")


def checks(files, seed, folder):
    "Try every command in turn; each yields its `Check`, and raises AssertionError if it fails"
    folder = Path(folder)
    bundle, table = bundle_in(folder)
    kinds = make(folder/"bad", files, seed)
    yield check_tag(bundle, folder, kinds)
    write_table(folder/"bad.csv", folder/"bad", kinds, table)
    yield check_audit(folder)
    yield check_train(folder)
    yield check_evaluate(bundle, folder)

    from fashion_tagger.inference import Tagger
    tagger = Tagger.load(bundle)
    paths = sorted(os.fspath(folder/"bad"/name) for name in kinds)
    yield check_predict(tagger, paths[:2000])
    photo = Image.open(table["image"].iloc[0])
    yield check_vanishing(tagger, photo, table, folder, max(files//5, 40))
    yield check_without_plugin(bundle, photo, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASHION_TAGGER_CACHE"] = f"{folder}/cache"
        try:
            for check in checks(args.files, args.seed, folder):
                print(check.line, flush=True)
                if not check.rejected: continue
                print("  named:", ", ".join(sorted(k for k, bad in check.rejected.items() if bad)), flush=True)
                print("  tagged:", ", ".join(sorted(k for k, bad in check.rejected.items() if not bad)), flush=True)
        except AssertionError as e: sys.exit(f"FAILED: {e}")


if __name__ == "__main__": main()
