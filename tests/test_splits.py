"Splits keep what they promise for any table, at any size"
import os, subprocess, sys, warnings

import numpy as np
import pandas as pd
import pytest

from fashion_tagger.schema import InputError, TableWarning, schema_from_table
from fashion_tagger.splits import part_mask, row_groups, stratified_split, tutorial_split, warn_crossing


def random_table(n, seed=0):
    "Two attributes with long tails and missing cells, and a tag set with unknown tags"
    rng = np.random.default_rng(seed)
    types = [f"type{i}" if i else None for i in rng.zipf(1.5, n) % 30]
    colours = rng.choice(["red", "blue", "navy"], n)
    tags = [tuple(f"t{i}" for i in set(rng.zipf(1.6, 3) % 20)) for _ in range(n)]
    tags[::10] = [{"t1": True, "t2": False} for _ in tags[::10]]
    return pd.DataFrame(dict(type=types, colour=colours, tags=tags))


def words_in(table, t): return [w for cell in table[t.name] for w in t.words(cell)]


def shared_words(table, t, groups):
    "Words that two groups have"
    of = pd.DataFrame([(w, g) for cell, g in zip(table[t.name], groups) for w in t.words(cell)]).drop_duplicates()
    counts = of[0].value_counts()
    return {*counts.index[counts > 1]}


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("valid", [0.01, 0.25, 0.5, 0.9])
def test_every_shared_value_is_left_in_training(valid, grouped):
    table = random_table(500)
    if grouped: table["group"] = np.random.default_rng(1).integers(0, 200, 500)
    schema, groups = schema_from_table(table), row_groups(table)
    split = stratified_split(table, schema, valid, seed=3)
    assert (split == stratified_split(table, schema, valid, seed=3)).all()
    assert {*split} == {"train", "valid"}
    assert not {*groups[split == "train"]} & {*groups[split == "valid"]}
    for t in schema: assert shared_words(table, t, groups) <= {*words_in(table[split == "train"], t)}
    if valid <= 0.5: assert abs((split == "valid").mean() - valid) < 0.01


def test_each_value_is_spread_evenly():
    table = pd.DataFrame(dict(type=["a"]*1000 + ["b"]*40 + ["c"]*20))
    split = stratified_split(table, schema_from_table(table), 0.25)
    for value, n in dict(a=250, b=10, c=5).items():
        held_out = (split[table["type"] == value] == "valid").sum()
        assert abs(held_out - n) <= 1


def test_one_of_two_is_trained_on():
    rare = pd.DataFrame(dict(type=["hat"]*2 + ["shoe"]*9, tags=[("new",)]*11))
    for seed in range(20):
        assert "train" in stratified_split(rare, schema_from_table(rare), 0.9, seed)[:2]
        few = stratified_split(rare[:3], schema_from_table(rare[:3]), 0.1, seed)
        assert (few == "valid").sum() == 1  # at least one


def test_what_shares_nothing_is_trained_on():
    alone = pd.DataFrame(dict(type=["hat"] + ["shoe"]*9))
    for seed in range(20): assert stratified_split(alone, schema_from_table(alone), 0.5, seed)[0] == "train"


def test_the_same_draw_as_ever():
    "Published figures were measured on these rows"
    table = random_table(60, seed=1).drop(columns="tags")
    for t in schema_from_table(table): table = table[table[t.name].isna() | table[t.name].duplicated(keep=False)]
    valid = np.flatnonzero(stratified_split(table, schema_from_table(table), 0.2, seed=0) == "valid")
    assert valid.tolist() == [20, 24, 26, 27, 28, 31, 32, 39, 42, 50, 52]


@pytest.mark.parametrize("n_shared", [0, 1])
def test_a_label_of_its_own_on_each_photo(n_shared):
    "Validation keeps its share, its types stay balanced, and the column is named"
    tags = [("red",) if i < n_shared else ("red", f"style-{i}") for i in range(100)]
    table = pd.DataFrame(dict(type=["hat"]*20 + ["shoe"]*80, tags=tags))
    with pytest.warns(TableWarning, match=r"of the \d+ tags of 'tags' occur once, such as 'style-"):
        split = stratified_split(table, schema_from_table(table))
    assert (split == "valid").sum() == 20
    assert (split[:20] == "valid").sum() == 4


