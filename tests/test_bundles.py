"""Nothing that a bundle holds is executed, and what is wrong with one is refused with a reason, in bounded time
and memory"""
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fashion_tagger.inference import SETTINGS_FILE, WEIGHTS_FILE, Tagger, read_settings
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    from fashion_tagger.samples import sample_wardrobe
    import fashion_tagger.export  # noqa: F401
    home = tmp_path_factory.mktemp("good")
    table = sample_wardrobe(home/"clothes", n=40, seed=0).table[["image", "type", "tags", "split"]]
    learn = tagger_learner(tagger_dataloaders(table, size=(64, 64), cache=False, num_workers=0))
    return learn.export_tagger(home/"bundle")


@pytest.fixture
def bundle(good, tmp_path): return Path(shutil.copytree(good, tmp_path/"bundle"))


class Planted:
    def __reduce__(self): return os.system, (f"touch {Planted.trace}",)


def change(bundle, **changes):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    settings.update(changes)
    (bundle/SETTINGS_FILE).write_text(json.dumps(settings))
    return settings


def refused(bundle, backends=("torch", "onnx")):
    said = []
    for backend in backends:
        start = time.perf_counter()
        with pytest.raises(InputError) as e: Tagger.load(bundle, backend)
        assert time.perf_counter() - start < 20 and "\n" not in str(e.value)
        said.append(str(e.value))
    return said


def test_the_good_one(bundle):
    answer = Tagger.load(bundle, "onnx").predict(np.zeros((64, 64, 3), np.uint8))
    assert answer["type"]["value"]


def test_planted_pickles(bundle, tmp_path):
    Planted.trace = tmp_path/"pwned"
    data = pickle.dumps(Planted())
    for name in ("model.pkl", "learner.pkl", "data.pkl", "model.pt", "__init__.py", "model.pth"):
        (bundle/name).write_bytes(data)
    Tagger.load(bundle, "torch"), Tagger.load(bundle, "onnx")
    (bundle/WEIGHTS_FILE).write_bytes(data)
    (bundle/"model.onnx").write_bytes(data)
    refused(bundle)
    change(bundle, files={})  # without checksums, as a stranger may write it
    refused(bundle)
    assert not Planted.trace.exists()


def test_checksums(bundle):
    (bundle/WEIGHTS_FILE).write_bytes((bundle/WEIGHTS_FILE).read_bytes()[:-8] + bytes(8))
    assert "checksum" in refused(bundle, ["torch"])[0]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "model.onnx\0", "a"*5000])
def test_path_tricks(bundle, name):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    change(bundle, files=settings["files"] | {name: "0"*64}, onnx=settings["onnx"] | {"file": name})
    tagger = Tagger.load(bundle, "onnx")  # such names are never looked at
    assert tagger.schema.names == ["type", "tags"]


NAN = float("nan")
BAD_SETTINGS = [
    (dict(size=[10**9, 10**9]), "expected height and width"), (dict(size=[-1, 5]), "expected height and width"),
    (dict(size="big"), "'size' is big"), (dict(size=[True, True]), "'size'"),
    (dict(bundle_version=99), "bundle version 99"), (dict(bundle_version="1"), "bundle version '1'"),
    (dict(method="eval"), "expected one of squish"), (dict(method=[]), "'method' is []"),
    (dict(fill="__import__"), "expected one of white, black, reflect, border"), (dict(fill={}), "'fill'"),
    (dict(thresholds={"tags": [NAN]}), "'thresholds' is"), (dict(thresholds={"tags": ["x"]}), "'thresholds' is"),
    (dict(thresholds={"tags": 7}), "'thresholds' is"), (dict(thresholds={"shape": [0.5]}), "no target 'shape'"),
    (dict(temperatures={"type": 0}), "expected positive numbers"), (dict(temperatures={"type": NAN}), "'temperatures'"),
    (dict(schema={}), "expected a schema"), (dict(schema={"targets": 3}), "expected a schema"),
    (dict(schema=None), "expected a schema"), (dict(schema={"targets": [{"kind": "os", "name": "x"}]}), "not a schema"),
    (dict(model={"arch": 5}), "'model' is"), (dict(model=[]), "'model' is"),
    (dict(model={"arch": "resnet18", "builder": "os"}), "'model' is"), (dict(model={"builder": []}), "'model' is"),
    (dict(draft="no"), "'draft' is no; expected true or false"),
    (dict(features={"stage1": "many"}), "'features'"), (dict(features=[]), "'features'"),
    (dict(onnx={"features": 3}), "'onnx'"), (dict(onnx={"outputs": [1]}), "'onnx'"), (dict(onnx="features"), "'onnx'"),
    (dict(input=[]), "'input'"), (dict(input={"resize": [10**6, 8]}), "'input'"),
    (dict(input={"eval": "1"}), "'input'"), (dict(input={"mean": [0.5]}), "'input'"),
    (dict(input={"std": [0, 1, 1]}), "'input'"), (dict(input={"std": [NAN]*3}), "'input'"),
    (dict(method="two\nlines"), "'method' is two lines"),
]


