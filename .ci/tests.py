"""Run every notebook and every test file, each in its own process, and say which passed.

    python .ci/tests.py [FILE ...]

A single nbdev-test would run several notebooks in one process: a missing import goes unnoticed if an earlier notebook
made it, and a killed process takes all results with it. Importing fastai takes several seconds, as long as many a
notebook, so the processes are forks of one that has imported it."""
import multiprocessing, os, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from nbdev.doclinks import nbglob

root = Path(__file__).resolve().parents[1]
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
workers = min(cores + 1, 4)  # one more than there are cores, since some tests wait for others


class Result(NamedTuple):
    status: int
    output: str
    seconds: float


def environment(cache, file):
    "Absolute paths, and a cache of decoded photos that the tests discard"
    env = dict(os.environ, FASHION_TAGGER_CACHE=cache)
    if not env.get("FASHION_TAGGER_DATA"): return env
    env["FASHION_TAGGER_DATA"] = os.path.abspath(env["FASHION_TAGGER_DATA"])
    # tutorials train for minutes on real photos; named on the command line, one does
    if file.parent.name == "tutorials" and len(sys.argv) < 2: del env["FASHION_TAGGER_DATA"]
    return env


def everything():
    "Every notebook and test file, the slow ones first, so that the workers finish together"
    nbs = sorted(nbglob(root/"nbs", as_path=True), reverse=True)
    tutorials = [nb for nb in nbs if nb.parent.name == "tutorials"]
    library = [nb for nb in nbs if nb.parent.name != "tutorials"]
    return tutorials + sorted(root.glob("tests/test_*.py")) + library


def run(file, env, out):
    "Run one file in this process, with its output in a file"
    os.environ.clear()
    os.environ.update(env)
    with open(out, "w") as log, open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
        for stream in (1, 2): os.dup2(log.fileno(), stream)
    os.chdir(root)
    sys.path.insert(0, str(root))
    if file.suffix == ".ipynb":
        from nbdev.test import nbdev_test
        sys.exit(nbdev_test(file))
    import pytest
    sys.exit(pytest.main(["-q", "-rs", str(file)]))


def test(file, env, forks):
    "Run one file in a process of its own"
    start = time.monotonic()
    with tempfile.NamedTemporaryFile("r", suffix=".log", errors="replace") as log:
        child = forks.Process(target=run, args=(file, env, log.name))
        child.start()
        child.join()
        return Result(child.exitcode, log.read(), time.monotonic() - start)


def report(name, result):
    "Print the output of a failed run, or what a passed one skipped"
    if result.status: print(f"{result.output.rstrip()}\nexit status {result.status}")
    print(f"{'FAILED' if result.status else 'passed'} {name} ({result.seconds:.0f} s)", flush=True)
    if result.status: return
    for line in result.output.splitlines():
        if line.startswith("SKIPPED"): print(f"  {line}", flush=True)


def main():
    if not os.environ.get("FASHION_TAGGER_DATA"):
        print("FASHION_TAGGER_DATA is not set: tests on real photos are skipped")
    files, failed = [Path(f).resolve() for f in sys.argv[1:]] or everything(), []
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ | dict(OMP_NUM_THREADS=str(max(cores//workers, 1)))
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["fastai.vision.all", "nbdev.test", "pytest"])
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(workers) as pool:
        runs = {pool.submit(test, f, environment(cache, f), forks): f.relative_to(root) for f in files}
        for run in as_completed(runs):
            report(runs[run], run.result())
            if run.result().status: failed.append(str(runs[run]))
    print(f"notebooks and tests: {len(files) - len(failed)} passed, {len(failed)} failed", *failed, sep="\n  ")
    if not any(f.suffix == ".ipynb" for f in files) and len(sys.argv) < 2: sys.exit("nbs holds no notebook")
    sys.exit(bool(failed))


if __name__ == "__main__": main()
