"Reports and audits as pages: of damaged tables, and of names that hold anything"
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("bs4")
import matplotlib
matplotlib.use("Agg")
from bs4 import BeautifulSoup

from fashion_tagger.audit import audit_table
from fashion_tagger.export import table_fingerprint
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.label_errors import apply_decisions
from fashion_tagger.pages import _anchors, render_audit, render_report, write_page
from fashion_tagger.report import ReportParts, _fix_scores, report_parts
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "A bundle, and its table with everything that a report may have to tell"
    from fastai.vision.all import set_seed
    import fashion_tagger.export
    import fashion_tagger.training  # noqa: F401
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("report")
    wardrobe = sample_wardrobe(home/"wardrobe", n=400, seed=4, label_noise=0.05, valid=0.3)
    table = wardrobe.table.drop(columns=["sleeve", "pattern"])
    valid, train = (table.index[table["split"] == s] for s in ("valid", "train"))
    Path(table.at[valid[3], "image"]).write_bytes(Path(table.at[train[5], "image"]).read_bytes())
    for name in ("type", "colour", "tags"): table.at[valid[3], name] = table.at[train[5], name]
    set_seed(0, reproducible=True)
    learn = tagger_learner(tagger_dataloaders(table, path=home, cache=False, num_workers=0))
    with learn.no_bar(), learn.no_logging(): learn.fit_tagger(10)
    bundle = learn.export_tagger(home/"bundle")
    table.loc[valid[:2], "colour"] = "teal"
    Path(table.at[valid[7], "image"]).write_bytes(b"\xff\xd8 cut")
    return bundle, table


@pytest.fixture(scope="module")
def parts(made): return report_parts(*made)


def check_links(soup):
    ids = [e["id"] for e in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in soup.find_all("a")} <= set(ids)


def test_answers(made, parts):
    bundle, _ = made
    assert len(parts.interp) == parts.scored.sum() and len(parts.table) == 399
    again = TaggerInterpretation.from_bundle(bundle, parts.table[parts.scored])
    np.testing.assert_allclose(parts.interp.p, again.p, atol=1e-4)
    assert list(parts.seconds) == ["auditing the files", "tagging the photos", "checking the labels"]


def test_report(parts):
    page = render_report(parts)
    soup = BeautifulSoup(page, "html.parser")
    check_links(soup)
    images = soup.find_all("img")
    assert all(i["src"].startswith("data:") and i["alt"] for i in images) and len(images) > 60
    assert not re.search(r'(src|href)="(https?:)?//', page)
    first = [d.get_text(" ", strip=True) for d in soup.select("ol.todo li")]
    for fact in ("1 photo cannot be read", "does not know teal", "1 scored photo is also in the training rows"):
        assert any(fact in d for d in first)
    assert {h.get_text() for h in soup.select(".card h3")} == set(parts.interp.schema.names)
    assert len(render_report(parts, limit=600_000).encode()) < 600_000


def test_audit(made, parts):
    soup = BeautifulSoup(render_audit(parts.audit, made[1]), "html.parser")
    check_links(soup)
    assert "across the split" in soup.get_text() and "truncated" in soup.get_text()
    assert len(soup.select("#t-colour tbody tr")) == made[1]["colour"].nunique()


def test_anything_in_names(parts):
    "Names come from a user's table; nothing of them becomes part of the page's own code"
    evil = "<script>alert(1)</script>\"' &"
    schema = Schema([Attribute(evil, (evil, "b")), TagSet("tags", ("u", evil))])
    images = parts.table["image"][:20].to_list()
    rows = pd.DataFrame({"image": images, evil: [evil, "b"]*10, "tags": [("u",), (evil,)]*10})
    interp = TaggerInterpretation(rows, schema, np.random.default_rng(0).random((20, 4)))
    suspects = pd.DataFrame(dict(row=[0], image=rows["image"][:1], target=evil, tag=None, given=evil, suggested="b",
                                 p_given=.1, p_suggested=.9, loss=2., suspect=True, quality=.1))
    audit = audit_table(rows, schema)
    strange = ReportParts(parts.tagger, rows, interp, np.ones(20, bool), "all rows", audit, rows, suspects, {})
    soup = BeautifulSoup(render_report(strange, title=evil), "html.parser")
    assert len(soup.find_all("script")) == 2
    assert evil in soup.find("h1").get_text() and soup.select_one(".decide .photo")["data-given"] == evil


