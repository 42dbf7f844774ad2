"""Bundles with and without what is unlike: old ones work as before, and a file that does not fit is refused in one
line"""
import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fashion_tagger.bulk import row_columns, tag_frame, tag_to_file
from fashion_tagger.inference import BUNDLE_VERSION, SETTINGS_FILE, UNLIKE_FILE, WEIGHTS_FILE, Tagger
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet
from fashion_tagger.unlike import fit_unlike, load_unlike

SCHEMA = Schema([Attribute("type", ("dress", "jeans")), TagSet("tags", ("long", "striped"))])
RNG = np.random.default_rng(0)
USUAL = RNG.integers(100, 140, (60, 48, 48, 3), dtype=np.uint8)
USUAL[::2] += 80 # a type is bright, the other is not
NOISE = RNG.integers(0, 256, (48, 48, 3), dtype=np.uint8)


def write_settings(bundle, files):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    settings["files"] = {name: hashlib.sha256((bundle/name).read_bytes()).hexdigest() for name in files}
    (bundle/SETTINGS_FILE).write_text(json.dumps(settings))


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    "A bundle of an untrained network, as bundles were before"
    import torch
    from safetensors.torch import save_file as save_torch
    from fashion_tagger.models import create_tagger
    bundle = tmp_path_factory.mktemp("bundles")/"old"
    torch.manual_seed(0)
    net = create_tagger("tf_efficientnet_lite0", SCHEMA, pretrained=False).eval()
    bundle.mkdir()
    settings = dict(bundle_version=BUNDLE_VERSION, schema=SCHEMA.to_dict(), model=net.config, size=[48, 48],
                    features=net.features, method="squish", fill="white", thresholds={})
    (bundle/SETTINGS_FILE).write_text(json.dumps(settings))
    save_torch({k: v.contiguous() for k, v in net.state_dict().items()}, bundle/WEIGHTS_FILE)
    return bundle


@pytest.fixture
def new(old, tmp_path):
    "A copy that knows what is unlike"
    import shutil
    bundle = tmp_path/"new"
    shutil.copytree(old, bundle)
    x = Tagger.load(old, "torch", "cpu").embed([*USUAL])
    fit_unlike(x[:40], x[40:], dict(type=(np.arange(40) % 2, np.arange(20) % 2))).save(bundle/UNLIKE_FILE)
    write_settings(bundle, [WEIGHTS_FILE, UNLIKE_FILE])
    return bundle


def test_an_old_bundle_says_nothing(old):
    tagger = Tagger.load(old, "torch", "cpu")
    assert tagger.unlike is None and list(tagger.predict(NOISE)) == SCHEMA.names
    assert tag_frame(tagger, [NOISE])["unlike"].isna().all()


def test_a_new_bundle_does(new, tmp_path):
    from PIL import Image
    import pandas as pd
    Image.fromarray(NOISE).save(tmp_path/"noise.png")
    Image.fromarray(USUAL[50]).save(tmp_path/"usual.png")
    (tmp_path/"cut.png").write_bytes(b"cut")
    photos = [tmp_path/f"{name}.png" for name in ("noise", "usual", "cut")]
    tagger = Tagger.load(new, "torch", "cpu")
    noise, usual = tagger.predict([NOISE, USUAL[50]])
    assert noise["unlike"]["value"] is True and usual["unlike"]["value"] is False
    for name in ("tags.csv", "tags.parquet"):
        tag_to_file(new, photos, tmp_path/name, device="cpu")
        table = pd.read_csv(tmp_path/name) if name.endswith("csv") else pd.read_parquet(tmp_path/name)
        assert [*table] == row_columns(SCHEMA) and table["unlike"].dtype == float
        assert table["unlike"][0] == round(noise["unlike"]["score"], 2) and np.isnan(table["unlike"][2])


def test_a_file_that_does_not_fit(new):
    path, tensors = new/UNLIKE_FILE, load_file(new/UNLIKE_FILE)
    def refused(write_checksum=True):
        if write_checksum: write_settings(new, [WEIGHTS_FILE, UNLIKE_FILE])
        with pytest.raises(InputError) as e: Tagger.load(new, "torch", "cpu")
        assert str(path) in str(e.value) and "\n" not in str(e.value)
        return str(e.value)
    narrow = {name: t[:30] if name in ("mean", "std", "basis") else t for name, t in tensors.items()}
    hostile = {
        "for 30 features": narrow,
        "'basis' is of shape": tensors | dict(basis=tensors["basis"][..., None]),
        "'weight' is of shape": tensors | {"weight.type": tensors["weight.type"].T[:, :3]},
        "'scale' is of shape": tensors | dict(scale=np.ones(3, np.float32)),
        "numbers that cannot be": tensors | dict(mean=np.full_like(tensors["mean"], np.nan)),
        "there is no 'limits'": {name: t for name, t in tensors.items() if name != "limits"},
        "there is no 'weight'": {name: t for name, t in tensors.items() if name != "weight.type"},
    }
    for said, changed in hostile.items():
        save_file({name: np.ascontiguousarray(t) for name, t in changed.items()}, path)
        assert said in refused()
    path.write_bytes(b"\xff"*100)
    assert "cannot be read" in refused()
    path.write_bytes(b"changed")
    assert "its checksum differs" in refused(write_checksum=False)


def test_a_missing_file(new):
    (new/UNLIKE_FILE).unlink()
    with pytest.raises(InputError, match=f"there is no {UNLIKE_FILE} in it"): Tagger.load(new, "torch", "cpu")


def test_a_target_of_that_name():
    with pytest.raises(InputError, match="two columns would be called 'unlike'"):
        row_columns(Schema([Attribute("unlike", ("no", "yes"))]))


def test_few_photos_and_odd_labels():
    x = RNG.normal(size=(300, 12)).astype(np.float32)
    for n in (20, 60, 300):
        unlike = fit_unlike(x[:n], x[:n])
        assert unlike.basis.shape == (12, min(n//4, 12)) and (unlike(x[:n]) <= 1).mean() >= 0.99
    same = fit_unlike(np.ones((30, 5)), np.ones((30, 5)))
    assert np.isfinite(same(np.zeros((2, 5)))).all() and same(np.zeros((2, 5))).min() > 1
    unknown = fit_unlike(x[:200], x[200:], dict(kind=(np.arange(200) % 3, np.full(100, 7)))) # words not in training
    assert unlike.attribute == unknown.attribute == ""


def test_the_same_numbers_from_a_file(tmp_path):
    x = RNG.normal(size=(200, 40)).astype(np.float32)*10
    x[:, :5] += 30*np.eye(5)[np.arange(200) % 5]
    kinds = np.arange(200) % 5
    unlike = fit_unlike(x[:150], x[150:], dict(kind=(kinds[:150], kinds[150:])))
    unlike.save(tmp_path/UNLIKE_FILE)
    again = load_unlike(tmp_path/UNLIKE_FILE, 40)
    np.testing.assert_allclose(again(x), unlike(x), rtol=1e-4, atol=1e-5)
    assert again.attribute == "kind"
