"Suspects among rare and missing labels, and decisions about tables that have changed"

import numpy as np, pandas as pd, pytest

from fashion_tagger.label_errors import (apply_decisions, encode_labels, find_suspects, read_decisions, undecided,
                                         write_decisions)
from fashion_tagger.schema import Attribute, InputError, Schema, TableWarning, TagSet


@pytest.fixture
def judged():
    """Rows, schema, probabilities and labels: three labels of `a` and two of `t` are wrong; 'rare' has 2 rows,
    'v' none; a few are missing"""
    schema = Schema([Attribute("a", ("x", "y", "rare")), TagSet("t", ("u", "v"))])
    y = np.array([0]*20 + [1]*20 + [2]*2 + [-1]*2)
    p = np.full((44, 5), 0.02)
    p[np.arange(44), np.maximum(y, 0)] = 0.94
    p[3:6, :3] = 0.01, 0.98, 0.01
    tags = np.tile([1., 0.], (44, 1))
    tags[::2] = 0, 0
    tags[5] = np.nan
    p[:, 3] = np.where(np.nan_to_num(tags[:, 0]) > 0.5, 0.9, 0.1)
    p[[7, 9], 3] = 0.01
    table = pd.DataFrame(dict(image=[f"{i}.jpg" for i in range(44)], a=y.astype(str)), index=range(100, 144))
    return table, schema, p, (y, tags)


def test_suspects(judged):
    found = find_suspects(*judged)
    columns = ["row", "target", "tag", "given", "suggested"]
    assert {*map(tuple, found[columns].fillna("").values)} == {
        (103, "a", "", "x", "y"), (104, "a", "", "x", "y"), (105, "a", "", "x", "y"),
        (107, "t", "u", "yes", "no"), (109, "t", "u", "yes", "no")}


def test_rare_values_are_not_judged(judged):
    found = find_suspects(*judged, every=True)
    assert found.groupby("target").size().to_dict() == dict(a=40, t=43)  # neither 'rare' nor 'v'


def test_no_labels_at_all(judged):
    table, schema, p, (y, tags) = judged
    found = find_suspects(table, schema, p, (y*0 - 1, tags*np.nan))
    assert not len(found)
    assert [*found] == ["row", "image", "target", "tag", "given", "suggested", "p_given", "p_suggested", "loss",
                        "suspect", "quality"]


def test_encode_labels():
    schema = Schema([Attribute("a", ("x", "y")), TagSet("t", ("u", "v"))])
    a, t = encode_labels(pd.DataFrame(dict(a=["y", None], t=[("u",), dict(v=True)])), schema)
    assert a.tolist() == [1, -1] and a.dtype == np.int64
    assert np.array_equal(t, np.float32([[1, 0], [np.nan, 1]]), equal_nan=True) and t.dtype == np.float32


@pytest.mark.parametrize("text, message", [
    ("image,target\na.jpg,type\n", "no column 'given'"),
    ("image,target,given,decision,label\na.jpg,type,x,kept,\n", "line 2: unknown decision 'kept'"),
    ("image,target,given,decision,label\na.jpg,type,x,relabel, \n", "line 2: 'relabel' needs a label"),
    ("image,target,tag,given,decision,label\na.jpg,tags,u,yes,relabel,maybe\n",
     "line 2: the label of a tag is yes or no, not 'maybe'"),
    ("", "is empty"),
])
def test_files_that_cannot_be_used(tmp_path, text, message):
    (tmp_path/"decisions.csv").write_text(text)
    with pytest.raises(InputError, match=message): read_decisions(tmp_path/"decisions.csv")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="none.csv: No such file"): read_decisions(tmp_path/"none.csv")
    suspects = pd.DataFrame([decision("a.jpg", "type", "x", "")]).assign(suggested="y", p_given=.1)
    with pytest.raises(InputError, match="cannot be written"): write_decisions(suspects, tmp_path)


def decision(image, target, given, decision, label="", tag=""):
    return dict(image=image, target=target, tag=tag, given=given, decision=decision, label=label)


def decide(*decisions):
    "Apply decisions to photos that have moved to another folder"
    tags = [("u", "v"), (), dict(u=True, v=False)]
    table = pd.DataFrame(dict(image=["new/a.jpg", "new/b.jpg", "new/c.jpg"], type=["x", "y", None], tags=tags))
    return apply_decisions(table, pd.DataFrame(decisions))


def test_decisions_about_attributes():
    assert decide(decision("old/a.jpg", "type", "x", "relabel", "y"))["type"].tolist()[:2] == ["y", "y"]
    assert decide(decision("C:\\old\\a.jpg", "type", "x", "relabel", " y "))["type"].tolist()[:2] == ["y", "y"]
    assert decide(decision("a.jpg", "type", "x", "drop photo"))["image"].tolist() == ["new/b.jpg", "new/c.jpg"]


def test_decisions_about_tags():
    # the label says so, whatever was suggested
    assert decide(decision("a.jpg", "tags", "yes", "relabel", "yes", "u"))["tags"][0] == ("u", "v")
    assert decide(decision("a.jpg", "tags", "yes", "relabel", "no", "u"))["tags"][0] == ("v",)
    assert decide(decision("b.jpg", "tags", "no", "relabel", "yes", "u"))["tags"][1] == ("u",)
    assert decide(decision("a.jpg", "tags", "yes", "drop", tag="u"))["tags"][0] == dict(v=True)
    assert decide(decision("c.jpg", "tags", "yes", "drop", tag="u"))["tags"][2] == dict(v=False)
    assert decide(decision("c.jpg", "tags", "no", "relabel", "yes", "v"))["tags"][2] == dict(u=True, v=True)
    new = decision("a.jpg", "tags", "no", "relabel", "yes", "w")  # stays when another tag of the photo is decided
    assert sorted(decide(new, decision("a.jpg", "tags", "yes", "relabel", "no", "u"))["tags"][0]) == ["v", "w"]


def test_decisions_that_do_not_fit():
    not_there, other_label = decision("d.jpg", "type", "y", "drop"), decision("a.jpg", "type", "y", "drop")
    with pytest.warns(TableWarning) as seen: assert decide(other_label, not_there)["type"].tolist()[:2] == ["x", "y"]
    messages = " | ".join(str(w.message) for w in seen)
    assert "1 decision(s) name a photo that is not in the table: d.jpg" in messages
    assert "1 decision(s) are about a label that is another now: type of a.jpg, which was 'y'" in messages
    assert all(w.filename == __file__ for w in seen)
    with pytest.warns(TableWarning): decided = decide(decision("a.jpg", "type", "x", "drop"), not_there)
    assert sum(decided.attrs["decisions_applied"].values()) == 1


def test_a_value_that_no_row_had_is_probably_an_error():
    with pytest.warns(TableWarning, match="values that no row had: type 'yy'"):
        decide(decision("a.jpg", "type", "x", "relabel", "yy"))


def test_a_decision_about_another_table():
    with pytest.raises(InputError, match="a decision is about 'size'"): decide(decision("a.jpg", "size", "x", "drop"))


def test_photos_of_one_name_are_told_apart_by_their_folder():
    suspects = pd.DataFrame([decision(f"{f}/1.jpg", "type", "x", "") for f in "ab"])
    left = undecided(suspects, pd.DataFrame([decision("a/1.jpg", "type", "x", "keep")]))
    assert left["image"].tolist() == ["b/1.jpg"]
