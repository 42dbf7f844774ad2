"What a fastai user tries with a learner of ours: one attribute, one tag set or several targets, frozen and unfrozen"
import numpy as np
import pytest
from fastai.callback.mixup import CutMix, MixUp
from fastai.vision.all import *
from fastcore.test import test_close as assert_close

from fashion_tagger.all import *

for name in [n for n in globals() if n.startswith("test")]: del globals()[name] # fastcore's, which pytest would run

COLUMNS = ["type"], ["tags"], ["type", "colour", "tags"]
CALLBACKS = [
    GradientAccumulation, GradientClip, MixedPrecision, CSVLogger, ShowGraphCallback,
    partial(EarlyStoppingCallback, patience=1), SaveModelCallback, partial(ReduceLROnPlateau, patience=1),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory): return tmp_path_factory.mktemp("clothes")


@pytest.fixture(scope="module")
def table(folder):
    "A third of the labels are missing"
    table = sample_wardrobe(folder, n=80, size=(64, 56), seed=1).table[["image", "type", "colour", "tags", "split"]]
    for i, c in enumerate(("type", "colour", "tags")):
        table[c] = [None if (k + i) % 3 == 0 else cell for k, cell in enumerate(table[c])]
    return table


@pytest.fixture(scope="module", params=COLUMNS, ids="+".join)
def dls(request, table, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore") # words of validation photos alone
        return tagger_dataloaders(table[["image", "split", *request.param]], size=(64, 56), bs=16, num_workers=0,
                                  path=folder)


@pytest.fixture(params=["frozen", "unfrozen"])
def learn(request, dls):
    learn = tagger_learner(dls)
    if request.param == "unfrozen": learn.unfreeze()
    learn.remove_cb(ProgressCallback)
    return learn


def fits(learn, cb, epochs):
    "Training with a callback ends with numbers, and leaves the loss as it was"
    loss_func = learn.loss_func
    learn.fit(epochs, 1e-3, cbs=cb)
    assert np.isfinite(learn.recorder.values[-1][:2]).all()
    assert learn.loss_func is loss_func and loss_func.reduction == "mean"


@pytest.mark.parametrize("mixing", [MixUp, CutMix])
def test_mixing(learn, mixing):
    if mixing is CutMix and learn.body_is_frozen:
        with pytest.raises(InputError, match="CutMix needs pixels.*embed_once=False"): learn.fit(1, cbs=CutMix())
    else: fits(learn, mixing(), 1)


@pytest.mark.parametrize("cb", CALLBACKS, ids=lambda cb: getattr(cb, "func", cb).__name__)
@pytest.mark.parametrize("dls", [COLUMNS[-1]], ids="+".join, indirect=True)
def test_callbacks(learn, cb, capsys):
    if cb is ShowGraphCallback: learn.add_cb(ProgressCallback())
    fits(learn, cb(), 2)


def test_mixing_nothing_changes_nothing(dls):
    "With missing labels and weights, a loss that MixUp averages is the one that it replaces"
    first = dls.schema.targets[0]
    loss = TaggerLoss(dls.schema, weight={first.name: np.linspace(1, 3, len(first.vocab))})
    targs = [torch.from_numpy(y) for y in dls.valid.encoded()]
    pred = torch.randn(len(targs[0]), dls.schema.n_logits, requires_grad=True)
    plain = loss(pred, *targs)
    loss.reduction = "none"
    assert loss(pred, *targs).shape == (len(pred),)
    assert_close(loss(pred, *targs).mean(), plain, eps=1e-5)


def test_predictions(learn):
    n, schema = len(learn.dls.valid_ds), learn.schema
    p, targs, decoded, losses = learn.get_preds(with_loss=True, with_decoded=True)
    if len(schema) == 1: targs, decoded = (targs,), (decoded,)
    assert p.shape == (n, schema.n_logits) and losses.shape == (n,)
    assert [len(y) for y in targs] == [n]*len(schema)
    for t, y in zip(schema, decoded): assert y.shape == ((n,) if t.kind == "attribute" else (n, len(t.vocab)))
    assert_close(learn.tta(n=2)[0].shape, p.shape)
    assert list(learn.predict(learn.dls.valid_ds.items[0])[0]) == schema.names
    assert learn.validate()[0] > 0
    learn.show_results(max_n=2)
    plt.close("all")


def test_interpretation(learn):
    interp = ClassificationInterpretation.from_learner(learn)
    assert len(interp.top_losses()[0]) == len(learn.dls.valid_ds)
    interp.plot_top_losses(2)
    plt.close("all")
    if learn.schema.names == ["type"]: assert interp.confusion_matrix().sum() > 0
    else:
        with pytest.raises(InputError, match="TaggerInterpretation.from_learner"): interp.confusion_matrix()


def test_tensorboard(learn, folder):
    board = pytest.importorskip("fastai.callback.tensorboard").TensorBoardCallback
    learn.fit(1, cbs=board(folder/"runs", trace_model=False, log_preds=False))
    with_preds = board(folder/"runs", trace_model=False)
    if len(learn.schema) == 1 and not learn.body_is_frozen: learn.fit(1, cbs=with_preds)
    else:
        with pytest.raises(InputError, match="pass log_preds=False"): learn.fit(1, cbs=with_preds)
