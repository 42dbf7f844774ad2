"One order everywhere: notebooks import only from smaller numbers, and every list is made from nbs/contents.yml"
import re
import subprocess
import sys
from pathlib import Path

import yaml

root = Path(__file__).resolve().parents[1]
groups = yaml.safe_load((root/"nbs/contents.yml").read_text(encoding="utf-8"))
listed = [nb["file"] for group in groups for nb in group["notebooks"]]
number = {re.sub(r"^\d+_", "", file): int(file[:2]) for file in listed if "/" not in file}


def test_every_notebook_is_listed_once():
    there = {str(f.relative_to(root/"nbs").with_suffix("")) for f in root.glob("nbs/**/*.ipynb") if "checkpoints" not in str(f)}
    assert there - {"index"} == set(listed)
    assert len(listed) == len(set(listed))


def test_numbers_are_unique_and_their_tens_digit_is_the_group():
    assert len(number.values()) == len(set(number.values()))
    for group in groups:
        tens = {file[0] for file in (nb["file"] for nb in group["notebooks"]) if "/" not in file}
        assert len(tens) <= 1, f"{group['title']} has numbers of several groups"


def test_numbers_go_up():
    assert list(number.values()) == sorted(number.values())


def test_modules_import_from_smaller_numbers_only():
    upward = []
    for module, n in number.items():
        source = (root/f"fashion_tagger/{module}.py").read_text(encoding="utf-8")
        imported = set(re.findall(r"^\s*(?:from|import) (?:fashion_tagger)?\.(\w+)", source, re.M))
        for names in re.findall(r"^\s*from (?:fashion_tagger|\.) import ([\w, ]+)", source, re.M): imported |= set(re.split(r", *", names))
        upward += [f"{module} imports {other}" for other in imported & number.keys() if number[other] >= n]
    assert not upward


def test_no_private_name_crosses_modules():
    crossing = []
    for file in root.glob("fashion_tagger/*.py"):
        for line in re.findall(r"^\s*from (?:fashion_tagger)?\.\w+ import (?:\([^)]*\)|.*)$", file.read_text(encoding="utf-8"), re.M):
            if re.search(r"[ (,]_\w+", line): crossing.append(f"{file.name}: {' '.join(line.split())}")
    assert not crossing


def test_sidebar_table_and_all_are_made_from_the_list():
    run = subprocess.run([sys.executable, root/".ci/order.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
