"""One tagger shared by threads, or by processes after fork and spawn.

Its answers are those of a tagger alone, and its memory does not grow."""
import multiprocessing, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from test_bundles import good  # noqa: F401, a fixture

PREDICTIONS = int(os.environ.get("FASHION_TAGGER_PREDICTIONS", 800))  # 10,000 in the long form
MODULES = dict(onnx="onnxruntime", openvino="openvino")
backends = pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])


def photos(n=16): return list(np.random.default_rng(0).integers(0, 256, (n, 64, 64, 3), dtype=np.uint8))


def answers(tagger, pictures):
    "Probabilities as one array, a row per photo"
    rows = []
    for row in tagger.stream(pictures):
        if isinstance(row, (tuple, list)): row = np.concatenate([np.atleast_1d(v) for v in row])
        rows.append(row)
    return np.stack(rows)


def load(bundle, backend):
    if backend in MODULES: pytest.importorskip(MODULES[backend])
    from fashion_tagger.inference import Tagger
    return Tagger.load(bundle, backend, precision="f32" if backend == "openvino" else None)


def resident():
    "The memory that this process holds, in MB"
    with open("/proc/self/statm") as f: return int(f.read().split()[1])*os.sysconf("SC_PAGE_SIZE")/1e6


@backends
def test_threads(good, backend):  # noqa: F811
    tagger, pictures = load(good, backend), photos()
    alone = answers(tagger, pictures)
    rounds = max(PREDICTIONS//len(pictures)//2, 8)
    def difference(_): return np.abs(answers(tagger, pictures) - alone).max()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(difference, range(rounds)))
        before = resident() if sys.platform == "linux" else 0
        differences = list(pool.map(difference, range(rounds)))
    assert max(differences) < 1e-5
    if sys.platform == "linux": assert resident() - before < 50


@backends
def test_same_answers(good, backend):  # noqa: F811
    "Runs and loads repeat to the last bit; the order of photos, and their neighbours in a batch, only change rounding"
    pictures, order = photos(50), np.random.default_rng(1).permutation(50)
    tagger = load(good, backend)
    first = answers(tagger, pictures)
    assert (answers(tagger, pictures) == first).all()
    assert (answers(load(good, backend), pictures) == first).all()
    shuffled = answers(tagger, [pictures[i] for i in order])
    assert np.abs(shuffled - first[order]).max() < 1e-5
    one_by_one = np.stack([next(tagger.stream([p])) for p in pictures])
    assert np.abs(one_by_one - first).max() < 1e-5


def test_same_file(good, tmp_path):  # noqa: F811
    from fashion_tagger.bulk import tag_to_file
    for i, p in enumerate(photos(30)): Image.fromarray(p).save(tmp_path/f"{i:02}.png")
    for name in ("one.csv", "other.csv"): tag_to_file(good, tmp_path, tmp_path/name)
    assert (tmp_path/"one.csv").read_bytes() == (tmp_path/"other.csv").read_bytes()


def engines(): return ["torch", *(backend for backend, module in MODULES.items() if find_spec(module))]


def work_in_process(bundle, pipe): pipe.send({b: answers(load(bundle, b), photos()) for b in engines()})


def several_processes(bundle, method):
    "Several at once; this process has imported PyTorch but not computed, since it must not be forked once it has"
    context, running = multiprocessing.get_context(method), []
    if method == "fork":
        for module in ("timm", *MODULES.values()):
            if find_spec(module): import_module(module)
    for _ in range(4 if method == "fork" else 2):  # after spawn, each imports everything anew
        ours, theirs = context.Pipe(False)
        child = context.Process(target=work_in_process, args=(bundle, theirs), daemon=True)
        child.start()
        running.append(ours)
    got = [pipe.recv() if pipe.poll(120) else None for pipe in running]
    assert all(g is not None for g in got), "a process gave no answer"
    for b in engines():
        alone = answers(load(bundle, b), photos())
        assert max(np.abs(g[b] - alone).max() for g in got) < 1e-5, b


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(good, method):  # noqa: F811
    if method not in multiprocessing.get_all_start_methods(): pytest.skip(f"no {method} on this system")
    run = subprocess.run([sys.executable, __file__, str(good), method], capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-2000:]


if __name__ == "__main__": several_processes(*sys.argv[1:])
