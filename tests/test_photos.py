"Odd photos, odd folders and odd machines"
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fashion_tagger.photos import (Crop, FIT_FILLS, FIT_METHODS, PhotoError, decode_ahead, find_images, fit_photo,
                                   load_photo, open_photo)
from fashion_tagger.schema import InputError


def jpeg(img, **kwargs):
    file = io.BytesIO()
    img.save(file, "JPEG", quality=95, **kwargs)
    return file.getvalue()


@pytest.fixture
def half_blue():
    img = Image.new("RGB", (640, 480), "white")
    img.paste("navy", (320, 0, 640, 480))
    return img


def test_modes():
    assert open_photo(np.full((4, 2), 7, np.uint8)).getpixel((0, 0)) == (7, 7, 7)
    assert open_photo(Image.fromarray(np.full((4, 2), 65535, np.uint16))).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9])
def test_orientations(half_blue, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(half_blue, exif=exif)
    wide = orientation not in range(5, 9)
    assert open_photo(data).size == ((640, 480) if wide else (480, 640))
    part = open_photo(Crop(data, (0, 0, 480, 320)), 100)  # the box is that of the upright photo
    assert part.size == (240, 160)


@pytest.mark.parametrize("at_least", [0, 100])
def test_crop(half_blue, at_least):
    part = open_photo(Crop(jpeg(half_blue), (400, 80, 640, 400)), at_least)
    assert part.size == ((120, 160) if at_least else (240, 320))
    assert np.abs(np.subtract(part.getpixel((part.width//2, part.height//2)), (0, 0, 128))).max() <= 3


def test_unreadable(tmp_path, half_blue):
    cut = tmp_path/"cut.jpg"
    cut.write_bytes(jpeg(half_blue)[:700])
    with pytest.raises(PhotoError, match="cut.jpg: not a readable image"): open_photo(cut)
    with pytest.raises(PhotoError, match="not a file"): open_photo(tmp_path)
    with pytest.raises(PhotoError, match="of no known format"): open_photo(b"no image")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path/"pipe.jpg")
    with pytest.raises(PhotoError, match="not a file"): open_photo(tmp_path/"pipe.jpg")


def test_heic_by_content(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    named = tmp_path/"phone.jpg"
    pillow_heif.from_pillow(Image.new("RGB", (60, 80), "navy")).save(str(named), quality=90)
    for source in (named, named.read_bytes()): assert open_photo(source).size == (60, 80)


@pytest.mark.parametrize("method", FIT_METHODS)
@pytest.mark.parametrize("fill", FIT_FILLS)
@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1), (49, 1), (20, 60), (30_000, 3)])
def test_any_shape_fits(method, fill, shape):
    img = Image.new("RGB", shape, "teal")
    assert fit_photo(img, (49, 40), method, fill).size == (40, 49)


def test_fills():
    half = Image.fromarray(np.repeat(np.array([[[200, 0, 0]]*30 + [[0, 0, 200]]*30], np.uint8), 20, 0))
    corner = {fill: fit_photo(half, (40, 40), "pad", fill).getpixel((2, 2)) for fill in FIT_FILLS}
    assert corner == dict(white=(255, 255, 255), black=(0, 0, 0), reflect=(200, 0, 0), border=(200, 0, 0))
    assert fit_photo(half, (20, 20), "crop").getpixel((1, 10)) == (200, 0, 0)
    with pytest.raises(InputError, match="'pink' must be one of white, black"): fit_photo(half, (9, 9), "pad", "pink")


def test_load_photo(half_blue):
    squished = half_blue.resize((24, 32), Image.Resampling.BILINEAR)
    assert (np.asarray(load_photo(half_blue, (32, 24))) == np.asarray(squished)).all()


def test_links(tmp_path):
    (tmp_path/"itself.jpg").symlink_to("itself.jpg")
    for one, other in (("c", "d"), ("d", "c")):  # two folders that hold a link to each other
        (tmp_path/one).mkdir()
        (tmp_path/one/"other").symlink_to(tmp_path/other)
        (tmp_path/one/"5.jpg").touch()
    found = [os.path.relpath(p, tmp_path) for p in find_images(tmp_path)]
    assert found == ["c/5.jpg", "c/other/5.jpg", "d/5.jpg", "d/other/5.jpg", "itself.jpg"]


def test_onerror_may_raise(tmp_path):
    def stop(e): raise e
    with pytest.raises(FileNotFoundError): list(find_images(tmp_path/"nowhere", stop))


def test_decode_ahead():
    odd = [b"", *[Image.new("RGB", (i + 1, 1)) for i in range(50)], b""]
    got = list(decode_ahead(odd, open_photo, threads=3))
    assert [isinstance(x, InputError) for x in got] == [True] + [False]*50 + [True]
    assert [x.width for x in got[1:-1]] == list(range(1, 51))
    assert list(decode_ahead([], open_photo)) == []


def python(code, **env):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | env)
    return run.stdout.strip()


def test_imports_little():
    code = """
import sys
import numpy as np
from fashion_tagger.cache import PixelCache
from fashion_tagger.engines import fastest
from fashion_tagger.photos import cpu_count
cpu_count(), fastest('cpu'), PixelCache([np.zeros((9, 9, 3), np.uint8)], (8, 8))[[0]]
heavy = 'torch', 'fastai', 'pandas', 'matplotlib', 'onnxruntime', 'openvino'
print([m for m in heavy if m in sys.modules])"""
    assert python(code) == "[]"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity")
def test_threads_respect_affinity():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from fashion_tagger.photos import cpu_count; print(cpu_count())"
    assert python(code, FASHION_TAGGER_THREADS="") == "1"
    assert python(code, FASHION_TAGGER_THREADS="5") == "5"
