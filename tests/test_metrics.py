"Scores agree with scikit-learn's, and with each other, with labels missing and words that are in no vocabulary"
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.metrics as skm
import torch
from fastai.torch_core import to_detach
from fastcore.test import test_close as is_close

from fashion_tagger.losses import TaggerLoss
from fashion_tagger.metrics import (TargetLoss, class_table, elementwise_hits, exact_matches, fbeta_per_photo,
                                    format_scores, score_targets, table_averages, tag_table, tags_exact, top_k_hits)
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet

nan = float('nan')
SMALL = Schema([Attribute('type', ('dress', 'jeans')), TagSet('tags', ('new', 'red'))])
GARMENTS = Schema([Attribute('type', ('dress', 'jeans', 'shirt', 'skirt')), TagSet('tags', ('new', 'red', 'striped'))])


@pytest.fixture
def drawn():
    """Probabilities of 200 photos, labels of their tags (some missing, one tag unknown) and of their type
    (some missing, one value unknown)"""
    torch.manual_seed(2)
    p = torch.rand(200, 7)
    p[:, :4] /= p[:, :4].sum(1, keepdim=True)
    tags = (torch.rand(200, 3) < p[:, 4:]**torch.tensor([1., 2., 9.])).float()
    tags = torch.cat([tags, (torch.rand(200, 1) < 0.1).float()], 1)
    tags[:40, 2] = nan
    types = torch.randint(-1, 3, (200,))
    types[:5] = 4
    return p, tags, types


def after(metric, *batches, loss_func=None):
    metric.reset()
    for pred, *yb in batches:
        metric.accumulate(SimpleNamespace(pred=pred, yb=yb, loss_func=loss_func, to_detach=to_detach))
    return metric.value


def test_photo_scores_are_those_of_scikit_learn():
    torch.manual_seed(0)
    applies, targ = torch.rand(200, 7) > 0.6, (torch.rand(200, 7) > 0.7).float()
    for beta in (0.5, 1., 2.):
        theirs = skm.fbeta_score(targ, applies, beta=beta, average='samples', zero_division=0)
        is_close(fbeta_per_photo(applies, targ, beta).mean(), theirs, eps=1e-6)
    is_close(exact_matches(applies, targ).mean(), skm.accuracy_score(targ, applies), eps=1e-6)
    is_close(elementwise_hits(applies, targ).mean(), 1 - skm.hamming_loss(targ, applies), eps=1e-6)


def test_top_k_hits():
    torch.manual_seed(0)
    p, targ = torch.rand(300, 6), torch.randint(0, 6, (300,))
    for k in (1, 3): is_close(top_k_hits(p, targ, k).mean(), skm.top_k_accuracy_score(targ, p, k=k), eps=1e-6)
    assert top_k_hits(p[:3], torch.tensor([-1, 6, p[2].argmax()])).nan_to_num(-1).tolist() == [-1, 0, 1]


def test_a_tag_out_of_the_vocabulary_is_missed():
    is_close(fbeta_per_photo(torch.tensor([[True, False]]), torch.tensor([[1., 0., 1.]]), 2.), 5/9)


@pytest.mark.parametrize('options', [{}, dict(weight=dict(type=[1., 5.]), pos_weight=dict(tags=[3., 1.]))])
def test_target_losses_add_up(options):
    says_dress, tags = torch.tensor([[1., -1., 3., -3.]]*4), torch.tensor([[1., 0.]]*4)
    batches = [(says_dress, torch.zeros(4, dtype=int), tags), (says_dress, torch.tensor([1, -1, -1, -1]), 1 - tags)]
    loss_func, whole = TaggerLoss(SMALL, **options), [torch.cat(xs) for xs in zip(*batches, strict=True)]
    parts = [after(TargetLoss(SMALL, t.name), *batches, loss_func=loss_func) for t in SMALL]
    is_close(sum(parts), loss_func(*whole).item(), eps=1e-6)
    unlabelled = says_dress, torch.full((4,), -1), tags
    assert after(TargetLoss(SMALL, 'type'), unlabelled, loss_func=loss_func) is None


def test_thresholds_of_the_loss_and_of_the_metric():
    pred, tags = torch.tensor([[1., -1., 3., -3.]]*4), torch.tensor([[1., 0.]]*4)
    tuned = SimpleNamespace(thresholds=dict(tags=[0.99, 0.01]))
    y = torch.zeros(4, dtype=int)
    assert after(tags_exact(SMALL, 'tags'), (pred, y, 1 - tags), loss_func=tuned) == 1.
    assert after(tags_exact(SMALL, 'tags'), (pred, y, tags), loss_func=tuned) == 0.


def test_tag_table_is_that_of_scikit_learn(drawn):
    p, y_tags, _ = drawn
    table = tag_table(GARMENTS, 'tags', p, y_tags)
    for i, tag in enumerate(GARMENTS['tags'].tags):
        known = ~y_tags[:, i].isnan()
        y, answered, row = y_tags[known, i], p[known, 4 + i] >= 0.5, table.loc[tag]
        confusion = skm.confusion_matrix(y, answered, labels=[1, 0]).ravel().tolist()
        assert confusion == row[['TP', 'FN', 'FP', 'TN']].astype(int).tolist()
        rates = skm.precision_recall_fscore_support(y, answered, average='binary')[:3]
        is_close(rates, row[['precision', 'recall', 'f1']].tolist())
        is_close(skm.accuracy_score(y, answered), row['accuracy'], eps=1e-6)
        is_close(skm.average_precision_score(y, p[known, 4 + i]), row['average_precision'], eps=1e-6)
        assert row.labels == known.sum().item()