def test_anchors():
    assert _anchors(["Base Colour", "base-colour", "\u8272"]) == {
        "Base Colour": "t-base-colour", "base-colour": "t-base-colour-1", "\u8272": "t-target"}


def test_without_labels(made):
    bundle, table = made
    blank = table[table["split"] == "valid"].assign(colour=None)[:30]
    assert "No photo has a label" in render_report(report_parts(bundle, blank, "all", n_folds=3))


def test_decisions(made, parts):
    bundle, table = made
    decided = parts.suspects[parts.suspects["tag"].isna()].head(2).assign(decision=["keep", "drop"], label="", tag="")
    again = report_parts(bundle, table, decisions=decided)
    two = {(s.image, s.target) for s in decided.itertuples()}
    assert not two & {(s.image, s.target) for s in again.suspects.itertuples()}


def test_suspects_in_training_rows(parts):
    "There is nothing to gain on the photos that are scored, but they are listed, at the end"
    suspects = parts.suspects[~parts.scored[parts.suspects["row"]]].reset_index(drop=True)
    fixes = replace(parts, suspects=suspects).fix_first(n=1)
    last = [f for f in fixes if f.points == "only in training rows"]
    assert {f.target for f in last} == {*suspects["target"]} and last == fixes[-len(last):]
    scored = parts.suspects[parts.scored[parts.suspects["row"]]].reset_index(drop=True)
    assert not any(f.rank == 3 for f in replace(parts, suspects=scored).fix_first(n=99))


def test_not_calibrated():
    "The advice is for a shell as well as for Python"
    scores = dict(labels=50, score=0.9, low=0.8, guess=0.3, calibration_error=0.2)
    fix, = _fix_scores(pd.DataFrame(scores, index=["type"]))
    assert "off by 20 points" in fix.what
    assert "fashion-tagger train TABLE --from BUNDLE" in fix.how and "learn.calibrate()" in fix.how


def test_trained_on(made, parts, monkeypatch):
    "Decisions hide neither the table that a tagger was trained on, nor one that it was trained on with them"
    _, table = made
    decided = parts.suspects[parts.suspects["tag"].isna()].head(2).assign(decision="drop", label="", tag="")
    answers = np.zeros((400, parts.interp.schema.n_logits), np.float32), np.zeros((400, 0), np.float32)
    assert parts.trained_on  # by the labels of a target that are as they were
    monkeypatch.delitem(parts.tagger.settings["data"], "by_target")
    for rows, alone in ((table, True), (apply_decisions(table, decided), False)):
        known = table_fingerprint(rows.to_dict("records"), parts.interp.schema.names)
        monkeypatch.setitem(parts.tagger.settings["data"], "fingerprint", known)
        assert report_parts(parts.tagger, table, answers=answers).trained_on == alone
        again = report_parts(parts.tagger, table, decisions=decided, answers=answers)
        assert "The tagger was not trained on these photos." in render_report(again)
    unknown = render_report(replace(parts, trained_on=False))
    assert "If the tagger was trained on any of these photos" in unknown


def test_answers_that_are_there(made, parts):
    bundle, table = made
    p, x = np.zeros((400, parts.interp.schema.n_logits), np.float32), np.zeros((400, 0), np.float32)
    given = report_parts(parts.tagger, table, answers=(p, x))
    assert len(given.table) == 400 and not len(given.suspects)  # no features, so no label is judged
    with pytest.raises(InputError, match="answers for 3 rows"):
        report_parts(parts.tagger, table, answers=(p[:3], x[:3]))
    with pytest.raises(InputError, match="the table's splits are train, valid"):
        report_parts(parts.tagger, table, "test")


def test_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot be written"): write_page("page", tmp_path)
