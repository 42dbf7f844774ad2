"""The command: mistakes are one line with exit status 2, pipes end quietly, every table format has the same rows"""
import json, os, subprocess, sys, warnings

import pytest

COMMAND = [sys.executable, "-c", "from fashion_tagger.cli import script; script()"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    "A folder with a drawn wardrobe, a bundle, and files that are no photos"
    from fashion_tagger.drawing import draw_garment
    from fashion_tagger.recipes import train_bundle
    from fashion_tagger.samples import sample_wardrobe
    import pandas as pd
    home = tmp_path_factory.mktemp("home")
    table = sample_wardrobe(home/"clothes", n=120, seed=5).table[["image", "type", "colour", "split"]]
    train_bundle(table, home/"bundle", size=(64, 64), epochs=2, cache=False)
    draw_garment("dress", "black", seed=1).save(home/"black dress.png")
    (home/"cut.jpg").write_bytes(b"no photo")
    (home/"empty").mkdir()
    (home/"taken.csv").write_text("image\n")
    labels = pd.read_csv(home/"clothes/labels.csv", dtype=str)
    photo = (home/"clothes/images"/labels["image"][3]).read_bytes()
    (home/"clothes/images/half.jpg").write_bytes(photo[:len(photo)//2])
    for name, row in dict(gone=7, half=3).items():
        images = labels["image"].where(labels.index != row, f"{name}.jpg")
        labels.assign(image=images).to_csv(home/f"{name}.csv", index=False)
    return home


def shell(home, *args):
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, cwd=home)


@pytest.fixture
def run(home, monkeypatch, capsys):
    "The command in this process; exit status and standard error"
    from fashion_tagger.cli import main
    monkeypatch.chdir(home)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["fashion-tagger", *map(str, args)])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # which main replaces
        try: main()
        except SystemExit as e: return e.code or 0, capsys.readouterr().err
        return 0, capsys.readouterr().err
    return run


def error_of(status, err):
    "The line of a mistake, which is the last one and the only one"
    lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
    assert status == 2 and "Traceback" not in err
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:], err
    return lines[-1]


TO = "--images", "clothes/images", "--out", "b"
TYPES = "clothes/labels.csv", *TO, "--attributes", "type"
FULL = "clothes/labels.csv", "--images", "clothes/images", "--out", "clothes/images", "--attributes", "type"
AUDIT = "audit", "clothes/labels.csv", "--images", "clothes/images"
REPORT = "report", "bundle", "clothes/labels.csv", "--images", "clothes/images"
MISTAKES = {
    ("train", "clothes/labels.csv", *TO, "--attributes", "typ"): "'typ'",
    ("train", "clothes/labels.csv", *TO): "error",
    ("train", *TYPES, "--arch", "resnet_18"): "resnet18",
    ("train", "empty", "--out", "b"): "empty",
    ("train", "labels.csv", *TO): "labels.csv does not exist",
    ("train", *TYPES, "--size", "big"): "such as 160x128",
    ("train", *TYPES, "--size", "100000x100000"): "from 32x32 to 1024x1024",
    ("train", *TYPES, "--augment", "wild"): "unknown augmentation 'wild'",
    ("train", *TYPES, "--size", "64x64", "--seconds", 60): "--seconds chooses body, size",
    ("train", *TYPES, "--resume", "--seconds", 60): "--resume goes on with one training",
    ("train", *TYPES, "--freeze-epochs", 0): "nothing to train",
    ("train", *TYPES, "--no-pretrained"): "without pretrained weights",
    ("train", *FULL): "holds other things",
    ("train", *TYPES, "--out", "b.csv"): "give a name without .csv",
    ("train", *TYPES, "--more", "bundle/labels.csv"): "bundle/labels.csv does not exist",
    ("train", *TYPES, "--json", "no/such/folder/m.json"): "there is no folder no/such/folder",
    ("train", *TYPES, "--decisions", "clothes/labels.csv"): "there is no column",
    (*REPORT, "--out", "report.pdf"): "the ending must be .html",
    (*REPORT, "--out", "r.html", "--folds", "1"): "give 2 or more",
    (*REPORT, "--out", "r.html", "--part", "test"): "test",
    ("evaluate", "empty", "clothes/labels.csv"): "not a bundle",
    (*AUDIT, "--out", "audit.txt"): "the ending must be .csv or .html",
    ("tag", "bundle", "empty"): "empty",
    ("tag", "bundle/tagger.json", "cut.jpg"): "it is a file of one; give the folder, bundle",
    ("tag", "nosuch", "cut.jpg"): "there is no such folder; give the one that train wrote",
    ("tag", "bundle", "cut.jpg", "--sure", "80"): "a probability from 0 to below 1",
    ("tag", "bundle", "clothes/labels.csv", "--images", "empty", "--out", "lost.csv"): "none of its photos is there",
    ("tag", "bundle", "clothes/labels.csv", "--images", "clothes/images", "--group", "type", "--excel",
     "--out", "tags.jsonl"): "--excel marks a .csv file",
    ("tag", "bundle", "nosuch"): "nosuch: there is no such file or folder",
    ("tag", "bundle", "*.webp"): "no file matches",
    ("tag", "bundle", "black dress.png", "--out", "tags.xls"): "the ending must be",
    ("tag", "bundle", "cut.jpg", "--out", "unreadable.csv"): "no photo could be read",
    ("tag", "bundle", "black dress.png", "--out", "taken.csv"): "--overwrite",
    ("tag", "bundle", "black dress.png", "--out", "no/tags.csv"): "there is no folder no",
    ("tag", "bundle", "black dress.png", "--images", "clothes/images"): "there is no table among",
}


