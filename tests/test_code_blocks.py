"""Every command and every Python block that README and the docs' pages show is run, on drawn clothes in files of the names that they use.

Blocks of notebooks are cells, which nbdev-test runs; README's Python is that of the notebook `index`."""
import os, re, shlex, sys
from pathlib import Path

import pandas as pd
import pytest

root = Path(__file__).resolve().parents[1]
ELSEWHERE = {"make demo": ".ci/run", "make test": ".ci/run", "pip install .": "the check `package` of .ci/run"}  # lines that are run there
PAGES = [root/"README.md", *sorted((root/"nbs").glob("*.qmd"))]


def blocks():
    for page in PAGES:
        for i, m in enumerate(re.finditer(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)):
            if m[1] == "sh" or m[1] == "python" and page.suffix == ".qmd": yield pytest.param(m[1], m[2], id=f"{page.name}-{i}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "What the blocks find: labels.csv and photos, more.csv, styles.csv and images, marks.csv, photos_in_folders, new_photos"
    from fashion_tagger.formats import write_layout
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("blocks")
    table = sample_wardrobe(home/"photos", n=160, seed=0).table
    names = table.assign(image=[os.path.relpath(f, home/"photos") for f in table["image"]], tags=[" ".join(t) for t in table["tags"]])
    names[["image", "type", "colour", "tags", "split"]].to_csv(home/"labels.csv", index=False)
    names[names["split"] == "valid"].drop(columns="split").to_csv(home/"more.csv", index=False)
    tags = [set(t) for t in table["tags"]]
    pd.DataFrame(dict(file=names["image"], type=names["type"], **{t: [int(t in s) for s in tags] for t in ("striped", "dotted", "long")})).to_csv(home/"marks.csv", index=False)
    write_layout(table, "fashion_products", home)
    styles = pd.read_csv(home/"styles.csv")
    styles.assign(gender=["Men", "Women"]*(len(styles)//2)).to_csv(home/"styles.csv", index=False)
    write_layout(table, "folders", home/"photos_in_folders")
    sample_wardrobe(home/"new_photos", n=8, seed=1)
    return home


def shell(text, monkeypatch):
    "Run the lines of a shell block, each fashion-tagger in this process"
    from fashion_tagger.cli import main
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words or " ".join(words) in ELSEWHERE: continue
        assert words[0] == "fashion-tagger", f"{line}: nothing runs this line"
        monkeypatch.setattr(sys, "argv", words)
        try: main()
        except SystemExit as e: assert not e.code, line


@pytest.mark.parametrize("language, text", [*blocks()])
def test_block(language, text, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FASHION_TAGGER_CACHE", str(folder/"cache"))
    if language == "python": exec(compile(text, "block", "exec"), {})
    else: shell(text, monkeypatch)


def test_there_are_blocks(): assert len([*blocks()]) >= 5
