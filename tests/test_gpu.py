"""Training, interpretation and export on a CUDA device that is pretended: no tensor meets one on another device."""
import numpy as np
import pytest
import torch
from fastai.learner import load_learner

import pretended
from fashion_tagger.all import *
from fashion_tagger.engines import TorchEngine, full_precision, gpu_has_bf16
from fashion_tagger.examples import examples_of
from fashion_tagger.export import rewrite_bundle
from fashion_tagger.inference import load_network
from pretended import CUDA, claim_of, pretended_cuda, tensors_in


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return sample_wardrobe(tmp_path_factory.mktemp("clothes"), n=48, size=(64, 48), seed=0).table


@pytest.fixture
def cuda():
    with pretended_cuda() as device: yield device


def untrained(): return create_tagger("smaller_vgg", Schema([Attribute("type", ("dress", "hat"))]), pretrained=False)


def test_pretence(cuda):
    x = torch.ones(3, device="cuda")
    assert (x.device, x.is_cuda, (x + 1).device) == (CUDA, True, CUDA)
    with pytest.raises(RuntimeError, match="same device"): x + torch.ones(3)
    with pytest.raises(TypeError, match="numpy"): x.numpy()
    with pytest.raises(RuntimeError, match="cannot pin"): x.pin_memory()
    assert x.cpu().numpy().sum() == 3 and not x.cpu().is_cuda


@torch.no_grad()
def test_full_precision(cuda):
    pixels, conv = torch.rand(2, 3, 8, 8), torch.nn.Conv2d(3, 4, 3)
    exact = conv(pixels).permute(0, 2, 3, 1)
    conv.cuda()
    def run(x): return (conv(x).permute(0, 2, 3, 1),)
    assert 1e-5 < (run(pixels.cuda())[0].cpu() - exact).abs().max() < 1e-2  # cuDNN's own way
    with full_precision(): assert torch.equal(run(pixels.cuda())[0].cpu(), exact)
    assert np.array_equal(TorchEngine(run, "cuda").start(pixels)()[0], exact)


@pytest.mark.parametrize("native", [True, False])
def test_emulated_bf16(cuda, table, monkeypatch, native):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert gpu_has_bf16() == native
    engine, exact = embedding_engines(untrained().cuda(), (64, 48))
    assert (engine.precision, exact.precision) == ("bf16" if native else "f32", "f32")


def learner(table, folder, device="cuda", **kwargs):
    dls = tagger_dataloaders(table, size=(64, 48), bs=8, num_workers=0, device=torch.device(device), path=folder)
    learn = tagger_learner(dls, **kwargs)
    learn.remove_cb(learn.progress)
    learn.logger = lambda *_: None
    return learn


def on_device(learn): return {claim_of(p) for p in learn.model.parameters()}


@pytest.mark.parametrize("cache", [True, False])
def test_batches(cuda, table, cache):
    dls = tagger_dataloaders(table, size=(64, 48), bs=8, num_workers=0, cache=cache, device=CUDA)
    assert dls.train.pin_memory
    for dl in dls.loaders:
        for batch in dl: assert {claim_of(t) for t in batch} == {CUDA}


def test_engine_takes_any_device(cuda):
    pixels = torch.full((2, 4, 4, 3), 7, dtype=torch.uint8, device=CUDA)
    for device in ("cpu", "cuda"):
        devices = []
        def run(x):
            devices.append(claim_of(x))
            return (x.float().mean((1, 2)),)
        assert TorchEngine(run, device).start(pixels)()[0].tolist() == [[7]*3]*2
        assert devices == [CUDA if device == "cuda" else None]


def test_views_of_a_network_elsewhere(cuda, table):
    dls = tagger_dataloaders(table, size=(64, 48), bs=8, num_workers=0, device=CUDA)
    net = create_tagger("resnet18", dls.schema, pretrained=False)
    assert embed_dls(net, dls, views=2)[0].x.shape[1] == 2


def test_saved(cuda, table, tmp_path):
    learn = learner(table, tmp_path)
    learn.lr_find(num_it=20, show_plot=False) # which saves and loads
    assert on_device(learn) == {CUDA}
    learn.fit(1)
    learn.save("tagger")
    again = learner(table, tmp_path).load("tagger")
    assert again.scores() == learn.scores()
    again.fit(1)
    assert on_device(again) == {CUDA}


def test_frozen_and_unfrozen(cuda, table, tmp_path):
    learn = learner(table, tmp_path, views=2)
    assert {claim_of(part.x) for part in learn.features()} == {CUDA}
    learn.fit_tagger(2, unfrozen_epochs=1)
    assert on_device(learn) == {CUDA}
    assert set(learn.scores()) == set(learn.schema.names)
    learn.tune_thresholds()
    learn.calibrate()


