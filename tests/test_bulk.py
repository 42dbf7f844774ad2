"Tagging many photos: sources of any kind, file names of any kind, and runs that end anywhere"
import io
import json
import os
import sys
import warnings
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest

from fashion_tagger import bulk
from fashion_tagger.bulk import answer_row, find_photos, row_columns, tag_frame, tag_photos, tag_to_file
from fashion_tagger.drawing import draw_garment
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet

SCHEMA = Schema([Attribute("colour", ("black", "blue", "red")), TagSet("tags", ("dress", "jeans", "striped"))])
READERS = dict(csv=pd.read_csv, jsonl=lambda f: pd.read_json(f, lines=True), parquet=pd.read_parquet)  # by ending


def write_bundle(path, seed=0):
    import torch
    from safetensors.torch import save_file
    from fashion_tagger.inference import BUNDLE_VERSION, SETTINGS_FILE, WEIGHTS_FILE
    from fashion_tagger.models import create_tagger
    torch.manual_seed(seed)
    net = create_tagger("tf_efficientnet_lite0", SCHEMA, pretrained=False).eval()
    settings = dict(bundle_version=BUNDLE_VERSION, schema=SCHEMA.to_dict(), model=net.config, size=[64, 64],
                    method="squish", fill="white", thresholds={})
    path.mkdir()
    (path/SETTINGS_FILE).write_text(json.dumps(settings))
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, path/WEIGHTS_FILE)
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory): return write_bundle(tmp_path_factory.mktemp("bulk")/"bundle")


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory): return write_bundle(tmp_path_factory.mktemp("other")/"bundle", seed=1)


@pytest.fixture
def shop(tmp_path):
    shop = tmp_path/"shop"
    (shop/"a").mkdir(parents=True)
    drawn = {"a/red dress.jpg": ("dress", "red"), "b.png": ("jeans", "blue"), "c.JPG": ("shirt", "white")}
    for name, what in drawn.items(): draw_garment(*what, seed=1).save(shop/name)
    (shop/"broken.jpg").write_bytes(b"no photo")
    return shop


def test_folders_and_globs(shop, tmp_path):
    def found(*sources): return [os.path.relpath(p, tmp_path) for p in find_photos([tmp_path/s for s in sources])]
    four = ["shop/a/red dress.jpg", "shop/b.png", "shop/broken.jpg", "shop/c.JPG"]
    assert found("shop", "shop/*.png", "gone.jpg") == [*four, "shop/b.png", "gone.jpg"]
    (shop/"loop").symlink_to(shop)
    (shop/"._b.png").touch()
    (shop/"notes.txt").touch()
    assert found("shop") == four
    (tmp_path/"odd[1].jpg").touch()
    assert found("odd[1].jpg") == ["odd[1].jpg"]


def test_tables(shop, tmp_path, monkeypatch):
    (tmp_path/"shop.tsv").write_text("price\tphoto\n10\tshop/b.png\n")
    monkeypatch.chdir(tmp_path)
    assert list(find_photos(["shop.tsv"], image_column="photo")) == [os.path.join("shop", "b.png")]
    with pytest.raises(InputError, match="there is no table"): find_photos(["shop"], images="shop")
    with pytest.raises(InputError, match="--image-column"): find_photos(["shop"], image_column="photo")


def test_standard_input(monkeypatch):
    class Stdin: buffer = io.BytesIO(b"b.png\r\n\ncaf\xe9.jpg\n")
    monkeypatch.setattr(sys, "stdin", Stdin)
    assert list(find_photos(["-"])) == ["b.png", os.fsdecode(b"caf\xe9.jpg")]


def test_rows():
    p = [0.1, 0.7, 0.2, 0.6, 0.9, 0.1]
    assert answer_row(SCHEMA, "b.png", p) == dict(
        image="b.png", colour="blue", colour_p=0.7, tags="jeans dress", tags_p="0.9000 0.6000", unlike=None, error=None)
    assert answer_row(SCHEMA, "b.png", p, dict(tags=0.95))["tags"] == ""
    assert answer_row(SCHEMA, "b.png", p, unlike=1.234)["unlike"] == 1.23
    assert answer_row(SCHEMA, "b.png", InputError("b.png: gone")) == dict(
        image="b.png", colour=None, colour_p=None, tags=None, tags_p=None, unlike=None, error="b.png: gone")
    with pytest.raises(InputError, match="'error'"): row_columns(Schema([Attribute("error", ("no", "yes"))]))


def test_tag_photos(bundle, shop):
    assert list(tag_photos(bundle, [], device="cpu")) == []
    taken = []
    endless = tag_photos(bundle, (taken.append(1) or shop/"b.png" for _ in range(10**6)), device="cpu")
    for _ in range(40): next(endless)
    assert 40 <= len(taken) < 1000
    endless.close()


def test_kinds_of_files(bundle, shop, tmp_path):
    frame = tag_frame(bundle, shop, device="cpu")
    for ending, read in READERS.items():
        counts = tag_to_file(bundle, shop, tmp_path/f"tags.{ending}", device="cpu")
        assert list(counts.items())[:3] == [("photos", 4), ("errors", 1), ("kept", 0)]
        assert "broken.jpg: not a readable image" in counts["first_error"]
        table = read(tmp_path/f"tags.{ending}")
        assert list(table) == row_columns(SCHEMA) and table["image"].tolist() == frame["image"].tolist()
        assert table["colour_p"].round(4).dropna().tolist() == frame["colour_p"].dropna().tolist()
        assert table["error"].fillna("").tolist() == frame["error"].fillna("").tolist()
        assert table["error"].isna().tolist() == ["broken" not in p for p in frame["image"]]
    assert not list(tmp_path.glob("*.unfinished")) and not list(tmp_path.glob("*.tmp"))


