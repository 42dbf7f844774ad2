"What `audit_table` says about odd files, boxes and labels"
import io
from pathlib import Path

import pandas as pd, pytest
from PIL import Image

from fashion_tagger.audit import _contradict, _box_place, audit_table
from fashion_tagger.drawing import draw_garment
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.schema import Attribute, TagSet, schema_from_table


def encoded(img, format="JPEG", **kwargs):
    file = io.BytesIO()
    img.save(file, format, **kwargs)
    return file.getvalue()


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory):
    "Whatever has gone wrong with somebody's photos"
    root = tmp_path_factory.mktemp("odd")
    shirt = draw_garment("shirt", "blue", size=(224, 180), seed=3)
    red = draw_garment("shirt", "red", size=(224, 180), seed=3)
    dress = draw_garment("dress", "blue", size=(224, 180), seed=5)
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = shirt.convert("RGBA")
    clear.putalpha(200)
    frames = dict(save_all=True, append_images=[red])
    jpg, png = encoded(shirt), encoded(shirt, "PNG")
    files = {
        "empty.jpg": b"", "text.jpg": b"<html>404</html>",
        "cut.png": png[:len(png)//2], "end.jpg": jpg[:-200], "named.jpg": png,
        "moving.gif": encoded(dress, "GIF", **frames), "moving.webp": encoded(dress, "WEBP", **frames),
        "print.jpg": encoded(dress.convert("CMYK")), "deep.png": encoded(Image.new("I;16", (60, 80), 9000), "PNG"),
        "bits.png": encoded(red.convert("1"), "PNG"), "alpha.png": encoded(clear, "PNG"),
        "palette.png": encoded(dress.quantize(16), "PNG", transparency=0),
        "grey.png": encoded(clear.convert("LA"), "PNG"), "dot.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
        "line.png": encoded(Image.new("RGB", (1, 5000)), "PNG"), "turned.jpg": encoded(red, exif=exif)}
    for name, data in files.items(): (root/name).write_bytes(data)
    (root/"folder.jpg").mkdir()
    return [f"{root}/{name}" for name in (*files, "folder.jpg", "gone.jpg")]


def test_every_odd_file_has_a_finding(odd_files):
    audit = audit_table(pd.DataFrame(dict(image=odd_files, kind=["shirt", "dress"]*9)))
    found = audit.findings[(audit.findings["image"] != "") & ~audit.findings["kind"].str.contains("duplicate|disagree")]
    assert {*found["image"]} == {*odd_files}
    kinds = found.groupby(found["image"].map(lambda p: Path(p).name))["kind"].apply(list)
    assert kinds["empty.jpg"] == ["unreadable"]
    assert kinds["cut.png"] == ["truncated"]
    assert kinds["named.jpg"] == ["wrong ending"]
    assert kinds["moving.gif"] == ["animated"]
    assert kinds["print.jpg"] == ["odd mode"]
    assert kinds["line.png"] == ["tiny"]
    assert kinds["turned.jpg"] == ["turned"]
    assert kinds["gone.jpg"] == ["missing file"]


def test_a_row_without_a_name(odd_files):
    audit = audit_table(pd.DataFrame(dict(image=[None, odd_files[-3]], type=["shirt", "dress"])), few=0)
    said = "a row without a name: there is no such file; mend its name or leave the row out"
    assert audit.findings["what"][0] == said


def test_two_garments_in_one_photo_are_no_duplicates(odd_files):
    halves = [(0, 0, 90, 224), (90, 0, 180, 224)]
    twins = pd.DataFrame(dict(image=[odd_files[4]]*2, box=halves, type="shirt"), dtype=object)
    assert not len(audit_table(twins).duplicates)
    assert _box_place((0, 0, 50, 60), 100, 120) == _box_place((0, 0, 100, 120), 200, 240)


def test_clean_photos(tmp_path):
    table = sample_wardrobe(tmp_path, n=20, seed=1).table
    audit = audit_table(table, schema_from_table(table), few=0)
    assert not {*audit.findings["kind"]} & {"unreadable", "exact duplicate", "near duplicate", "across the split"}


@pytest.mark.parametrize("cells, kind, contradict", [
    (["red", "blue", None], Attribute, True),
    (["red", None, "red"], Attribute, False),
    ([("red", "dress"), ("dress",)], TagSet, True),
    ([("red", "dress"), ("dress", "red"), None], TagSet, False),
    ([("red",), {"red": False}], TagSet, True),
    ([("red",), {"red": True}, {"floral": False}], TagSet, False),
    (["red", ("red",)], TagSet, True),
])
def test_labels_contradict_each_other_where_both_are_known(cells, kind, contradict):
    assert _contradict(cells, kind) == contradict
