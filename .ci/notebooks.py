"""Run nbdev-test on every notebook, each in a process of its own, and say which passed.

One nbdev-test over all of them would run several notebooks in one process, where an import that one forgot is
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


def test(nb, env):
    "Exit status, output and seconds of one notebook's run"
    start = time.monotonic()
    cmd = [Path(sys.executable).parent/"nbdev-test", nb]
    run = subprocess.run(cmd, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace")
    return run.returncode, run.stdout, time.monotonic() - start


def main():
    if not os.environ.get("FASHION_TAGGER_DATA"): print("FASHION_TAGGER_DATA is not set: tests on real photos are skipped")
    nbs, failed = sorted(nbglob(root/"nbs", as_path=True)), []
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(workers) as pool:
        runs = {pool.submit(test, nb, environment(cache)): nb.relative_to(root) for nb in nbs}
        for run in as_completed(runs):
            (status, output, seconds), nb = run.result(), runs[run]
            if status: failed.append(nb); print(f"{output.rstrip()}\nexit status {status}")
            print(f"{'FAILED' if status else 'passed'} {nb} ({seconds:.0f} s)", flush=True)
    print(f"notebooks: {len(nbs) - len(failed)} passed, {len(failed)} failed", *failed, sep="\n  ")
    if not nbs: sys.exit("there is no notebook in nbs")
    sys.exit(bool(failed))


if __name__ == "__main__": main()
