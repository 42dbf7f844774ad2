"Engines and the stream of photos through them"
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from fashion_tagger.engines import BACKENDS, OnnxEngine, TorchEngine, fastest, stream_photos
from fashion_tagger.schema import InputError

photos = [np.full((8, 8, 3), i, np.uint8) for i in range(40)]


def load(photo):
    if isinstance(photo, bytes): raise InputError("no photo")
    return photo


@pytest.fixture(scope="module")
def engine(): return TorchEngine(lambda x: (x.float().mean((1, 2)),), "cpu")


def test_all_rows_in_order(engine):
    assert [row[0][0] for row in stream_photos(engine, photos, load)] == list(range(40))


def test_errors_stand_in_their_places(engine):
    out = list(stream_photos(engine, [photos[0], b"", b"", *photos[1:20]], load, bs=4))
    assert [isinstance(o, InputError) for o in out] == [False, True, True] + [False]*19
    assert out[3][0][0] == 1
    assert all(isinstance(o, InputError) for o in stream_photos(engine, [b""]*100, load, bs=4))
    assert list(stream_photos(engine, [], load)) == []


def test_endless(engine):
    taken = []
    def endless():
        while True:
            taken.append(1)
            yield photos[0]
    stream = stream_photos(engine, endless(), load, bs=8, threads=2)
    for _ in range(20): next(stream)
    stream.close()
    assert len(taken) < 100


def test_fastest():
    assert fastest() in BACKENDS
    assert fastest("cuda:0") == "torch"


@pytest.fixture
def onnx_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    h, kind = onnx.helper, onnx.TensorProto
    cast = h.make_node("Cast", ["pixels"], ["numbers"], to=kind.FLOAT)
    inputs = [h.make_tensor_value_info("pixels", kind.UINT8, ["bs", 8, 8, 3])]
    outputs = [h.make_tensor_value_info("numbers", kind.FLOAT, ["bs", 8, 8, 3])]
    graph = h.make_graph([cast], "cast", inputs, outputs)
    model = h.make_model(graph, ir_version=10, opset_imports=[h.make_opsetid("", 18)])
    onnx.save(model, tmp_path/"cast.onnx")
    return tmp_path/"cast.onnx"


@pytest.mark.skipif(not find_spec("onnxruntime"), reason="needs ONNX Runtime")
def test_onnx_threads(onnx_file, monkeypatch):
    monkeypatch.setenv("FASHION_TAGGER_THREADS", "3")
    engine = OnnxEngine(onnx_file, ["numbers"])
    options = engine.session.get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert OnnxEngine(onnx_file, ["numbers"], threads=1).session.get_session_options().intra_op_num_threads == 1
    assert (engine.start(np.stack(photos))()[0] == np.stack(photos)).all()


@pytest.mark.skipif(not find_spec("openvino") or os.cpu_count() < 2, reason="needs OpenVINO")
@pytest.mark.parametrize("threads", [1, 2])
def test_openvino_threads(onnx_file, threads):
    from fashion_tagger.engines import OpenVinoEngine
    engine = OpenVinoEngine(onnx_file, ["numbers"], "f32", threads)
    assert engine.model.get_property("INFERENCE_NUM_THREADS") == threads
    waits = [engine.start(np.stack([p])) for p in photos]
    assert [w()[0].flat[0] for w in waits] == list(range(40))


@pytest.mark.parametrize("given, expected", [
    (dict(FASHION_TAGGER_THREADS="1"), "1 PASSIVE"),
    (dict(FASHION_TAGGER_THREADS="1", OMP_NUM_THREADS="2", OMP_WAIT_POLICY="ACTIVE"), "2 ACTIVE")])
def test_torch_threads(given, expected):
    code = ("import os, fashion_tagger.engines as e, torch; e.limit_torch_threads();"
            "print(torch.get_num_threads(), os.environ['OMP_WAIT_POLICY'])")
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")} | given
    r = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert r.stdout.strip() == expected
