"Interpretations of a few photos, where every count is known: missing labels, unknown words, no label at all"
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from fastcore.test import test_close as is_close

import fashion_tagger.classes
import fashion_tagger.confusion
import fashion_tagger.reliability  # noqa: F401
from fashion_tagger.calibration import temperature_scaled
from fashion_tagger.confusion import NOTHING
from fashion_tagger.interpret import TaggerInterpretation
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet

TINY = Schema([Attribute('a', ('x', 'y')), TagSet('t', ('u', 'v', 'w'))])
ROWS = pd.DataFrame(dict(image=list('abcd'), a=['x', 'y', 'new', None],
                         t=[('u', 'v'), dict(u=True, v=False), ('w', 'odd'), None]))
P = [[.9, .1, .9, .1, .9], [.8, .2, .1, .9, .9], [.6, .4, .1, .1, .1], [.5, .5, .5, .5, .5]]


@pytest.fixture
def tiny(): return TaggerInterpretation(ROWS, TINY, P)


@pytest.fixture
def drawn():
    "300 photos with labels drawn at random, a fifth of them missing; a label of tags has at least one"
    rng = np.random.default_rng(0)
    schema = Schema([Attribute('a', tuple('pqrs')), TagSet('t', tuple('uvwxyz'))])
    table = pd.DataFrame(dict(image=[f'{i}.jpg' for i in range(300)]))
    table['a'] = [None if rng.random() < .2 else rng.choice(list('pqrs')) for _ in range(300)]
    tags = [tuple(t for t in 'uvwxyz' if rng.random() < .3) or ('u',) for _ in range(300)]
    table['t'] = [None if rng.random() < .2 else cell for cell in tags]
    p = np.concatenate([rng.dirichlet(np.ones(4), 300), rng.random((300, 6))], 1)
    return TaggerInterpretation(table, schema, p)


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close('all')


def test_tables_that_do_not_fit():
    with pytest.raises(InputError, match=r'expected \(4, 5\), a row per photo'): TaggerInterpretation(ROWS, TINY, P[:3])
    with pytest.raises(InputError, match="no column 'a'; it has image"): TaggerInterpretation(ROWS[['image']], TINY, P)


def test_answers(tiny):
    assert tiny.answers('a')['right'].tolist()[:3] == [1, 0, 0] and np.isnan(tiny.losses('a')[2])
    assert tiny.answers('t')['right'].tolist()[:3] == [0, 0, 0]
    assert tiny.answers('a')['truth'].tolist() == ['x', 'y', 'new', '']
    assert tiny.summary()['labels'].tolist() == [3, 3]
    with pytest.raises(InputError, match="no target 'size'"): tiny.answers('size')


def test_confusion(tiny):
    assert tiny.confusion_matrix('a').to_numpy().tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]
    counts = tiny.confusion_matrix('t')
    assert counts.loc['v', 'w'] == 1  # v was missed and w claimed
    assert counts.loc['u', 'v'] == 1
    assert counts.loc['odd', NOTHING] == 1
    assert counts.loc['u', 'u'] == 1
    assert counts['w'].sum() == 1  # of the second photo nobody knows whether w applies
    assert tiny.photos_of('t', 'v', 'w') == [0] and tiny.photos_of('t', NOTHING, NOTHING) == []
    for a, b in (('nothing', 'x'), ('x', NOTHING)):
        with pytest.raises(InputError, match="has no '"): tiny.photos_of('a', a, b)


def test_every_cell_has_its_photos(drawn):
    for name in 'at':
        counts = drawn.confusion_matrix(name)
        for a in counts.index:
            for b in counts.columns: assert len(drawn.photos_of(name, a, b)) == counts.loc[a, b]


