"Damaged files are named, not raised; duplicates are found in time"
import io, os, time, warnings

import numpy as np, pandas as pd, pytest
from PIL import Image

from fashion_tagger.drawing import draw_garment
from fashion_tagger.duplicates import Scan, duplicate_groups, photo_hash, scan_photos
from fashion_tagger.photos import open_photo

ENDS_EARLY = "truncated: the file ends too early"


def encoded(img, format="JPEG", **kwargs):
    file = io.BytesIO()
    img.save(file, format, **kwargs)
    return file.getvalue()


@pytest.fixture(scope="module")
def shirt(): return draw_garment("shirt", "blue", size=(224, 180), seed=3)


@pytest.fixture
def error_of(tmp_path):
    "Why a file of these bytes cannot be read"
    def error_of(data, name="photo.jpg"):
        (tmp_path/name).write_bytes(data)
        return scan_photos([tmp_path/name]).photos["error"][0]
    return error_of


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [.05, .25, .5, .75, .9, .99])
def test_a_cut_is_found_wherever_it_is(error_of, shirt, format, share):
    data = encoded(shirt, format)
    assert error_of(data[:int(share*len(data))]) == ENDS_EARLY


def test_reasons(error_of, shirt, tmp_path):
    data = encoded(shirt)
    assert error_of(data[:20]) == ENDS_EARLY
    assert error_of(b"<html>404</html>") == "unreadable: not an image of a known format"
    assert error_of(b"") == "unreadable: the file is empty"
    (tmp_path/"folder.jpg").mkdir()
    assert scan_photos([tmp_path/"folder.jpg"]).photos["error"][0] == "unreadable: it is a folder"
    assert scan_photos([tmp_path/"gone.jpg"]).photos["error"][0] == "missing file: there is no such file"
    assert scan_photos([tmp_path/"photo.jpg"/"gone.jpg"]).photos["error"][0] == "missing file: there is no such file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(shirt, tmp_path):
    (tmp_path/"locked.jpg").write_bytes(encoded(shirt))
    (tmp_path/"locked.jpg").chmod(0)
    assert scan_photos([tmp_path/"locked.jpg"]).photos["error"][0] == "unreadable: Permission denied"


def test_a_bomb_is_not_decoded(error_of):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert error_of(encoded(Image.new("1", (14_000, 14_000)), "PNG")).startswith("too large: ")
    assert not caught


def test_training_and_the_audit_have_one_limit(error_of):
    large = encoded(Image.new("1", (9_750, 9_750)), "PNG")  # 95 megapixels, of which Pillow warns
    assert error_of(large) == ""
    with pytest.warns(Image.DecompressionBombWarning): assert open_photo(large).size == (9_750, 9_750)


def test_facts(shirt, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = dict(save_all=True, append_images=[shirt.rotate(90)])
    files = {"good.jpg": encoded(shirt), "turned.jpg": encoded(shirt, exif=exif),
             "moving.gif": encoded(shirt, "GIF", **frames), "moving.webp": encoded(shirt, "WEBP", **frames),
             "dot.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
             "line.png": encoded(Image.new("RGB", (1, 5000)), "PNG"),
             "deep.png": encoded(Image.new("I;16", (60, 80), 9000), "PNG")}
    for name, data in files.items(): (tmp_path/name).write_bytes(data)
    scan = scan_photos([tmp_path/name for name in files])
    photos = scan.photos.set_axis([*files])
    assert (photos["error"] == "").all()
    assert [*photos.loc["good.jpg", ["width", "height", "turned", "frames"]]] == [180, 224, 1, 1]
    assert [*photos.loc["turned.jpg", ["width", "height", "turned"]]] == [224, 180, 6]
    assert [*photos["frames"][["moving.gif", "moving.webp"]]] == [2, 2]
    assert [*photos["bytes"]] == [len(data) for data in files.values()]
    assert (scan.hashes[0] == photo_hash(open_photo(files["good.jpg"], at_least=64))).all()


def test_unreadable_files_are_no_duplicates(shirt, tmp_path):
    data = encoded(shirt)
    for name in ("a.jpg", "b.jpg"): (tmp_path/name).write_bytes(data[:-200])
    scan = scan_photos([tmp_path/name for name in ("a.jpg", "b.jpg", "gone.jpg", "gone.jpg")])
    assert not len(duplicate_groups(scan))


def test_no_photos_at_all():
    assert not len(duplicate_groups(scan_photos([])))


def test_a_thousand_photos_that_look_alike_do_not_take_the_afternoon():
    rng = np.random.default_rng(0)
    thumbs = np.uint8(128 + 3*rng.standard_normal((1000, 48, 48, 3)))
    hashes = np.repeat(rng.random((1, 256)) < .5, 1000, 0) ^ (rng.random((1000, 256)) < .05)
    start = time.perf_counter()
    groups = duplicate_groups(Scan(pd.DataFrame(dict(error=[""]*1000)), [*range(1000)], hashes, thumbs))
    assert time.perf_counter() - start < 30
    assert (len(groups), groups["group"].nunique()) == (1000, 1)
