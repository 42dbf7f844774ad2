"One order everywhere: notebooks import only from smaller numbers, and nbs/contents.yml generates every list"
import re, subprocess, sys
from pathlib import Path

import yaml

root = Path(__file__).resolve().parents[1]
groups = yaml.safe_load((root/"nbs/contents.yml").read_text(encoding="utf-8"))
listed = [nb["file"] for group in groups for nb in group["notebooks"]]
library = [file for file in listed if "/" not in file]
number = {re.sub(r"^\d+_", "", file): int(file[:2]) for file in library}
IMPORT = re.compile(r"^\s*(?:from|import) (?:fashion_tagger)?\.(\w+)", re.M)
IMPORT_FROM_PACKAGE = re.compile(r"^\s*from (?:fashion_tagger|\.) import ([\w, ]+)", re.M)
IMPORTED_NAMES = re.compile(r"^\s*from (?:fashion_tagger)?\.\w+ import (?:\([^)]*\)|.*)$", re.M)


def test_every_notebook_is_listed_once():
    found = {f.relative_to(root/"nbs") for f in root.glob("nbs/**/*.ipynb") if "checkpoints" not in str(f)}
    names = {str(f.with_suffix("")) for f in found}
    assert names - {"index"} == set(listed)
    assert len(listed) == len(set(listed))


def test_numbers_are_unique_and_their_tens_digit_is_the_group():
    assert len(number.values()) == len(set(number.values()))
    for group in groups:
        tens = {nb["file"][0] for nb in group["notebooks"] if nb["file"] in library}
        assert len(tens) <= 1, f"{group['title']} has numbers of several groups"


def test_numbers_go_up():
    assert list(number.values()) == sorted(number.values())


def imported_modules(source):
    modules = set(IMPORT.findall(source))
    for names in IMPORT_FROM_PACKAGE.findall(source): modules |= set(re.split(r", *", names))
    return modules & number.keys()


def test_modules_import_from_smaller_numbers_only():
    upward = []
    for module, n in number.items():
        source = (root/f"fashion_tagger/{module}.py").read_text(encoding="utf-8")
        upward += [f"{module} imports {other}" for other in imported_modules(source) if number[other] >= n]
    assert not upward


def test_cells_import_from_smaller_numbers_only():
    upward = []
    for module, n in number.items():
        notebook = next(root.glob(f"nbs/[0-9][0-9]_{module}.ipynb")).read_text(encoding="utf-8")
        imported = set(re.findall(r"(?:from|import) fashion_tagger\.(\w+)", notebook))
        upward += [f"{module} imports {other}" for other in imported & number.keys() if number[other] > n]
    assert not upward


def test_no_private_name_crosses_modules():
    crossing = []
    for file in root.glob("fashion_tagger/*.py"):
        for line in IMPORTED_NAMES.findall(file.read_text(encoding="utf-8")):
            if re.search(r"[ (,]_\w+", line): crossing.append(f"{file.name}: {' '.join(line.split())}")
    assert not crossing


def test_sidebar_table_and_all_are_made_from_the_list():
    run = subprocess.run([sys.executable, root/".ci/order.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