@pytest.mark.parametrize("changes,why", BAD_SETTINGS)
def test_settings(bundle, changes, why):
    change(bundle, **changes)
    for said in refused(bundle): assert why in said


@pytest.mark.parametrize("name", ["schema", "model", "size", "method", "fill", "thresholds"])
def test_missing_settings(bundle, name):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    del settings[name]
    (bundle/SETTINGS_FILE).write_text(json.dumps(settings))
    for said in refused(bundle): assert f"there is no {name!r} in it" in said


NESTED = []
for _ in range(500): NESTED = [NESTED]
BAD_OPTIONS = [
    dict(arch="os.system"), dict(arch="../../x"), dict(arch="+".join(["tf_efficientnet_lite0"]*1000)), dict(unknown=1),
    dict(hidden=10**12), dict(histogram_bins=10**6), dict(n_heads=10**6), dict(pool=10**6), dict(stages=[99]),
    dict(hidden=True), dict(hidden=None), dict(body_kwargs=[]), dict(body_kwargs=dict(x=NESTED)),
    dict(body_kwargs=dict(pretrained=True)), dict(body_kwargs=dict(checkpoint_path="/etc/passwd")),
    dict(builder="vision_learner", pretrained=True), dict(builder="vision_learner", lin_ftrs=[10**9]),
    dict(builder="vision_learner", body_kwargs=dict(checkpoint_path="/etc/passwd")),
    dict(builder="vision_learner", head=[]),
]


@pytest.mark.parametrize("model", BAD_OPTIONS)
def test_options_of_the_network(bundle, model):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    change(bundle, model=settings["model"] | model)
    refused(bundle, ["torch"])


def test_ten_million_classes(bundle):
    values = [str(i) for i in range(10_000_000)]
    change(bundle, schema={"targets": [{"kind": "attribute", "name": "type", "values": values}]})
    refused(bundle)


def test_deep_nesting(bundle):
    (bundle/SETTINGS_FILE).write_text('{"a":'*100_000 + "1" + "}"*100_000)
    refused(bundle)


def test_not_whole(bundle):
    (bundle/WEIGHTS_FILE).unlink()
    assert "there is no model.safetensors in it" in refused(bundle, ["torch"])[0]
    (bundle/"model.onnx").unlink()
    assert "there is no model.onnx in it" in refused(bundle, ["onnx"])[0]
    (bundle/SETTINGS_FILE).write_text("{")
    assert "not JSON" in refused(bundle)[0]
    (bundle/SETTINGS_FILE).unlink()
    assert "not a bundle" in refused(bundle)[0]


def test_cut_weights(bundle):
    (bundle/WEIGHTS_FILE).write_bytes((bundle/WEIGHTS_FILE).read_bytes()[:1000])
    change(bundle, files={})
    assert "not the weights" in refused(bundle, ["torch"])[0]


