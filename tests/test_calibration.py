"Thresholds are the best of all candidates, temperatures undo what was done, and whatever a learner says follows both"
import time

import numpy as np
import pytest
import torch
from fastcore.test import test_close as is_close

from fashion_tagger.calibration import (best_temperature, best_thresholds, calibration_error, reliability_table,
                                        temperature_scaled)
from fashion_tagger.metrics import fbeta_per_photo
from fashion_tagger.schema import Attribute, InputError, TagSet

CANDIDATES = np.arange(1, 128)/128


def draw(n, seed, tags=17):
    rng = np.random.default_rng(seed)
    share = np.geomspace(0.4, 0.004, tags)
    y = (rng.random((n, tags)) < share).astype(float)
    z = rng.normal(size=(n, tags)) + 2*y + np.log(share/(1 - share))*rng.uniform(0.2, 1., tags) - 1
    return (1/(1 + np.exp(-z))).astype(np.float32), y


def f2(p, y, cut):
    applies = torch.as_tensor(p >= np.asarray(cut))
    return fbeta_per_photo(applies, torch.as_tensor(y), 2.).nanmean().item()


@pytest.mark.parametrize('wide', [False, True])  # with and without a tag that is in no vocabulary
def test_no_threshold_can_be_moved_to_gain(wide):
    p, y = draw(300, seed=1)
    labels = np.where(np.random.default_rng(0).random(y.shape) < 0.3, np.nan, y)
    if wide: labels = np.concatenate([labels, y[:, :1]], 1)
    common = best_thresholds(p, labels, per_tag=False)
    is_close(f2(p, labels, common), max(f2(p, labels, c) for c in CANDIDATES), eps=1e-6)
    cuts = best_thresholds(p, labels, at_least=0)
    for j in (0, 5, 16):
        moved = [np.where(np.arange(17) == j, c, cuts) for c in CANDIDATES]
        is_close(f2(p, labels, cuts), max(f2(p, labels, m) for m in moved), eps=1e-6)


def test_known_places_score_best():
    rng, truth = np.random.default_rng(0), np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    y, u = (rng.random((2000, 5)) < 0.3).astype(float), rng.random((2000, 5))
    p = np.where(y > 0, truth + (1 - truth)*u, truth*u)
    found = best_thresholds(p, y)
    assert f2(p, y, found) > 0.99*(y.sum(1) > 0).mean() > f2(p, y, best_thresholds(p, y, per_tag=False)) > f2(p, y, 0.5)
    assert (best_thresholds(p, y) == found).all()


def test_more_freedom_scores_higher_where_tuned():
    p, y = draw(10_000, seed=1)
    for n in (50, 200, 1000, 10_000):
        per_tag, common = best_thresholds(p[:n], y[:n]), best_thresholds(p[:n], y[:n], per_tag=False)
        assert f2(p[:n], y[:n], per_tag) >= f2(p[:n], y[:n], common) >= f2(p[:n], y[:n], 0.5)
    new_p, new_y = draw(40_000, seed=1)
    cuts = best_thresholds(new_p[:1000], new_y[:1000])
    assert f2(new_p[-4000:], new_y[-4000:], cuts) > f2(new_p[-4000:], new_y[-4000:], 0.5) + 0.05


def test_rare_tags_keep_the_common_threshold():
    p, y = draw(40_000, seed=1)
    p, y = p[:300], y[:300]
    few, cuts, common = y.sum(0) < 5, best_thresholds(p, y), best_thresholds(p, y, per_tag=False)
    assert few.any() and (~few).any()
    assert (cuts[few] == common).all() and (cuts[~few] != common).any()
    assert (best_thresholds(p, y, at_least=0)[few] != common).any()


def test_without_photos_or_labels():
    p, y = draw(3, seed=0)
    assert best_thresholds(p, np.full(y.shape, np.nan)).tolist() == [0.5]*17
    assert best_thresholds(p[:0], y[:0]).tolist() == [0.5]*17
    with pytest.raises(InputError, match='do not belong together'): best_thresholds(p, y[:, :3])


def test_a_hundred_tags_of_ten_thousand_photos():
    p, y = draw(10_000, seed=3, tags=100)
    start = time.perf_counter()
    cuts = best_thresholds(p, y)
    assert time.perf_counter() - start < 20  # on two cores that others may be using
    assert f2(p, y, cuts) > f2(p, y, 0.5)


