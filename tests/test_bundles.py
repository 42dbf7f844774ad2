"Nothing that a bundle holds is executed, and what is wrong with one is refused with a reason, in bounded time and memory"
import json, os, pickle, resource, shutil, subprocess, sys, time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fashion_tagger.inference import SETTINGS_FILE, WEIGHTS_FILE, Tagger, read_settings
from fashion_tagger.schema import InputError


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


def test_the_good_one(bundle): assert Tagger.load(bundle, "onnx").predict(np.zeros((64, 64, 3), np.uint8))["type"]["value"]


def test_planted_pickles(bundle, tmp_path):
    Planted.trace = tmp_path/"pwned"
    data = pickle.dumps(Planted())
    for name in ("model.pkl", "learner.pkl", "data.pkl", "model.pt", "__init__.py", "model.pth"): (bundle/name).write_bytes(data)
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


@pytest.mark.parametrize("changes", [dict(size=[10**9, 10**9]), dict(size=[-1, 5]), dict(size="big"), dict(size=[True, True]), dict(bundle_version=99), dict(bundle_version="1"), dict(method="eval"), dict(fill="__import__"), dict(thresholds={"tags": [float("nan")]}),
                                     dict(thresholds={"tags": 7}), dict(temperatures={"type": 0}), dict(temperatures={"type": float("nan")}), dict(schema={}), dict(schema={"targets": [{"kind": "os", "name": "x"}]}), dict(schema={"targets": 3}), dict(schema=None), dict(model={"arch": 5}), dict(model=[])])
def test_settings(bundle, changes):
    change(bundle, **changes)
    refused(bundle)


@pytest.mark.parametrize("model", [dict(arch="os.system"), dict(arch="../../x"), dict(hidden=10**12), dict(palette_bins=10**6), dict(heads=10**6), dict(pool=10**6), dict(body_kwargs=dict(pretrained=True)), dict(body_kwargs=dict(checkpoint_path="/etc/passwd")), dict(unknown=1), dict(stages=[99]), dict(arch="+".join(["tf_efficientnet_lite0"]*1000))])
def test_options_of_the_network(bundle, model):
    settings = json.loads((bundle/SETTINGS_FILE).read_text())
    change(bundle, model=settings["model"] | model)
    refused(bundle, ["torch"])


def test_ten_million_classes(bundle):
    change(bundle, schema={"targets": [{"kind": "attribute", "name": "type", "values": [str(i) for i in range(10_000_000)]}]})
    refused(bundle)


def test_deep_nesting(bundle):
    (bundle/SETTINGS_FILE).write_text('{"a":'*100_000 + "1" + "}"*100_000)
    refused(bundle)


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


def test_memory():
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 6e6  # kB, of all of the above in one process


def test_no_pickle_is_read_on_the_way_in():
    "A bundle is read without `pickle`, and without `torch.load`, in all modules that tagging imports"
    root = Path(__file__).resolve().parents[1]/"fashion_tagger"
    for name in ("inference", "bulk", "photos", "engines", "schema"):
        text = (root/f"{name}.py").read_text()
        assert "pickle" not in text and "torch.load" not in text and "allow_pickle=True" not in text


def test_settings_alone(bundle):
    "The command says it in one line"
    change(bundle, size=[0, 0])
    run = subprocess.run([sys.executable, "-c", "from fashion_tagger.cli import main; main()", "tag", bundle, bundle/"x.jpg"], capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("error: ") and "Traceback" not in run.stderr
    with pytest.raises(InputError): read_settings(bundle)
