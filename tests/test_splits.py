"Splits keep what they promise for any table, at any size"
import subprocess, sys, time

import numpy as np
import pandas as pd
import pytest

from fashion_tagger.schema import InputError, schema_from_table
from fashion_tagger.splits import part_mask, stratified_split, tutorial_split


def random_table(n, seed=0):
    "Two attributes with long tails and missing cells, and a tag set with unknown tags"
    rng = np.random.default_rng(seed)
    types = [f"type{i}" if i else None for i in rng.zipf(1.5, n) % 30]
    colours = rng.choice(["red", "blue", "navy"], n)
    tags = [tuple(f"t{i}" for i in set(rng.zipf(1.6, 3) % 20)) for _ in range(n)]
    tags[::10] = [{"t1": True, "t2": False} for _ in tags[::10]]
    return pd.DataFrame(dict(type=types, colour=colours, tags=tags))


@pytest.mark.parametrize("valid", [0.01, 0.25, 0.5, 0.9])
def test_every_value_is_left_in_training(valid):
    table = random_table(500)
    schema = schema_from_table(table)
    split = stratified_split(table, schema, valid, seed=3)
    assert (split == stratified_split(table, schema, valid, seed=3)).all()
    assert {*split} == {"train", "valid"}
    for t in schema:
        there = {w for cell in table[t.name] for w in t.words(cell)}
        assert there == {w for cell in table[t.name][split == "train"] for w in t.words(cell)}
    if valid < 0.5: assert abs((split == "valid").mean() - valid) < 0.03


def test_each_value_is_spread_evenly():
    table = pd.DataFrame(dict(type=["a"]*1000 + ["b"]*40 + ["c"]*20))
    split = stratified_split(table, schema_from_table(table), 0.25)
    for value, n in dict(a=250, b=10, c=5).items():
        held_out = (split[table["type"] == value] == "valid").sum()
        assert abs(held_out - n) <= 1


def test_the_only_one_of_its_kind_is_trained_on():
    rare = pd.DataFrame(dict(type=["hat"] + ["shoe"]*9, tags=[("new",)]*10))
    for seed in range(20):
        assert stratified_split(rare, schema_from_table(rare), 0.5, seed)[0] == "train"
        few = stratified_split(rare[:3], schema_from_table(rare[:3]), 0.1, seed)
        assert (few == "valid").sum() == 1  # at least one


def test_the_same_draw_as_ever():
    "Published figures were measured on these rows"
    table = random_table(60, seed=1)
    valid = np.flatnonzero(stratified_split(table, schema_from_table(table), 0.2, seed=0) == "valid")
    assert valid.tolist() == [10, 13, 18, 22, 24, 32, 42, 54, 59]


def test_time_grows_with_the_rows_not_with_their_square():
    table = random_table(40_000)
    schema = schema_from_table(table)
    start = time.process_time()
    stratified_split(table, schema)
    assert time.process_time() - start < 5


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
