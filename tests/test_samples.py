"The drawn wardrobe: shares, wrong and missing labels, held-out combinations, odd arguments"
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashion_tagger.garments import TYPES
from fashion_tagger.samples import _allowed_garments, sample_wardrobe
from fashion_tagger.schema import InputError

COLUMNS = ["type", "colour", "pattern", "sleeve"]
SMALL = dict(size=(48, 40))


def differences(wardrobe):
    "Where a table differs from the truth, apart from what is missing"
    table, truth = wardrobe.table, wardrobe.truth
    cells = [(i, c, table.at[i, c], truth.at[i, c]) for c in COLUMNS for i in table.index]
    return [o for o in cells if o[2] is not None and o[2] != o[3]]


@pytest.fixture(scope="module")
def clothes(tmp_path_factory): return sample_wardrobe(tmp_path_factory.mktemp("clothes"), n=300, **SMALL)


def test_shares():
    garments, shares = _allowed_garments((), ())
    boots = [o[0] == "boots" for o in garments]
    assert shares[boots].sum() == pytest.approx(1/len(TYPES))
    assert {o[3] for o in garments if o[0] == "boots"} == {None}
    garments, _ = _allowed_garments((), [("black", "dress"), ("black", "jeans")])
    assert {o[1] for o in garments} == {"black"}


def test_files(clothes):
    images = [Path(o) for o in clothes.table["image"]]
    assert sorted(o.name for o in images[0].parent.iterdir()) == [f"{i:05d}.jpg" for i in range(300)]
    assert {Image.open(o).size for o in images} == {(40, 48)}
    labels = pd.read_csv(images[0].parents[1]/"labels.csv")
    assert list(labels) == list(clothes.table)
    assert labels["image"][7] == "00007.jpg"
    assert [tuple(o.split()) for o in labels["tags"]] == clothes.table["tags"].tolist()
    assert labels["sleeve"].isna().tolist() == [o is None for o in clothes.table["sleeve"]]


def test_labels(clothes):
    assert clothes.table.equals(clothes.truth) and not len(clothes.wrong)
    assert clothes.table["split"].value_counts().to_dict() == dict(train=240, valid=60)
    assert {*clothes.truth["type"]} == {*TYPES}
    assert .3 < (clothes.truth["pattern"] == "plain").mean() < .5
    for row in clothes.truth.itertuples(): assert row.sleeve in TYPES[row.type].sleeves


def test_same_garments_whatever_n(clothes, tmp_path):
    few = sample_wardrobe(tmp_path/"few", n=10, **SMALL)
    same = zip(few.table["image"], clothes.table["image"].head(10), strict=True)
    for a, b in same: assert Path(a).read_bytes() == Path(b).read_bytes()
    assert few.truth[COLUMNS].equals(clothes.truth[COLUMNS].head(10))
    assert not sample_wardrobe(tmp_path/"other", n=10, seed=1, **SMALL).truth[COLUMNS].equals(few.truth[COLUMNS])


def test_wrong_labels(tmp_path):
    noisy = sample_wardrobe(tmp_path/"noisy", n=120, label_noise=.05, **SMALL)
    assert differences(noisy) == list(noisy.wrong.itertuples(index=False, name=None))
    assert noisy.wrong["column"].value_counts()["type"] == round(.05*96)
    assert (noisy.table.loc[noisy.wrong["row"], "split"] == "train").all()
    row, _, given, true = noisy.wrong.iloc[0]
    assert given in noisy.table.at[row, "tags"] and true not in noisy.table.at[row, "tags"]
    clean = sample_wardrobe(tmp_path/"clean", n=120, **SMALL)  # neither pictures nor split change
    assert clean.truth.drop(columns="image").equals(noisy.truth.drop(columns="image"))
    assert Path(clean.table["image"][9]).read_bytes() == Path(noisy.table["image"][9]).read_bytes()


def test_missing_labels(tmp_path):
    gaps = sample_wardrobe(tmp_path/"gaps", n=100, missing=.3, label_noise=.1, **SMALL)
    always, train = ["type", "colour", "pattern", "tags"], gaps.table["split"] == "train"
    assert gaps.table.loc[train, always].isna().sum().tolist() == [24]*4
    assert gaps.table.loc[~train, always].notna().all().all()
    assert gaps.truth.drop(columns="sleeve").notna().all().all()
    assert differences(gaps) == list(gaps.wrong.itertuples(index=False, name=None))
    assert pd.read_csv(tmp_path/"gaps"/"labels.csv")["tags"].isna().sum() == 24


def test_combinations(tmp_path):
    without = sample_wardrobe(tmp_path/"without", n=250, leave_out=[("black", "dress"), ("floral",)], **SMALL).truth
    assert not ((without["colour"] == "black") & (without["type"] == "dress")).any()
    assert (without["pattern"] != "floral").all() and (without["colour"] == "black").any()
    only = sample_wardrobe(tmp_path/"only", n=18, only=[("black", "dress")], seed=1, **SMALL).truth
    assert only[["colour", "type"]].drop_duplicates().values.tolist() == [["black", "dress"]]


def test_extremes(tmp_path):
    def draw(name, n=4, **kwargs): return sample_wardrobe(tmp_path/name, n=n, size=(32, 32), **kwargs)
    assert len(draw("one", n=np.int64(1)).table) == 1
    assert {*draw("all", valid=1, label_noise=1).table["split"]} == {"valid"}
    none = draw("none", valid=0, label_noise=1)
    assert {*none.table["split"]} == {"train"}
    assert (none.table[COLUMNS[:3]] != none.truth[COLUMNS[:3]]).all().all()


@pytest.mark.parametrize("says, arguments", [
    ("'teal' is no type", dict(leave_out=[("teal", "dress")])),
    ("'dress' should stand in a tuple", dict(only=["dress"])),
    ("no garment is left", dict(only=[("boots", "short")])), ("at least 32", dict(size=(8, 8))),
    ("label_noise: 5", dict(label_noise=5)), ("missing: 1.5", dict(missing=1.5)), ("valid: -0.1", dict(valid=-.1)),
    ("n: 0", dict(n=0)), ("n: 2.5", dict(n=2.5)), ("seed: -1", dict(seed=-1)), ("quality: 0", dict(quality=0))])
def test_invalid_arguments(tmp_path, says, arguments):
    with pytest.raises(InputError, match=says): sample_wardrobe(tmp_path/"never", **{"n": 2, **arguments})
    assert not (tmp_path/"never").exists()


def test_out_is_a_file(tmp_path):
    (tmp_path/"file").touch()
    with pytest.raises(InputError, match="is a file"): sample_wardrobe(tmp_path/"file", n=1)