@pytest.mark.parametrize("args", MISTAKES, ids=lambda args: " ".join(map(str, args))[:70])
def test_mistakes(run, home, args):
    assert MISTAKES[args] in error_of(*run(*args))
    assert not (home/"b").exists()


def test_some_targets(run, home):
    "A table need not have all targets of a bundle, and may write them in other capitals"
    import pandas as pd
    labels = pd.read_csv(home/"clothes/labels.csv", dtype=str)
    types = labels[["image", "type", "split"]].assign(PRODUCT=labels["type"] + labels["colour"])
    types.rename(columns=dict(type="TYPE")).to_csv(home/"types.csv", index=False)
    args = "bundle", "types.csv", "--images", "clothes/images", "--group", "product"
    status, err = run("evaluate", *args, "--json", "types.json")
    scores = json.loads((home/"types.json").read_text())["targets"]
    assert status == 0 and "says nothing of colour, which is not scored" in err
    assert scores["type"]["labels"] == types[types["split"] == "valid"]["PRODUCT"].nunique()
    assert not scores["colour"]["labels"]
    types.assign(type=types["type"].str.title()).to_csv(home/"types.csv", index=False)
    status, err = run("evaluate", *args, "--part", "train")
    assert status == 0 and "type: written as the bundle has it, " in err
    assert "the bundle was trained on" in err  # by the labels of one target, in the bundle's capitals
    assert run("report", *args, "--out", "types.html", "--folds", "0")[0] == 0
    page = (home/"types.html").read_text()
    assert "Scores by product" in page and "Accuracy of type against coverage" in page


def test_groups(run, home):
    "A column that cannot be one of products is an error, or draws a warning"
    import pandas as pd
    labels = pd.read_csv(home/"clothes/labels.csv", dtype=str)
    labels.assign(one="7", each=range(120)).drop(columns="split").to_csv(home/"groups.csv", index=False)
    args = "groups.csv", "--images", "clothes/images"
    evaluate, train = ("evaluate", "bundle", *args), ("train", *args, "--attributes", "type", "--out", "b")
    assert "'type' is a label" in error_of(*run(*evaluate, "--group", "Type"))
    assert "'type' is a label" in error_of(*run(*train, "--group", "type"))
    assert "all 120 rows are of one group, '7'" in error_of(*run(*train, "--group", "one"))
    assert "all rows have one 'one', '7'" in run(*evaluate, "--group", "one")[1]
    assert "no two rows share a 'each'" in run(*evaluate, "--group", "each")[1]


def test_other_capitals(run, home):
    "Decisions, and columns that are asked for, name what the bundle has in other capitals"
    import pandas as pd
    labels = pd.read_csv(home/"clothes/labels.csv", dtype=str)
    told = dict(target="TYPE", tag="", given=labels["type"][0].upper(), decision="drop", label="")
    pd.DataFrame([dict(image=labels["image"][0], **told)]).to_csv(home/"capitals.csv", index=False)
    args = "clothes/labels.csv", "--images", "clothes/images"
    assert "decision(s)" not in run("evaluate", "bundle", *args, "--decisions", "capitals.csv")[1]
    status, _ = run("train", *args, "--from", "bundle", "--attributes", "Type", "--freeze-epochs", 1, "--out", "loud")
    targets = json.loads((home/"loud/tagger.json").read_text())["schema"]["targets"]
    assert (status, [t["name"] for t in targets]) == (0, ["type", "colour"])


def test_further_tables(run, home):
    "Tables of --more are for training; corrections count by kind"
    import pandas as pd
    labels = pd.read_csv(home/"clothes/labels.csv", dtype=str)
    more = labels[labels["split"] == "train"][:12][["image", "type"]]
    rest = labels[~labels["image"].isin(more["image"])]
    rest[["image", "type", "split"]].to_csv(home/"rest.csv", index=False)
    more.assign(image=[f"clothes/images/{name}" for name in more["image"]]).to_csv(home/"next.csv", index=False)
    first = rest[rest["split"] == "train"].iloc[0]
    decisions = pd.DataFrame(dict(image=[first["image"], "gone.jpg"], target="type", tag="", given=first["type"],
                                  decision=["relabel", "drop"], label=["anorak", ""]))
    decisions.to_csv(home/"decided.csv", index=False)
    status, err = run("train", "rest.csv", "--images", "clothes/images", "--attributes", "type", "--more", "next.csv",
                      "--decisions", "decided.csv", "--out", "further", "--size", "64x64", "--freeze-epochs", 1)
    data = json.loads((home/"further/tagger.json").read_text())["data"]
    expected = sum(labels["split"] == "train"), sum(labels["split"] == "valid")
    assert (status, data["train"], data["valid"]) == (0, *expected)