def test_refusals(bundle, shop, tmp_path):
    with pytest.raises(InputError, match="not a bundle"): tag_to_file(tmp_path/"none", shop, tmp_path/"new.jsonl")
    (tmp_path/"folder.csv").mkdir()
    with pytest.raises(InputError, match="cannot be written"): tag_to_file(bundle, shop, tmp_path/"folder.csv")
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.fixture
def begun(bundle, shop, tmp_path, monkeypatch):
    "What a run leaves behind that was interrupted after 7 of 12 photos; the photos; what a whole run writes"
    many = [*find_photos([shop])]*3
    tag_to_file(bundle, many, tmp_path/"whole.csv", device="cpu")
    def seven(*args, **kwargs):
        yield from islice(tag_photos(*args, **kwargs), 7)
        raise KeyboardInterrupt
    with monkeypatch.context() as m:
        m.setattr(bulk, "tag_photos", seven)
        with pytest.raises(KeyboardInterrupt, match="7 photos are done"):
            tag_to_file(bundle, many, tmp_path/"ways.csv", device="cpu")
    return (tmp_path/"ways.csv.unfinished").read_bytes(), many, (tmp_path/"whole.csv").read_text()


def test_cut_anywhere(begun, bundle, tmp_path):
    "Wherever a run ended, the file is the one that a single run writes"
    rows, many, whole = begun
    ways, unfinished = tmp_path/"ways.csv", tmp_path/"ways.csv.unfinished"
    for cut in (0, 5, len(rows)//2, len(rows) - 20, len(rows) - 1, len(rows)):
        ways.unlink(missing_ok=True)
        unfinished.write_bytes(rows[:cut])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tag_to_file(bundle, many, ways, device="cpu")
        assert ways.read_text() == whole and not unfinished.exists()
    unfinished.write_bytes(rows)  # the file is complete, and the run was killed before it could tidy up
    assert tag_to_file(bundle, many, ways, device="cpu")["photos"] == len(many)
    assert ways.read_text() == whole and not unfinished.exists()


def test_other_photos_or_bundle(begun, bundle, other_bundle, tmp_path):
    "Rows are never lost or doubled, even if the photos are not the same as before"
    rows, many, _ = begun
    ways, unfinished = tmp_path/"ways.csv", tmp_path/"ways.csv.unfinished"
    def after(photos, folder=bundle, **kwargs):
        ways.unlink(missing_ok=True)
        unfinished.write_bytes(rows)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            counts = tag_to_file(folder, photos, ways, device="cpu", **kwargs)
        assert pd.read_csv(ways)["image"].tolist() == [str(p) for p in photos]
        messages = [str(w.message).split(": ")[-1] for w in said if issubclass(w.category, UserWarning)]
        return counts["kept"], [m.replace(str(tmp_path), ".") for m in messages]
    assert after(many[:3] + many[4:]) == (3, ["the photos are others from row 4 on; tagging anew from there"])
    assert after(many[:5])[0] == 5
    anew = ["./ways.csv.unfinished was begun with another bundle or another --sure; starting anew"]
    assert after(many, other_bundle) == after(many, sure=0.5) == (0, anew)
    assert after(many, overwrite=True) == (0, [])


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_two_runs(bundle, shop, tmp_path):
    with open(tmp_path/"tags.csv.unfinished", "wb") as f:
        bulk._lock(f)
        with pytest.raises(InputError, match="another run"):
            tag_to_file(bundle, shop, tmp_path/"tags.csv", overwrite=True, device="cpu")


def test_names_of_any_kind(bundle, shop, tmp_path):
    odd = [str(shop/n) for n in ("two words.jpg", 'a,"b".jpg', "line\nbreak.jpg", "return\r.jpg", "größe 裙子.jpg")]
    for path in odd: draw_garment("dress", "red", seed=1).save(path)
    names = [*odd, os.fsdecode(b"caf\xe9.jpg")]
    for ending, read in READERS.items():
        assert tag_to_file(bundle, names, tmp_path/f"odd.{ending}", device="cpu")["errors"] == 1
        assert read(tmp_path/f"odd.{ending}")["image"].tolist() == [*odd, r"caf\udce9.jpg"]
    row = next(tag_photos(bundle, names[5:], device="cpu"))
    assert row["image"] == names[5]  # a row in Python has the name that opens the file


def test_bar(bundle, shop, tmp_path, capsys):
    tag_to_file(bundle, shop, tmp_path/"a.csv", total=4, progress=True, device="cpu")
    said = capsys.readouterr().err
    assert "0/4" in said and "photos/s" in said
    tag_to_file(bundle, shop, tmp_path/"b.csv", device="cpu")
    assert capsys.readouterr().err == ""  # no terminal, no bar


def test_missing_photo_is_a_row(bundle, tmp_path):
    row, = tag_photos(bundle, [Path(tmp_path/"gone.jpg")], device="cpu")
    assert row["error"].endswith("gone.jpg: there is no such file") and row["colour"] is None