def test_reliability():
    assert reliability_table([1., 0.04, 0.5], [1, 0, np.nan])['n'].to_dict() == {0: 1, 9: 1}
    assert np.isnan(calibration_error(reliability_table([0.5], [np.nan])))


def test_temperatures():
    values, tag_set = Attribute('a', 'abcde'), TagSet('t', 'abcde')
    torch.manual_seed(0)
    logits = torch.randn(3000, 5)*2
    targ = torch.distributions.Categorical(logits=logits).sample().numpy()
    louder = (logits*3).softmax(1).numpy()
    is_close(temperature_scaled(louder, 3., values), logits.softmax(1).numpy(), eps=1e-3)
    with_unknown = np.where(np.arange(3000) % 9, targ, 7)
    is_close(best_temperature(louder, with_unknown, values), 3., eps=0.3)
    tags, twice = (torch.rand(3000, 5) < logits.sigmoid()).float().numpy(), (logits*2).sigmoid().numpy()
    with_missing = np.where(np.arange(5) == 4, np.nan, tags)
    is_close(best_temperature(twice, with_missing, tag_set), 2., eps=0.2)
    is_close(temperature_scaled(twice, 2., tag_set), logits.sigmoid().numpy(), eps=1e-3)


@pytest.fixture(scope='module')
def learn_and_table(tmp_path_factory):
    from fastai.torch_core import set_seed
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.samples import sample_wardrobe
    folder = tmp_path_factory.mktemp('wardrobe')
    table = sample_wardrobe(folder, n=240, size=(64, 64), seed=1).table[['image', 'split', 'type', 'tags']]
    set_seed(0, reproducible=True)
    learn = tagger_learner(tagger_dataloaders(table, size=(64, 64), path=folder))
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(5, 1e-2)
    return learn, table, folder


def printed(learn):
    with learn.no_bar(): values = learn.validate()
    return dict(zip(learn.recorder.metric_names[2:], values, strict=False))  # the last name is that of the time


def test_whatever_a_learner_says_follows_its_thresholds(learn_and_table):
    learn, schema = learn_and_table[0], learn_and_table[0].dls.schema
    learn.loss_func.thresholds, learn.loss_func.temperatures = {}, {}
    at_half = printed(learn)
    before, after = learn.tune_thresholds()
    is_close(at_half['tags_f2'], before['tags']['f2'], eps=1e-4)
    at_tuned = printed(learn)
    for k in ('exact', 'f2'): is_close(at_tuned[f'tags_{k}'], after['tags'][k], eps=1e-4)
    with learn.no_bar(): p, _, decoded = learn.get_preds(with_decoded=True)
    cuts, at = learn.loss_func.thresholds, schema.names.index('tags')
    said = [set(schema.decode(row.numpy(), cuts)['tags']['value']) for row in p]  # as a bundle says it
    for answer, row in zip(said, decoded[at], strict=True):
        assert answer == {t for t, yes in zip(schema['tags'].tags, row, strict=True) if yes}
    changed = (decoded[at] != (p[:, schema.slices['tags']] >= 0.5)).any(1).nonzero()[0].item()
    with learn.no_bar(): labels, _, probs = learn.predict(learn.dls.valid_ds.items[changed])
    assert set(labels['tags']) == said[changed]
    assert said[changed] != set(schema['tags'].decode(probs['tags'])['value'])


def test_calibrating_changes_no_answer(learn_and_table):
    learn = learn_and_table[0]

    def answers():
        with learn.no_bar(): return [d.numpy() for d in learn.get_preds(with_decoded=True)[2]]

    learn.tune_thresholds()
    said, scores = answers(), learn.scores()
    for _ in range(2):  # the second time changes nothing either
        learn.calibrate()
        for a, b in zip(answers(), said, strict=True): assert (a == b).all()
    is_close(printed(learn)['tags_f2'], scores['tags']['f2'], eps=1e-4)


def test_learners_that_cannot_be_tuned(learn_and_table):
    from fastai.learner import Learner
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    learn, table, folder = learn_and_table
    single = tagger_learner(tagger_dataloaders(table[['image', 'split', 'type']], size=(64, 64), path=folder))
    with pytest.raises(InputError, match='no tag set among type'): single.tune_thresholds()
    other = Learner(learn.dls, learn.model, loss_func=torch.nn.MSELoss())
    other.schema = learn.dls.schema
    with pytest.raises(InputError, match='this learner has a MSELoss'): other.calibrate()