@pytest.mark.parametrize("name", ["gone", "half"])
def test_bad_photo(home, name):
    "In a process of its own, with workers and whatever they print"
    r = shell(home, "train", f"{name}.csv", *TO, "--attributes", "type")
    assert f"{name}.jpg" in error_of(r.returncode, r.stderr)


OPTIONS = """--images --attributes --tags --split --group --arch --pretrained --size --method --seconds --epochs
--freeze-epochs --bs --workers --valid --seed --features --augment --views --resume --skip-unreadable --heads
--thresholds --class-weights --cache --decisions --tag-sep --image-column --missing --json --out""".split()


def test_help():
    from typer.testing import CliRunner
    from fashion_tagger.cli import app
    text = CliRunner().invoke(app, ["train", "--help"], env=dict(COLUMNS="200")).output
    assert [option for option in OPTIONS if option not in text] == []


def test_help_is_quick(home):
    code = "import sys; from fashion_tagger.cli import app; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_columns_of_0_and_1(run, home):
    "They are one tag set for training and for whatever reads the table afterwards; a stock list keeps its columns"
    import pandas as pd
    from fashion_tagger.inference import Tagger
    labels = pd.read_csv(home/"clothes/labels.csv", dtype=str)
    flags = {f" {c}": (labels["colour"] == c).astype(int) for c in ("black", "blue", "red")}
    table = pd.DataFrame(dict(filename=labels["image"], product_id=labels.index//2) | flags)
    table.to_csv(home/"flags.csv", index=False)
    images = "--images", "clothes/images"
    options = "--tags", "black,blue,red", "--size", "64x64", "--freeze-epochs", 2, "--class-weights"
    status, _ = run("train", "flags.csv", *images, "--out", "flags", *options, "--thresholds", "f1-per-tag")
    assert status == 0
    target, = Tagger.load(home/"flags").schema
    assert (target.name, target.tags) == ("tags", ("black", "blue", "red"))
    assert run("evaluate", "flags", "flags.csv", *images, "--json", "flags.json")[0] == 0
    assert json.loads((home/"flags.json").read_text())["targets"]["tags"]["labels"] == len(labels)
    assert run("audit", "flags.csv", *images, "--tags", "black,blue,red")[0] == 0
    assert run("tag", "flags", "flags.csv", *images, "--out", "flags_tags.csv", "--excel")[0] == 0
    tagged = pd.read_csv(home/"flags_tags.csv", dtype=str)
    assert [*tagged][:3] == ["image", "product_id", "black"]
    assert [*tagged["product_id"]] == [*map(str, table["product_id"])]


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_pipes(home):
    command = f"printf 'black dress.png\\n%.0s' $(seq 40) | {sys.executable} -c '{COMMAND[2]}' tag bundle - "
    def bash(into): return subprocess.run(["bash", "-c", command + into], capture_output=True, text=True, cwd=home)
    r = bash("| head -n 2")
    assert (len(r.stdout.splitlines()), r.stderr) == (2, "")
    if not os.path.exists("/dev/full"): return
    r = bash("> /dev/full")
    assert (r.returncode, r.stderr) == (2, "error: standard output: cannot be written (No space left on device)\n")


def test_skip_unreadable(run):
    args = "evaluate", "bundle", "half.csv", "--images", "clothes/images", "--part", "all"
    line = error_of(*run(*args))
    assert "half.jpg: not a readable image" in line and "--skip-unreadable" in line
    status, err = run(*args, "--skip-unreadable")
    assert status == 0 and "1 of 120 photos cannot be read and are left out" in err


def test_formats(run, home):
    pytest.importorskip("pyarrow")
    import pandas as pd
    for ending in ("csv", "jsonl", "parquet"):
        status, err = run("tag", "bundle", "black*.png", "--out", f"tags.{ending}")
        assert status == 0, err
    one = json.loads((home/"tags.jsonl").read_text())
    assert (one["image"], one["error"]) == ("black dress.png", None)
    assert pd.read_parquet(home/"tags.parquet")["type"].tolist() == [one["type"]]
    assert pd.read_csv(home/"tags.csv")["type"].tolist() == [one["type"]]


def test_group(home, run, monkeypatch):
    "Three photos of each product stay together, and the split that the command draws is said"
    import pandas as pd
    import fashion_tagger.recipes as recipes
    labels = pd.read_csv(home/"clothes/labels.csv").drop(columns="split")
    labels.assign(product=[f"p{i//3}" for i in range(len(labels))]).to_csv(home/"products.csv", index=False)
    seen = []
    monkeypatch.setattr(recipes, "train_bundle", lambda table, *_, **__: seen.append(table) or (None, {}))
    run("train", "products.csv", *TO, "--attributes", "type", "--group", "product")
    assert list(seen[0]["group"][:4]) == ["p0"]*3 + ["p1"]
