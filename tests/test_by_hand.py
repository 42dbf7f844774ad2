"What a fastai user would write by hand, from plain blocks to an exported tagger that gives the same answers"
import numpy as np
import pytest
from fastai.vision.all import *
from fastcore.test import test_close as assert_close

import fashion_tagger.report
from fashion_tagger.all import *

for name in [n for n in globals() if n.startswith("test")]: del globals()[name] # fastcore's, which pytest would run


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clothes")
    table = sample_wardrobe(folder, n=120, size=(96, 80), seed=1).table[["image", "type", "colour", "tags", "split"]]
    return table.assign(is_valid=table.split == "valid")


def get_tags(row): return list(row["tags"])


@pytest.fixture(scope="module")
def dls(table, tmp_path_factory):
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock, CategoryBlock, MultiCategoryBlock), n_inp=1,
        get_x=ColReader("image"), get_y=[ColReader("type"), ColReader("colour"), get_tags],
        splitter=ColSplitter("is_valid"), item_tfms=Resize(64),
        batch_tfms=[*aug_transforms(size=56), Normalize.from_stats(*imagenet_stats)])
    # a validation photo may have a type or colour that no training photo has, which CategoryBlock does not take
    train = table[~table.is_valid]
    known = table[table.type.isin(train.type) & table.colour.isin(train.colour)]
    return block.dataloaders(known, bs=16, num_workers=0, path=tmp_path_factory.mktemp("learner"))


@pytest.fixture(scope="module")
def learn(dls):
    schema = schema_from_dls(dls, names=["type", "colour", "tags"])
    learn = vision_learner(dls, resnet18, pretrained=False, n_out=schema.n_logits, loss_func=TaggerLoss(schema),
                           metrics=tagger_metrics(schema))
    with learn.no_bar(), learn.no_logging():
        learn.lr_find(num_it=10, show_plot=False)
        learn.fine_tune(1, 1e-3)
        learn.fit_one_cycle(1, lr_max=slice(1e-5, 1e-3))
    return learn


def same_answers(learn, bundle, backend):
    schema = learner_schema(learn)
    photos = dls_table(learn.dls, 1, schema).image
    device = "cpu" if backend == "torch" else None
    tagger = Tagger.load(bundle, backend, device, precision="f32" if backend == "openvino" else None)
    with learn.no_bar(): p = learn.get_preds()[0].numpy()
    assert_close(p, np.stack(list(tagger.stream(photos))), eps=1e-4)


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_the_bundle_answers_like_the_learner(learn, tmp_path, backend):
    same_answers(learn, learn.export_tagger(tmp_path/"bundle"), backend)


def test_interpretation(learn):
    interp = TaggerInterpretation.from_learner(learn)
    assert list(interp.summary().index) == ["type", "colour", "tags"]
    assert interp.confusion_matrix("type").to_numpy().sum() == len(learn.dls.valid_ds)
    assert interp.grad_cam(interp.table.image[0], "colour").heat.shape == (64, 64)


def test_thresholds_temperatures_and_suspects(learn, tmp_path):
    before, after = learn.tune_thresholds()
    assert after["tags"]["f2"] >= before["tags"]["f2"]
    assert set(learn.calibrate().index) == {"type", "colour", "tags"}
    assert {"image", "target", "given", "suggested"} <= set(learn.suspect_labels(n_folds=3).columns)
    bundle = learn.export_tagger(tmp_path/"bundle", onnx=False)
    assert Tagger.load(bundle).thresholds == learn.loss_func.thresholds
    same_answers(learn, bundle, "torch")


def test_report_of_a_learner(learn):
    parts = fashion_tagger.report.report_parts(learn, n_folds=3)
    assert len(parts.table) == len(learn.dls.train_ds) + len(learn.dls.valid_ds)


def test_the_same_loaders_in_our_learner(dls, tmp_path):
    learn = tagger_learner(dls, resnet18, pretrained=False, names=["type", "colour", "tags"])
    assert learn.schema == schema_from_dls(dls, names=["type", "colour", "tags"])
    with learn.no_bar(), learn.no_logging():
        learn.freeze()
        learn.fit_one_cycle(1, 1e-2) # on features
        learn.fine_tune(1, 1e-3)
    with learn.no_bar(): label, index, p = learn.predict(dls.valid_ds.items.iloc[0])
    assert set(label) == {"type", "colour", "tags"}
    learn.show_results(max_n=2)
    same_answers(learn, learn.export_tagger(tmp_path/"bundle"), "onnx")


def test_the_datablock_of_a_schema_in_our_learner(table):
    schema = schema_from_table(table.drop(columns="is_valid"))
    block = tagger_datablock(schema, size=(64, 56), splitter=ColSplitter("is_valid"))
    dls = block.dataloaders(table, bs=16, num_workers=0)
    learn = tagger_learner(dls)
    assert learn.schema == schema
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(2, 1e-2)
    assert set(learn.scores()) == {"type", "colour", "tags"}


def test_wrapped_loaders(dls):
    schema = schema_from_dls(dls, names=["type", "colour", "tags"])
    learn = tagger_learner(TaggerDataLoaders(*dls.loaders, schema=schema), resnet18, pretrained=False)
    assert learn.schema == schema


def test_numbers_are_refused_in_one_line(table):
    block = DataBlock((ImageBlock, RegressionBlock), get_x=ColReader("image"), get_y=ColReader("price"),
                      item_tfms=Resize(32))
    dls = block.dataloaders(table.assign(price=1.), bs=8, num_workers=0)
    with pytest.raises(InputError, match="no category"): tagger_learner(dls, pretrained=False)


def test_a_loss_without_activation_gives_probabilities(table, tmp_path):
    "`get_preds` gives logits where fastai knows no activation of the loss; they are not taken for probabilities"
    block = DataBlock((ImageBlock, CategoryBlock(vocab=sorted(set(table.type)))), get_x=ColReader("image"),
                      get_y=ColReader("type"), splitter=ColSplitter("is_valid"), item_tfms=Resize(64))
    dls = block.dataloaders(table, bs=16, num_workers=0, path=tmp_path)
    learn = vision_learner(dls, resnet18, pretrained=False, loss_func=nn.CrossEntropyLoss())
    interp = TaggerInterpretation.from_learner(learn)
    assert_close(interp.p.sum(1), np.ones(len(interp)), eps=1e-4)
    bundle = learn.export_tagger(tmp_path/"bundle")
    assert_close(np.stack(list(Tagger.load(bundle, "onnx").stream(interp.table.image))), interp.p, eps=1e-4)


def test_a_model_of_another_width_is_refused_in_one_line(dls):
    schema = schema_from_dls(dls, names=["type", "colour", "tags"])
    learn = vision_learner(dls, resnet18, pretrained=False, n_out=5, loss_func=TaggerLoss(schema))
    with pytest.raises(InputError, match="n_out=schema.n_logits"): learn.scores()
