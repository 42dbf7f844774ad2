"One tagger shared by threads, and by processes after fork and spawn, answers as alone and does not grow"
import multiprocessing, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

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


def work_in_process(bundle, backend, pipe): pipe.send(answers(load(bundle, backend), photos()))


def four_processes(bundle, backend, method):
    "Four at once, of a process that has not begun to compute: one that has must not be forked, as PyTorch's documentation says"
    context, running = multiprocessing.get_context(method), []
    for _ in range(4):
        ours, theirs = context.Pipe(False)
        child = context.Process(target=work_in_process, args=(bundle, backend, theirs), daemon=True)
        child.start()
        running.append(ours)
    got = [pipe.recv() if pipe.poll(90) else None for pipe in running]
    assert all(g is not None for g in got), "a process gave no answer"
    alone = answers(load(bundle, backend), photos())
    assert max(np.abs(g - alone).max() for g in got) < 1e-5


@pytest.mark.parametrize("method", ["fork", "spawn"])
@backends
def test_processes(good, backend, method):  # noqa: F811
    if method not in multiprocessing.get_all_start_methods(): pytest.skip(f"no {method} on this system")
    run = subprocess.run([sys.executable, __file__, str(good), backend, method], capture_output=True, text=True, timeout=150)
    assert run.returncode == 0, run.stderr[-2000:]


if __name__ == "__main__": four_processes(*sys.argv[1:])
