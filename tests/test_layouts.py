"What a layout writes is read back to the last cell, or refused"
import os, warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashion_tagger.drawing import COLOURS, TYPES
from fashion_tagger.formats import read_deepfashion, read_fashion_products
from fashion_tagger.layouts import LAYOUTS, write_layout
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.schema import InputError


@pytest.fixture(scope="module")
def clothes(tmp_path_factory): return sample_wardrobe(tmp_path_factory.mktemp("clothes"), n=60, size=(80, 60), seed=3)


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    return sample_wardrobe(tmp_path_factory.mktemp("gaps"), n=40, size=(40, 32), missing=.3, seed=4).table


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_written_is_read(name, clothes, tmp_path):
    went_in = write_layout(clothes.table, name, tmp_path)
    came_back = LAYOUTS[name].read(tmp_path)
    pd.testing.assert_frame_equal(came_back, went_in)
    assert all(os.path.isfile(p) for p in came_back["image"])


@pytest.mark.parametrize("name, columns", dict(
    fashion_products=dict(articleType="type", baseColour="colour", split="split"), planet=dict(tags="tags"),
    deepfashion=dict(category="type", attributes="tags", split="split"),
    signed=dict(type="type", colour="colour")).items())
def test_what_is_written_was_drawn(name, columns, clothes, tmp_path):
    written = write_layout(clothes.table, name, tmp_path)
    for theirs, ours in columns.items(): assert [*written[theirs]] == [*clothes.truth[ours]]


def test_order_and_rest(clothes, tmp_path):
    drawn, rest = clothes.truth, {*TYPES, *COLOURS}
    ordered, pascal = drawn.sort_values("split", kind="stable"), write_layout(clothes.table, "apascal", tmp_path/"a")
    assert [*pascal["class"]] == [*ordered["type"]] and [*pascal["attributes"]] == [*ordered["tags"]]
    folders = write_layout(clothes.table, "folders", tmp_path/"f")
    def pairs(table): return sorted(zip(table["colour"], table["type"], strict=True))
    assert pairs(folders) == pairs(drawn)
    signed = write_layout(clothes.table, "signed", tmp_path/"s")
    assert [*signed["attributes"]] == [tuple(w for w in cell if w not in rest) for cell in drawn["tags"]]


def pixels_of(path): return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_boxes_hold_what_was_drawn(clothes, tmp_path):
    exact, wide = write_layout(clothes.table, "deepfashion", tmp_path), read_deepfashion(tmp_path)
    assert {*exact["category_type"]} == {"upper", "lower", "full"}
    for i in range(3):
        pixels, there = pixels_of(clothes.truth["image"][i]), pixels_of(exact["image"][i])
        l, t, r, b = exact["box"][i]
        assert np.abs(there[t:b, l:r] - pixels).mean() < 6
        w, h = r - l, b - t
        assert wide["box"][i] == (max(0, round(l - .1*w)), max(0, round(t - .1*h)), round(r + .1*w), round(b + .1*h))
    some = read_deepfashion(tmp_path, types=["texture", "part"])["attributes"]
    assert [*some] == [tuple(w for w in cell if w not in TYPES) for cell in clothes.truth["tags"]]


def test_the_checks_of_the_tutorial(clothes, tmp_path):
    write_layout(clothes.table, "fashion_products", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_fashion_products(tmp_path, split="tutorial", check_size=(80, 60))
    assert table["split"].value_counts().to_dict() == dict(train=48, valid=12)


@pytest.mark.parametrize("name", ["fashion_products", "planet", "signed", "deepfashion"])
def test_missing_labels(name, gaps, tmp_path):
    went_in = write_layout(gaps[gaps["type"].notna()] if name == "deepfashion" else gaps, name, tmp_path)
    pd.testing.assert_frame_equal(LAYOUTS[name].read(tmp_path), went_in)
    assert went_in.isna().any().any()


@pytest.fixture
def partly(clothes):
    "A table with single unknown tags"
    cells = [{"red": True, "dress": False}, {"floral": False}, *clothes.truth["tags"][2:8]]
    return clothes.truth[:8].assign(tags=pd.Series(cells, dtype=object))


@pytest.mark.parametrize("name", ["deepfashion", "signed"])
def test_unknown_tags(name, partly, tmp_path):
    went_in = write_layout(partly, name, tmp_path)
    pd.testing.assert_frame_equal(LAYOUTS[name].read(tmp_path), went_in)
    if name == "deepfashion": assert [*read_deepfashion(tmp_path)["attributes"][:2]] == [*partly["tags"][:2]]


def test_what_a_layout_cannot_hold(clothes, gaps, partly, tmp_path):
    drawn = clothes.truth
    (tmp_path/"styles.csv").touch()
    for table, name, words in [
        (gaps, "deepfashion", "the deepfashion layout cannot hold None, the 'type' of row"),
        (gaps, "folders", "the folders layout cannot hold None"),
        (partly, "apascal", "the apascal layout cannot hold {'red': True, 'dress': False}, the 'tags' of row 0"),
        (partly, "planet", "the planet layout cannot hold"),
        (drawn.assign(tags=[()]*len(drawn)), "planet", "the planet layout cannot hold (), the 'tags' of row 0"),
        (drawn.assign(tags=None), "signed", "no row of the table has a tag"),
        (drawn.assign(type="kilt"), "signed", "the signed layout cannot hold 'kilt'"),
        (drawn.drop(columns="tags"), "planet", "the planet layout needs a column 'tags'; the table has image, type"),
        (drawn, "coco", "there is no layout 'coco'; there are fashion_products, planet, deepfashion"),
        (drawn[:0], "planet", "no rows"),
    ]:
        with pytest.raises(InputError) as e: write_layout(table, name, tmp_path/"no")
        assert words in str(e.value)
    with pytest.raises(InputError, match="styles.csv is a file"): write_layout(drawn, "planet", tmp_path/"styles.csv")