def test_a_long_tail_is_not_named():
    tags = [("red", f"odd-{i}") if i % 3 == 0 else ("red",) for i in range(100)]
    prices = [f"{i % 40}.99" for i in range(100)]
    table = pd.DataFrame(dict(tags=tags, price=prices))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (stratified_split(table, schema_from_table(table)) == "valid").sum() == 20


def test_a_style_number_of_each_product_is_named():
    table = pd.DataFrame(dict(type=["hat", "shoe"]*60, style=np.arange(120)//3 + 1000, group=np.arange(120)//3))
    with pytest.warns(TableWarning, match="40 of the 40 values of 'style' occur once"):
        split = stratified_split(table, schema_from_table(table))
    assert (split == "valid").sum() == 24


def test_groups_of_very_different_sizes():
    "A group that is larger than validation stays in training, and others make up for it"
    groups = np.repeat(np.arange(31), [70, *[1]*30])
    table = pd.DataFrame(dict(type=["hat", "shoe"]*50, group=groups))
    for seed in range(10):
        split = stratified_split(table, schema_from_table(table), 0.2, seed)
        assert split[0] == "train" and (split == "valid").sum() == 20
    two = table.assign(group=groups > 0)
    assert {*stratified_split(two, schema_from_table(two), 0.2)[:70]} == {"train"}


def photo_files(folder, contents):
    for name, data in contents.items(): (folder/name).write_bytes(data)
    return [str(folder/name) for name in contents]


def test_copies_of_a_file(tmp_path):
    "Same bytes, not only the same size or the same middle; and links, folders and missing files"
    long = bytes(range(256))*64
    images = photo_files(tmp_path, dict(a=long, b=b"x" + long[1:], c=long, d=b"?"*len(long), e=b"", f=b"1", g=b"1"))
    (tmp_path/"folder").mkdir()
    table = pd.DataFrame(dict(image=[*images, str(tmp_path/"folder"), "missing.jpg", "\0", tmp_path/"b", b"1", None]))
    assert row_groups(table).tolist() == [0, 1, 0, 2, 3, 4, 4, 5, 6, 7, 1, 8, 9]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_links_lead_to_one_photo(tmp_path):
    image, = photo_files(tmp_path, dict(a=b"dress"))
    os.link(image, tmp_path/"hard")
    os.symlink(image, tmp_path/"soft")
    assert row_groups(pd.DataFrame(dict(image=[image, str(tmp_path/"hard"), str(tmp_path/"soft")]))).tolist() == [0]*3


def test_a_photo_in_several_rows_is_not_parted():
    table = pd.DataFrame(dict(image=[f"{i//2}.jpg" for i in range(100)], type=["hat", "shoe"]*50))
    split = stratified_split(table, schema_from_table(table), 0.3)
    assert (split[::2] == split[1::2]).all() and (split == "valid").sum() == 30


def test_crossing():
    split = ["train", "valid", "test", None, "test"]
    table = pd.DataFrame(dict(image=list("aabbc"), group=[1, 1, None, 2, 1], split=split))
    said = r"^1 photo in training and in another split too, such as a \(train\) and a \(valid\)"
    with pytest.warns(TableWarning, match=said):
        warn_crossing(table.drop(columns="group"))
    with pytest.warns(TableWarning, match="^1 group in"): warn_crossing(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_crossing(table[2:])


def test_unusual_tables():
    one = pd.DataFrame(dict(type=["hat", None, None]))
    assert stratified_split(one, schema_from_table(one), 0.9)[0] == "train"
    assert stratified_split(one[:0], schema_from_table(one)).tolist() == []


def test_part_that_is_not_there():
    parts = pd.DataFrame(dict(image=list("abc"), split=["train", "test", "valid"]))
    with pytest.raises(InputError, match="say which part to score"): part_mask(parts[:1])
    with pytest.raises(InputError, match="has no split"): part_mask(parts[["image"]], "valid")
    assert part_mask(parts[:2])[1] == "rows of the 'test' split"


def test_tutorial_split_is_a_shuffle():
    ten = pd.DataFrame(dict(image=[f"{i}.jpg" for i in range(10)]), dtype=object)
    one, two, other = tutorial_split(ten), tutorial_split(ten), tutorial_split(ten, seed=1)
    assert one.equals(two) and not one.equals(other)
    assert one["image"].tolist() == [f"{i}.jpg" for i in np.random.default_rng(0).permutation(10)]


def test_no_fastai_and_no_torch():
    code = "import sys, fashion_tagger.splits; print([m for m in ('fastai', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