def test_tag_table_of_unknown_and_unmet_tags(drawn):
    p, y_tags, _ = drawn
    lace = tag_table(GARMENTS, 'tags', p, y_tags, unknown=dict(tags={'lace': 20})).loc['lace']
    assert (lace.TP, lace.FP, lace.recall, lace.precision, lace.f1) == (0, 0, 0, 0, 0)
    assert lace.FN == y_tags[:, 3].sum().item() and np.isnan(lace.average_precision)
    assert tag_table(GARMENTS, 'tags', p, y_tags).index[-1] == 'unknown 1'
    nobody = tag_table(GARMENTS, 'tags', torch.zeros(5, 7), torch.tensor([[0., nan, 1.]]*5))
    assert nobody[['precision', 'recall', 'f1']].loc[['new', 'red']].isna().all(axis=None)
    assert nobody.labels.tolist() == [5, 0, 5] and nobody.recall['striped'] == 0.
    assert tag_table(GARMENTS, 'tags', p, y_tags, [0., 0.5, 2.]).TN.tolist()[0] == 0


def test_class_table(drawn):
    p, _, y_type = drawn
    table = class_table(GARMENTS, 'type', p, y_type)
    dress = y_type == 0
    top3 = skm.top_k_accuracy_score(y_type[dress], p[dress, :4], k=3, labels=range(4))
    is_close(table.top3['dress'], top3, eps=1e-6)
    assert table.index[-1] == 'unknown 1'
    unlabelled = class_table(GARMENTS, 'type', p[:3], torch.full((3,), -1))
    assert unlabelled.recall.isna().all() and table_averages(unlabelled).isna().all(axis=None)


def test_tables_of_the_wrong_kind(drawn):
    p, y_tags, y_type = drawn
    with pytest.raises(InputError, match='use class_table'): tag_table(GARMENTS, 'type', p, y_tags)
    with pytest.raises(InputError, match='use tag_table'): class_table(GARMENTS, 'tags', p, y_type)


def test_averages_are_those_of_scikit_learn(drawn):
    p, y_tags, _ = drawn
    full, answered = y_tags.nan_to_num(0), torch.cat([p[:, 4:] >= 0.5, torch.zeros(200, 1).bool()], 1)
    averages = table_averages(tag_table(GARMENTS, 'tags', p, full))
    for average in ('macro', 'weighted', 'micro'):
        theirs = skm.precision_recall_fscore_support(full, answered, average=average, zero_division=0)[:3]
        is_close(theirs, averages.loc[average][['precision', 'recall', 'f1']].tolist())
    assert np.isnan(averages.average_precision['micro'])


def scores_of_500():
    torch.manual_seed(1)
    p = torch.rand(500, 4)
    y_type, y_tags = torch.randint(-1, 2, (500,)), (torch.rand(500, 2) < p[:, 2:]).float()
    y_tags[:50] = nan
    return p, y_type, y_tags


def test_scores_are_those_of_scikit_learn():
    p, y_type, y_tags = scores_of_500()
    scores, known = score_targets(SMALL, p, (y_type, y_tags)), y_type >= 0
    is_close(scores['type']['macro_f1'], skm.f1_score(y_type[known], p[known, :2].argmax(1), average='macro'), eps=1e-4)
    y, answered = y_tags[50:], p[50:, 2:] >= 0.5
    is_close(scores['tags']['f1'], skm.f1_score(y, answered, average='samples', zero_division=0), eps=1e-4)
    is_close(scores['tags']['macro_f1'], skm.f1_score(y, answered, average='macro'), eps=1e-4)


def test_unknown_words_cost_the_scores_and_the_tables_alike():
    p, y_type, y_tags = scores_of_500()
    y_type[:20], y_tags = 2, torch.cat([y_tags, y_tags[:, :1]], 1)  # a third value, and a third tag
    scores = score_targets(SMALL, p, (y_type, y_tags))
    values, tags = (table_averages(t(SMALL, n, p, y)).loc['macro'] for t, n, y in
                    ((class_table, 'type', y_type), (tag_table, 'tags', y_tags)))
    is_close(scores['type']['macro_f1'], values['f1'], eps=1e-4)
    is_close(scores['type']['balanced_accuracy'], values['recall'], eps=1e-4)
    is_close(scores['tags']['macro_f1'], tags['f1'], eps=1e-4)
    is_close(scores['tags']['map'], tags['average_precision'], eps=1e-4)


def test_without_a_label_there_is_no_score():
    blank = score_targets(SMALL, torch.rand(2, 4), (torch.tensor([-1, -1]), torch.full((2, 2), nan)))
    assert blank['type']['balanced_accuracy'] is None
    assert format_scores(blank) == ('type  accuracy -  top3 -  top5 -  macro_f1 -  (0 labels)\n'
                                    'tags  exact -  f1 -  f2 -  macro_f1 -  map -  elementwise -  (0 labels)')
