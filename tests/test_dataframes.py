"DataFrames as people build them: sets, arrays and lists of tags, pandas' own missing values, fastai's is_valid"
import numpy as np
import pandas as pd
import pytest

from fashion_tagger.data import tagger_dataloaders
from fashion_tagger.export import table_fingerprint
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.schema import InputError, TagSet, is_missing, schema_from_table
from fashion_tagger.splits import stratified_split, tutorial_split


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    drawn = sample_wardrobe(tmp_path_factory.mktemp("clothes"), n=60, size=(48, 40), seed=2).table
    return drawn[["image", "type", "tags", "split"]]


@pytest.mark.parametrize("kind", [set, frozenset, list, np.array])
def test_tags_of_any_kind(table, kind):
    others = table.assign(tags=pd.Series([kind(list(tags)) for tags in table["tags"]], dtype=object))
    assert isinstance(schema_from_table(others)["tags"], TagSet)
    expected, given = (tagger_dataloaders(t, size=(48, 40), num_workers=0, cache=False) for t in (table, others))
    assert given.schema == expected.schema
    assert all((a == b).all() for a, b in zip(expected.valid.encoded(), given.valid.encoded()))
    rows = [t.to_dict("records") for t in (table, others)]
    names = expected.schema.names
    if kind is not list: assert table_fingerprint(rows[0], names) == table_fingerprint(rows[1], names)


@pytest.mark.parametrize("dtype", ["string", "string[pyarrow]", "category", object])
def test_missing_values_of_pandas(table, dtype):
    types = table["type"].where(table.index % 5 > 0, None)
    schema = schema_from_table(table.assign(type=types.astype(dtype)))
    assert schema["type"].values == tuple(sorted({*types.dropna()} & {*types[table["split"] == "train"]}))
    assert all(map(is_missing, (pd.NA, pd.NaT, np.nan, np.float32("nan"), None, " ")))
    assert not any(map(is_missing, (0, 0., "NA", (), np.array([]), pd.Timestamp("2026-01-01"))))


def test_parquet(table, tmp_path):
    table.to_parquet(tmp_path/"t.parquet")
    assert schema_from_table(pd.read_parquet(tmp_path/"t.parquet")) == schema_from_table(table)


def test_seeds(table):
    schema = schema_from_table(table)
    for draw in (lambda: stratified_split(table, schema, seed=-1), lambda: tutorial_split(table, seed=-1)):
        with pytest.raises(InputError, match="seed -1: give a whole number from 0"): draw()
