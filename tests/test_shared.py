"One tagger shared by threads, and by processes after fork and spawn, answers as alone and does not grow"
import multiprocessing, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from test_bundles import good  # noqa: F401, a fixture

PREDICTIONS = int(os.environ.get("FASHION_TAGGER_PREDICTIONS", 800))  # 10,000 in the long form
backends = pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])


def photos(n=16): return list(np.random.default_rng(0).integers(0, 256, (n, 64, 64, 3), dtype=np.uint8))


def answers(tagger, pictures): return np.stack([np.concatenate([np.atleast_1d(v) for v in row]) if isinstance(row, (tuple, list)) else row for row in tagger.stream(pictures)])


def load(bundle, backend):
    if backend != "torch": pytest.importorskip(dict(onnx="onnxruntime", openvino="openvino")[backend])
    from fashion_tagger.inference import Tagger
    return Tagger.load(bundle, backend, precision="f32" if backend == "openvino" else None)


def resident():
    with open("/proc/self/statm") as f: return int(f.read().split()[1])*os.sysconf("SC_PAGE_SIZE")/1e6


@backends
def test_threads(good, backend):  # noqa: F811
    tagger, pictures = load(good, backend), photos()
    alone, some = answers(tagger, pictures), len(photos())
    def work(_): return np.abs(answers(tagger, pictures) - alone).max()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(max(PREDICTIONS//some//2, 8))))
        before = resident() if sys.platform == "linux" else 0
        apart = list(pool.map(work, range(max(PREDICTIONS//some//2, 8))))
    assert max(apart) < 1e-5
    if sys.platform == "linux": assert resident() - before < 50


@backends
def test_same_answers(good, backend):  # noqa: F811
    "The same bits from run to run and from load to load; in another order, with other neighbours in a batch, the same but for rounding"
    pictures, order = photos(50), np.random.default_rng(1).permutation(50)
    tagger = load(good, backend)
    first = answers(tagger, pictures)
    for again in (tagger, load(good, backend)): assert (answers(again, pictures) == first).all()
    assert np.abs(answers(tagger, [pictures[i] for i in order]) - first[order]).max() < 1e-5
    assert np.abs(np.stack([next(tagger.stream([p])) for p in pictures]) - first).max() < 1e-5


def test_same_file(good, tmp_path):  # noqa: F811
    from fashion_tagger.bulk import tag_to_file
    for i, p in enumerate(photos(30)): Image.fromarray(p).save(tmp_path/f"{i:02}.png")
    for name in ("one.csv", "other.csv"): tag_to_file(good, tmp_path, tmp_path/name)
    assert (tmp_path/"one.csv").read_bytes() == (tmp_path/"other.csv").read_bytes()


def engines(): return ["torch"] + [b for b, module in (("onnx", "onnxruntime"), ("openvino", "openvino")) if find_spec(module)]


def work_in_process(bundle, pipe): pipe.send({b: answers(load(bundle, b), photos()) for b in engines()})


def four_processes(bundle, method):
    "Four at once, of a process that has not begun to compute: one that has must not be forked, as PyTorch's documentation says"
    context, running = multiprocessing.get_context(method), []
    for _ in range(4):
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


if __name__ == "__main__": four_processes(*sys.argv[1:])
