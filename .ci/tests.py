"""Run every notebook and every file of tests, each in a process of its own, and say which passed.

    python .ci/tests.py [FILE ...]

One nbdev-test over all notebooks would run several of them in one process, where an import that one forgot is
there from another, and a killed process takes every result with it."""
import os, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from nbdev.doclinks import nbglob

root = Path(__file__).resolve().parents[1]
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
workers = min(cores, 4)


def environment(cache):
    "Threads shared out between the workers, paths that hold in every folder, and decoded photos that go when the tests have run"
    env = dict(os.environ, OMP_NUM_THREADS=str(cores//workers), FASHION_TAGGER_CACHE=cache)
    if env.get("FASHION_TAGGER_DATA"): env["FASHION_TAGGER_DATA"] = os.path.abspath(env["FASHION_TAGGER_DATA"])
    return env


def everything():
    "The long ones first, so that no worker waits long for the last"
    nbs = sorted(nbglob(root/"nbs", as_path=True), reverse=True)
    return [*(nb for nb in nbs if nb.parent.name == "tutorials"), *sorted(root.glob("tests/test_*.py")), *(nb for nb in nbs if nb.parent.name != "tutorials")]


def test(file, env):
    "Exit status, output and seconds of one file's run"
    start, tools = time.monotonic(), Path(sys.executable).parent
    cmd = [tools/"nbdev-test", file] if file.suffix == ".ipynb" else [sys.executable, "-m", "pytest", "-q", "-rs", file]
    run = subprocess.run(cmd, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace")
    return run.returncode, run.stdout, time.monotonic() - start


def main():
    if not os.environ.get("FASHION_TAGGER_DATA"): print("FASHION_TAGGER_DATA is not set: tests on real photos are skipped")
    files, failed = [Path(f).resolve() for f in sys.argv[1:]] or everything(), []
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(workers) as pool:
        runs = {pool.submit(test, f, environment(cache)): f.relative_to(root) for f in files}
        for run in as_completed(runs):
            (status, output, seconds), file = run.result(), runs[run]
            if status: failed.append(str(file)); print(f"{output.rstrip()}\nexit status {status}")
            print(f"{'FAILED' if status else 'passed'} {file} ({seconds:.0f} s)", flush=True)
            for line in output.splitlines() if not status else ():
                if line.startswith("SKIPPED"): print(f"  {line}", flush=True)
    print(f"notebooks and tests: {len(files) - len(failed)} passed, {len(failed)} failed", *failed, sep="\n  ")
    if not any(f.suffix == ".ipynb" for f in files) and len(sys.argv) < 2: sys.exit("there is no notebook in nbs")
    sys.exit(bool(failed))


if __name__ == "__main__": main()
