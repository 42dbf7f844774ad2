"""Run every command and every Python block that README and the pages of the docs show.

They run on drawn clothes, in files of the names that they use. The blocks of notebooks are cells, which nbdev-test
runs; README's Python comes from the notebook `index`."""
import json, os, re, shlex, shutil, sys
from pathlib import Path

import pandas as pd
import pytest

root = Path(__file__).resolve().parents[1]
ELSEWHERE = {  # lines that something else runs
    "fashion-tagger serve demo/bundle": "tests/test_service.py, since it does not end",
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "pip install .": "the check `package` of .ci/run",
}
PAGES = [root/"README.md", *sorted((root/"nbs").glob("*.qmd"))]


def blocks():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for i, m in enumerate(re.finditer(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)):
            runs = m[1] == "sh" or (m[1] == "python" and page.suffix == ".qmd")
            if runs: yield pytest.param(m[1], m[2], id=f"{page.name}-{i}")


def write_tables(table, home):
    "labels.csv and more.csv with tags as words, marks.csv, with tags as words"
    files = [os.path.relpath(f, home/"photos") for f in table["image"]]
    labels = table.assign(image=files, tags=[" ".join(tags) for tags in table["tags"]])
    labels[["image", "type", "colour", "tags", "split"]].to_csv(home/"labels.csv", index=False)
    labels[labels["split"] == "valid"].drop(columns="split").to_csv(home/"more.csv", index=False)
    marks = pd.DataFrame(dict(file=labels["image"], type=labels["type"], words=labels["tags"]))
    marks.to_csv(home/"marks.csv", index=False)


def write_export(table, home):
    "export.json, as Label Studio writes what people chose"
    tasks = []
    for i, (file, word) in enumerate(zip(table["image"], table["type"])):
        result = [dict(from_name="type", to_name="image", type="choices", value=dict(choices=[word]))]
        tasks.append(dict(id=i, data=dict(image=f"/data/local-files/?d={os.path.relpath(file, home/'photos')}"),
                          annotations=[dict(result=result)]))
    (home/"export.json").write_text(json.dumps(tasks))


def write_outfits(table, home):
    "items.csv, and outfits.csv of random ones"
    files = [os.path.relpath(f, home/"photos") for f in table["image"]]
    table.assign(image=files, item=range(len(table)))[["image", "item", "type"]].to_csv(home/"items.csv", index=False)
    drawn = [(k, item) for k in range(60) for item in table.sample(3, random_state=k).index]
    pd.DataFrame(drawn, columns=["outfit", "item"]).to_csv(home/"outfits.csv", index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "The files that blocks use: tables, styles.csv with images, photos in several folders, outfits"
    from fashion_tagger.layouts import write_layout
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("blocks")
    table = sample_wardrobe(home/"photos", n=100, size=(96, 80), seed=0).table
    write_tables(table, home)
    write_layout(table, "fashion_products", home)
    styles = pd.read_csv(home/"styles.csv")
    styles.assign(gender=["Men", "Women"]*(len(styles)//2)).to_csv(home/"styles.csv", index=False)
    shutil.copy(home/"styles.csv", home/"aside.csv")
    shutil.copytree(home/"images", home/"aside")
    write_layout(table, "folders", home/"photos_in_folders")
    for name in ("new_photos", "my_photos"): sample_wardrobe(home/name, n=8, seed=1)
    write_outfits(table, home)
    write_export(table, home)
    shutil.copy(table["image"][0], home/"mine.jpg")
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
