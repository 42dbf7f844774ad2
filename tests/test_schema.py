"Malformed schemas and labels are named in one line"
import numpy as np
import pytest

from fashion_tagger.schema import (Attribute, InputError, TagSet, is_missing, schema_from_json, schema_from_table,
                                   unknown_words)


@pytest.mark.parametrize("cell", [None, float("nan"), np.float64("nan"), "", "  ", "\t"])
def test_missing(cell): assert is_missing(cell)


@pytest.mark.parametrize("cell", ["nan", "None", "NA", "0", 0, 0.0, False, (), ("red",)])
def test_not_missing(cell): assert not is_missing(cell)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", '{"targets": 1}', '{"targets": [{"kind": "tags"}]}',
                                  '{"targets": [{"kind": "number", "name": "n"}]}'])
def test_malformed_json(text):
    with pytest.raises(InputError, match="not a schema"): schema_from_json(text)


def test_vocabularies():
    with pytest.raises(InputError, match="every training row's cell is missing"): Attribute("colour", ())
    with pytest.raises(InputError, match="'red' twice"): TagSet("tags", ("red", "blue", "red"))
    assert Attribute("size", (36, 38)).encode(38) == 1  # numbers are words too


def test_tags():
    words = TagSet("tags", ("black", "dress", "jeans"))
    assert np.isnan(words.encode(None)).all()
    assert words.words(("red", "dress")) == ("red", "dress") and words.words(None) == ()
    with pytest.raises(InputError, match="no tag 'hat'"): words.encode(("dress", "hat"))


def test_text_is_no_tuple_of_tags():
    table = dict(gender=["Men"], tags=["red dress"])
    with pytest.raises(InputError, match="tuples"): schema_from_table(table, tags=["tags"])


def test_mappings_name_tags_that_do_not_apply():
    table = dict(tags=[{"dress": True, "hat": False}, {"dress": False}])
    schema = schema_from_table(table)
    assert schema["tags"].tags == ("dress", "hat")
    assert unknown_words(dict(tags=[{"dress": True, "cap": False}]), schema) == dict(tags={"cap": 1})
