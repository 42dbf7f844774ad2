"""Wardrobes that people really have: one photo, broken photos, two of one name, a bundle that knows neither looks nor
outfits; and files of a bundle that somebody changed"""
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from fashion_tagger.inference import LOOKS_FILE, OUTFITS_FILE, OUTFITS_JSON, Tagger
from fashion_tagger.outfits import draw_outfits
from fashion_tagger.schema import InputError
from fashion_tagger.similar import similar
from fashion_tagger.wardrobe import Wardrobe, teach_outfits
from fashion_tagger.wardrobe_page import render_wardrobe


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    "A folder with drawn `photos` and two bundles: `plain` as exported, `taught` with looks and outfits"
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.recipes import finish_bundle
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("wardrobe")
    table = sample_wardrobe(home/"photos", n=500, size=(96, 80), seed=0).table[["image", "type", "colour", "split"]]
    learn = tagger_learner(tagger_dataloaders(table, size=(96, 80), cache=False, num_workers=0))
    with learn.no_bar(), learn.no_logging(): learn.fit_tagger(4)
    learn.export_tagger(home/"plain")
    finish_bundle(learn, home/"taught")
    photos = table["image"].tolist()
    teach_outfits(home/"taught", photos, [Path(p).stem for p in photos], draw_outfits(table, 300), hidden=32)
    return home


@pytest.fixture
def photos(home): return sorted(map(str, (home/"photos/images").glob("*.jpg")))


@pytest.fixture
def bundle(home, tmp_path): return Path(shutil.copytree(home/"taught", tmp_path/"bundle"))


def test_one_photo(home, photos):
    wardrobe = Wardrobe(Tagger.load(home/"taught"), photos[:1])
    assert wardrobe.duplicates() == wardrobe.outfits() == []
    assert len(wardrobe.similar(0)) == len(wardrobe.goes_with(0)) == 0
    assert [gap["items"] for gap in wardrobe.gaps()] == [[0]]
    found = wardrobe.to_dict()
    assert found["alike"] == found["goes_with"] == []
    assert photos[0].split("/")[-1] in render_wardrobe(found)
    assert len(similar(Tagger.load(home/"taught"), photos[:1])) == 0


def test_no_photo(home, tmp_path):
    with pytest.raises(InputError, match="there are no photos"): Wardrobe(Tagger.load(home/"taught"), [])
    with pytest.raises(InputError, match="no photos"): Wardrobe(Tagger.load(home/"taught"), str(tmp_path))


def test_two_of_one_name(home, photos, tmp_path):
    (tmp_path/"a").mkdir()
    same = [shutil.copy(photos[0], tmp_path/"a"/"x.jpg"), shutil.copy(photos[1], tmp_path/"x.jpg")]
    wardrobe = Wardrobe(Tagger.load(home/"taught"), [*same, *photos[:3]])
    assert wardrobe.names[:2] == [str(p) for p in same]
    assert {(0, 2), (1, 3)} <= {tuple(group[:2].tolist()) for group in wardrobe.duplicates()}


def test_a_broken_photo_among_good_ones(home, photos, tmp_path):
    (tmp_path/"broken.jpg").write_bytes(b"no photo")
    wardrobe = Wardrobe(Tagger.load(home/"taught"), [str(tmp_path/"broken.jpg"), *photos[:40]])
    found = wardrobe.to_dict()
    assert "not a readable image" in found["items"][0]["error"]
    for edges in (found["alike"], found["goes_with"]): assert all(0 not in (e["a"], e["b"]) for e in edges)
    assert all(0 not in o["items"] for o in found["outfits"] + found["groups"] + found["gaps"])
    assert json.loads(json.dumps(found)) == found


def test_images_and_arrays(home, photos):
    from PIL import Image
    images = [Image.open(p) for p in photos[:4]]
    by_path, by_image = (Wardrobe(Tagger.load(home/"taught", "torch"), given) for given in (photos[:4], images))
    assert np.allclose(by_path.p, by_image.p, atol=1e-4)


def test_a_bundle_that_knows_no_outfits(home, photos):
    wardrobe = Wardrobe(Tagger.load(home/"plain"), photos[:40])
    assert wardrobe.model is None and not wardrobe.adapted
    with pytest.raises(InputError, match="has not learned what goes together"): wardrobe.complete([0])
    found = wardrobe.to_dict()
    assert found["outfits"] == found["goes_with"] == found["gaps"] == []
    assert "fashion-tagger outfits" in render_wardrobe(found)


def test_without_looks_few_photos_are_compared_as_they_are(home, photos):
    found = similar(Tagger.load(home/"plain"), photos[:20], n=3)
    assert len(found) == 60
    assert found["similarity"].between(-1, 1).all()
    with pytest.raises(InputError, match="no such attribute"):
        similar(Tagger.load(home/"plain"), photos[:20], blind="type")


def test_a_new_export_forgets_what_was_added(home, bundle):
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.samples import sample_wardrobe
    table = sample_wardrobe(bundle.parent/"few", n=30, size=(64, 64)).table[["image", "type", "split"]]
    learn = tagger_learner(tagger_dataloaders(table, size=(64, 64), cache=False, num_workers=0))
    learn.export_tagger(bundle)
    assert not any((bundle/name).exists() for name in (LOOKS_FILE, OUTFITS_FILE, OUTFITS_JSON))


@pytest.mark.parametrize("name", [LOOKS_FILE, OUTFITS_FILE])
def test_a_file_that_somebody_changed(bundle, photos, name):
    tensors = load_file(bundle/name)
    tensors["mean"] = tensors["mean"] + 1
    save_file(tensors, bundle/name)
    with pytest.raises(InputError, match="its checksum differs"): Wardrobe(Tagger.load(bundle), photos[:3])


@pytest.mark.parametrize("name, tensor", [(LOOKS_FILE, "shape"), (OUTFITS_FILE, "projection"), (OUTFITS_FILE, "types"),
                                          (OUTFITS_FILE, "net.0.hidden.weight"), (OUTFITS_FILE, "pairs")])
def test_tensors_that_do_not_fit(bundle, photos, name, tensor):
    "Checksums left out, as somebody who means ill would do"
    tensors = load_file(bundle/name)
    tensors[tensor] = tensors[tensor][:, :3]
    if tensor == "pairs": tensors[tensor] = np.full((3, 3), 10**6, np.int32)
    save_file(tensors, bundle/name)
    settings = json.loads((bundle/"tagger.json").read_text())
    settings["files"].pop(name)
    if name == OUTFITS_FILE: settings["files"][name] = ""
    (bundle/"tagger.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="cannot be used|another tagger|do not fit|too"):
        Wardrobe(Tagger.load(bundle), photos[:3])


def test_outfits_in_any_words(tmp_path):
    from fashion_tagger.outfits import read_outfits
    frame = pd.DataFrame(dict(Look_ID=[1, 1, 2, 2, 3], SKU=["a", "b", "b", "c", "a"]))
    frame.to_parquet(tmp_path/"o.parquet")
    frame.to_excel(tmp_path/"o.xlsx", index=False)
    for name in ("o.parquet", "o.xlsx"):
        assert [o.tolist() for o in read_outfits(tmp_path/name, ["a", "b", "c"])] == [[0, 1], [1, 2]]


def test_the_same_item_twice_in_an_outfit_counts_once(tmp_path):
    from fashion_tagger.outfits import read_outfits
    (tmp_path/"o.csv").write_text("outfit,item\n1,a\n1,a\n2,a\n2,b\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [o.tolist() for o in read_outfits(tmp_path/"o.csv", ["a", "b"])] == [[0, 1]]