def test_another_schema(bundle):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    change(bundle, schema={"targets": settings["schema"]["targets"][:1]})
    by_torch, by_onnx = refused(bundle)
    assert "not the weights" in by_torch and "names of ONNX outputs; expected 1" in by_onnx


def test_weights_that_are_no_numbers(bundle):
    weights = load_file(bundle/WEIGHTS_FILE)
    name = next(k for k, v in weights.items() if k.startswith("head") and v.ndim == 2)
    weights[name][:] = np.nan
    save_file(weights, bundle/WEIGHTS_FILE)
    change(bundle, files={})
    assert "not a number" in refused(bundle, ["torch"])[0]


def test_other_shapes(bundle):
    weights = load_file(bundle/WEIGHTS_FILE)
    save_file({k: v[:1] if v.ndim else v for k, v in weights.items()}, bundle/WEIGHTS_FILE)
    change(bundle, files={})
    refused(bundle, ["torch"])


def test_fill_and_draft(bundle):
    for fill in ("white", "black", "reflect", "border"):
        change(bundle, fill=fill)
        assert read_settings(bundle)["fill"] == fill
    change(bundle, draft=True)
    assert Tagger.load(bundle, "onnx").pixels(np.zeros((80, 80, 3), np.uint8)).shape == (64, 64, 3)


def test_onnx_only(bundle):
    "A network that exists in model.onnx only, as of a learner that cannot be built again from options"
    before = Tagger.load(bundle, "onnx").predict(np.zeros((64, 64, 3), np.uint8))
    (bundle/WEIGHTS_FILE).unlink()
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    change(bundle, model=dict(builder="onnx"), features={}, onnx=settings["onnx"] | dict(features=None))
    said = refused(bundle, ["torch"])[0]
    assert "exists in model.onnx only" in said and "backend 'onnx' or 'openvino'" in said
    tagger = Tagger.load(bundle)
    assert tagger.engine.name in ("onnx", "openvino") and tagger.features == {}
    tagger = Tagger.load(bundle, "onnx")
    assert tagger.predict(np.zeros((64, 64, 3), np.uint8)) == before
    with pytest.raises(InputError, match="gives answers and no features"): tagger.embed(np.zeros((64, 64, 3), np.uint8))
    assert len(next(tagger.stream([np.zeros((64, 64, 3), np.uint8)], features=True))[1]) == 0


def test_input(bundle):
    "Pixels are resized and normalised by the network, run by PyTorch"
    plain = Tagger.load(bundle, "torch", "cpu")
    change(bundle, input=dict(resize=None, mean=[0, 0, 0], std=[1, 1, 1]))
    same = Tagger.load(bundle, "torch", "cpu")
    change(bundle, input=dict(resize=[96, 96], mean=[0.5]*3, std=None))
    other = Tagger.load(bundle, "torch", "cpu")
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    answers = [next(t.stream([photo])) for t in (plain, same, other)]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)
    assert np.abs(answers[0] - answers[2]).max() > 1e-4


class Counting:
    "An engine that answers with the first pixel and notes how many photos come at once"
    name, depth, precision, bs = "counting", 2, "f32", 4
    def __init__(self): self.sizes = []
    def start(self, pixels):
        self.sizes.append(len(pixels))
        p = pixels[:, 0, 0, :1].astype(np.float32)
        return lambda: (np.repeat(p, 6, 1), p)


@pytest.fixture
def counted():
    schema = Schema([Attribute("colour", ("black", "blue", "red")), TagSet("tags", ("dress", "jeans", "striped"))])
    return Tagger(Counting(), dict(schema=schema, thresholds={}, size=(32, 32), method="squish", fill="white"))


def gray(i): return np.full((32, 32, 3), i, np.uint8)


def test_order_and_batches(counted):
    given = [gray(i) if i % 3 else b"no photo" for i in range(40)]
    got = list(counted.stream(iter(given), threads=3))
    assert [None if isinstance(g, InputError) else g[0] for g in got] == [i if i % 3 else None for i in range(40)]
    assert counted.engine.sizes == [4]*6 + [2]
    assert [x[1].tolist() for x in counted.stream(given[1:3], features=True)] == [[1.], [2.]]
    assert counted.predict([]) == []