def test_choose_features(cuda, table, tmp_path):
    learn = learner(table, tmp_path, feature_groups="auto")
    learn.fit_tagger(1)
    assert on_device(learn) == {CUDA}


@pytest.mark.parametrize("half", ["to_fp16", "to_bf16"])
def test_mixed_precision(cuda, table, tmp_path, half):
    learn = getattr(learner(table, tmp_path), half)()
    learn.fit_tagger(1, unfrozen_epochs=1)
    learn.export_tagger(tmp_path/"bundle")  # which compares the bundle's answers with the learner's
    assert learn.mixed_precision in learn.cbs


def test_resume(cuda, table, tmp_path):
    learn = learner(table, tmp_path)
    learn.fit_tagger(1, unfrozen_epochs=1, checkpoints=Checkpoints(tmp_path/"checkpoints"))
    newest = Checkpoints(tmp_path/"checkpoints").newest()
    assert not any(claim_of(t) for t in tensors_in(newest))
    again = learner(table, tmp_path)
    again.fit_tagger(1, unfrozen_epochs=2, checkpoints=Checkpoints(tmp_path/"checkpoints"), resume=True)
    moments = {claim_of(t) for state in again.opt.state.values() for t in tensors_in(state) if t.ndim}
    assert on_device(again) == moments == {CUDA}


def test_files_of_a_gpu_where_there_is_none(table, tmp_path, monkeypatch):
    checkpoints, learn = Checkpoints(tmp_path/"checkpoints"), learner(table, tmp_path, "cpu")
    with monkeypatch.context() as of_gpu:
        of_gpu.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        learn.fit_tagger(1, checkpoints=checkpoints)
        learn.save("tagger")
        learn.export("tagger.pkl")
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA device"): torch.load(tmp_path/"models"/"tagger.pth")
    again = learner(table, tmp_path, "cpu")
    again.fit_tagger(2, checkpoints=checkpoints, resume=True)
    assert again.load("tagger").scores() == learn.scores()
    assert load_learner(tmp_path/"tagger.pkl").predict(table.image[0])[0] == learn.predict(table.image[0])[0]


def test_without_float64(cuda, table, tmp_path, monkeypatch):
    monkeypatch.setattr(pretended, "HAS_FLOAT64", False)
    with pytest.raises(TypeError, match="float64"): torch.zeros(1, dtype=torch.float64, device="cuda")
    learn = learner(table, tmp_path, views=2)
    thresholds = np.full(len(learn.schema["tags"].tags), 0.25)  # as best_thresholds gives them
    learn.loss_func.thresholds = dict(tags=thresholds)
    learn.fit_tagger(1, unfrozen_epochs=1)
    learn.predict(table.image[0])
    learn.tune_thresholds()
    learn.calibrate()


def test_interpretation(cuda, table, tmp_path):
    learn = learner(table, tmp_path)
    learn.fit_tagger(1)
    interp = TaggerInterpretation.from_learner(learn)
    interp.summary()
    interp.most_confused("type")
    interp.per_class("type")
    interp.reliability("type")
    learn.suspect_labels(n_folds=2)
    report_parts(learn)
    interp.grad_cam(table.image[0], "type")


def test_onnx_is_written_on_the_processor(cuda, tmp_path, monkeypatch):
    devices, net = set(), untrained().cuda()
    def export(net, *_, **__): devices.update(map(claim_of, net.parameters()))
    monkeypatch.setattr(torch.onnx, "export", export)  # which has constants on the processor
    write_onnx(EmbeddingNet(net), tmp_path/"body.onnx", (64, 48), ["features"], fold=False)
    assert devices == {None} and {claim_of(p) for p in net.parameters()} == {CUDA}


def test_export(cuda, table, tmp_path):
    learn = learner(table, tmp_path)
    learn.fit_tagger(1)
    bundle = learn.export_tagger(tmp_path/"bundle")
    for device in ("cuda", "cpu"):
        answer = Tagger.load(bundle, "torch", device).predict(table.image[0])
        assert answer["type"]["value"] in learn.schema["type"].values
    assert on_device(learn) == {CUDA}
    again = rewrite_bundle(bundle, tmp_path/"again", load_network(bundle).cuda(), {}, lambda _: None, [table.image[0]])
    assert Tagger.load(again).predict(table.image[0]) == Tagger.load(bundle).predict(table.image[0])
    kept = examples_of(learn)
    assert kept.scores(learn.model)["type"]["accuracy"] == learn.scores()["type"]["accuracy"]
