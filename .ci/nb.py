"""One change of one notebook, from export to its page: what `make nb NB=25_metrics` runs.

    python .ci/nb.py NOTEBOOK...

Exports all modules, runs the notebook from top to bottom and keeps its outputs, cleans it, runs the tests of its
module in tests/, and builds the docs. It stops at the first thing that fails."""
import os, re, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
tools = Path(sys.executable).parent


def run(*command, cwd=root):
    print("$", *(str(c).removeprefix(f"{tools}/") for c in command), flush=True)
    status = subprocess.run(command, cwd=cwd).returncode
    if status: sys.exit(status)


def found(name):
    "The notebook of a name such as 25_metrics, metrics, or nbs/25_metrics.ipynb"
    wanted = Path(name).stem
    for file in sorted(root.glob("nbs/**/*.ipynb")):
        if wanted in (file.stem, re.sub(r"^\d+_", "", file.stem)): return file
    sys.exit(f"there is no notebook {name!r} in nbs")


def changed(file):
    run(tools/"nbdev-export")
    run(tools/"jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", file, cwd=file.parent)
    run(tools/"nbdev-clean", "--fname", file)
    tests = root/f"tests/test_{re.sub(r'^[0-9]+_', '', file.stem)}.py"
    if tests.exists(): run(sys.executable, "-m", "pytest", "-q", tests)


def main():
    if len(sys.argv) < 2: sys.exit("say which notebook: make nb NB=25_metrics")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    files = [found(name) for name in sys.argv[1:]]
    for file in files: changed(file)
    run(sys.executable, root/".ci/docs.py")
    for file in files:
        page = (root/"_docs"/file.relative_to(root/"nbs")).with_name(re.sub(r"^\d+_", "", file.stem) + ".html")
        print(f"file://{page}")


if __name__ == "__main__": main()