def test_confusion_matrix_of_many_values():
    many, rng = Schema([Attribute('a', tuple(f'v{i:02d}' for i in range(75)))]), np.random.default_rng(0)
    table = pd.DataFrame(dict(image=[str(i) for i in range(500)], a=rng.choice(many['a'].values, 500)))
    wide = TaggerInterpretation(table, many, rng.dirichlet(np.ones(75), 500))
    assert wide.plot_confusion_matrix('a').get_yticklabels()[20].get_text() == '55 others'
    assert wide.confusion_matrix('a', by='size', at_most=1).index[0] == table['a'].value_counts().index[0]
    some = wide.confusion_matrix('a', by='confused', at_most=4, cluster=True)
    assert some.shape == (5, 5) and some.index[-1] == '71 others' and some.to_numpy().sum() == 500
    assert wide.most_confused('a', min_val=1000).shape == (0, 4)


def test_gains(drawn):
    pair = drawn.most_confused('a').iloc[0][['truth', 'prediction']].tolist()
    among_the_two = drawn.confusion_matrix('a').loc[pair, pair].to_numpy()*(1 - np.eye(2))
    is_close(drawn.gain_if_right('a', pair, pair), among_the_two.sum()/drawn.summary()['labels']['a'])
    scores = drawn.summary()['score']
    for t in drawn.schema: is_close(drawn.gain_if_right(t.name, t.vocab), 1 - scores[t.name], eps=1e-6)
    assert drawn.gain_if_right('t', ['u']) > 0


def test_losses(drawn):
    top = drawn.top_losses(1)
    is_close(top['total_loss'].item(), sum(np.nan_to_num(drawn.losses(n)[top.index[0]]) for n in 'at'), eps=1e-5)
    tops = drawn.top_losses(9, 'a')
    assert tops['truth'].tolist() == [drawn.table['a'][i] for i in tops.index]
    i = np.flatnonzero(~np.isnan(drawn.losses('t')))[0]
    is_close(-np.log(drawn.answers('t')['p_truth'][i]), drawn.losses('t')[i], eps=1e-5)


def test_no_labels_at_all():
    nobody = TaggerInterpretation(ROWS[3:], TINY, [[.5]*5])
    assert nobody.summary()['score'].isna().all() and nobody.scores()['a']['accuracy'] is None
    assert len(nobody.top_losses()) == 0 and nobody.confusion_matrix('a').to_numpy().sum() == 0
    assert nobody.coverage_at_accuracy('a')['share'].tolist() == [0]*4
    nobody.plot_confusion_matrix('t'), nobody.plot_reliability('a'), nobody.plot_top_losses()
    nobody.plot_precision_recall('a')
    with pytest.raises(InputError, match='its recall is undefined'): nobody.precision_recall('t', 'u')


def test_photos_that_are_gone_are_named(tiny):
    axs = tiny.show_answers(truth=True)
    assert len(axs.flat) == 4 and all(ax.texts for ax in axs.flat)


def test_temperature_undone(drawn):
    scaled = np.concatenate([temperature_scaled(p, 2., t) for t, p in drawn.schema.split(drawn.p)], 1)
    hot = TaggerInterpretation(drawn.table, drawn.schema, scaled, temperatures=dict(a=2., t=2.))
    for name in 'at':
        undone = hot.expected_calibration_error(name, calibrated=False)
        is_close(undone, drawn.expected_calibration_error(name), eps=1e-3)


def test_relations_of_tags_and_values(drawn):
    counts = drawn.co_occurrence('t')
    assert (counts.to_numpy() == counts.to_numpy().T).all()
    assert counts.loc['u', 'u'] == sum('u' in (c or ()) for c in drawn.table['t'])
    of_p = drawn.table[(drawn.table['a'] == 'p') & drawn.table['t'].notna()]['t']
    is_close(drawn.class_profiles('a', 't').loc['p', 'u'], of_p.map(lambda c: 'u' in c).mean(), eps=1e-6)
    assert drawn.class_distances('a', 't', predicted=True).loc['p', 'p'] == 0
    assert len(drawn.class_profiles('a', 't', at_least=10_000)) == 0