def test_endless_photos(counted):
    taken = []
    def endless():
        for i in range(10**9):
            taken.append(i)
            yield gray(1)
    few = counted.stream(endless(), bs=4, threads=2)
    for _ in range(8): next(few)
    assert len(taken) < 40
    few.close()


def test_show(counted, tmp_path):
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots()
    assert counted.show(gray(1), ax=ax) is ax
    written = {t.get_text() for t in ax.findobj(plt.Text)}
    assert {"colour", "tags", "black", "blue", "red", "dress", "jeans", "striped"} <= written
    answer = dict(colour=dict(value="red", p=0.5, top=[("red", 0.5), ("blue", 0.3)]))
    for top, words in ((1, {"red"}), (2, {"red", "blue"})):
        fig, ax = plt.subplots()
        counted.show(gray(1), top, ax, answer)
        assert {t.get_text() for t in ax.findobj(plt.Text)} & {"red", "blue"} == words
    plt.close("all")
    (tmp_path/"cut.jpg").write_bytes(b"no photo")
    with pytest.raises(InputError, match="cut.jpg: not a readable image"): counted.show(tmp_path/"cut.jpg")


def test_memory():
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 6e6  # kB, of all of the above in one process


def test_no_pickle_is_read_on_the_way_in():
    "A bundle is read without `pickle`, and without `torch.load`, in all modules that tagging imports"
    root = Path(__file__).resolve().parents[1]/"fashion_tagger"
    for name in ("inference", "deployed", "bulk", "photos", "engines", "schema"):
        text = (root/f"{name}.py").read_text()
        assert "pickle" not in text and "torch.load" not in text and "allow_pickle=True" not in text


def test_settings_alone(bundle):
    "The command says it in one line"
    change(bundle, size=[0, 0])
    command = [sys.executable, "-c", "from fashion_tagger.cli import main; main()"]
    run = subprocess.run([*command, "tag", bundle, bundle/"x.jpg"], capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("error: ") and "Traceback" not in run.stderr
    with pytest.raises(InputError): read_settings(bundle)


def test_network_of_vision_learner(bundle):
    "A bundle whose network fastai's `vision_learner` made, with normalised pixels"
    nets = pytest.importorskip("fashion_tagger.vision_nets")
    import torch
    from safetensors.torch import save_file as save_torch
    schema = read_settings(bundle)["schema"]
    pool = [["AdaptiveConcatPool2d", dict(size=1)], ["Flatten", {}]]
    linear = ["Linear", dict(in_features=1024, out_features=schema.n_logits, bias=True)]
    config = dict(builder="vision_learner", library="torchvision", arch="resnet18", cut=-2, head=[*pool, linear])
    torch.manual_seed(0)
    net = nets.create_vision_net(config, schema).eval()
    save_torch({k: v.contiguous() for k, v in net.state_dict().items()}, bundle/WEIGHTS_FILE)
    normal = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    change(bundle, model=config, files={}, input=normal, features=dict(pooled=1024))
    tagger = Tagger.load(bundle, "torch", "cpu")
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    x = torch.from_numpy(photo).permute(2, 0, 1)[None]/255
    x = (x - torch.tensor(normal["mean"]).view(3, 1, 1))/torch.tensor(normal["std"]).view(3, 1, 1)
    with torch.no_grad(): np.testing.assert_allclose(tagger.embed(photo), net.embed(x)[0].numpy(), atol=1e-4)
    assert tagger.predict(photo)["type"]["value"] in schema["type"].values
    huge = ["Linear", dict(in_features=10**9, out_features=8, bias=True)]
    for wrong in (dict(head=[huge]), dict(head=[["os.system", {}]]), dict(arch="hf-hub:x/y"), dict(pretrained=True)):
        change(bundle, model=config | wrong)
        refused(bundle, ["torch"])
