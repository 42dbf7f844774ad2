"An export of Label Studio becomes a bundle, which goes to a stand-in for the Hub and comes back"
import json, os, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]/"nbs/_pictures"))
from loopback_hub import loopback_hub


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    "A folder with drawn clothes, what annotators said of them, and the answers to 'what is it' that the command gives"
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("home")
    table = sample_wardrobe(home/"clothes", n=60, size=(96, 80), seed=5).table
    tasks = []
    for i, row in enumerate(table.to_dict("records")):
        words = dict(type=[row["type"]], tags=list(row["tags"] or ()))
        result = [dict(from_name=name, to_name="image", type="choices", value=dict(choices=said))
                  for name, said in words.items()]
        address = "/data/local-files/?d=" + os.path.relpath(row["image"], home)
        tasks.append(dict(id=i, data=dict(image=address), annotations=[dict(result=result)]))
    (home/"export.json").write_text(json.dumps(tasks))
    (home/"unfinished.json").write_text(json.dumps([dict(data=t["data"], predictions=[]) for t in tasks]))
    return home


@pytest.fixture
def run(home, monkeypatch, capsys):
    "The command in this process; its exit status, standard output and the last line of standard error"
    from fashion_tagger.cli import main
    monkeypatch.chdir(home)
    def run(*args):
        monkeypatch.setattr(sys, "argv", ["fashion-tagger", *map(str, args)])
        status = 0
        try: main()
        except SystemExit as e: status = e.code or 0
        out, err = capsys.readouterr()
        return status, out, (err.strip().splitlines() or [""])[-1]
    return run


@pytest.fixture
def bundle(home, run):
    "The bundle that `train` makes of the export"
    if not (home/"bundle").exists():
        status, out, said = run("train", "export.json", "--size", "64x64", "--freeze-epochs", 1, "--out", "bundle")
        assert status == 0, said
    return home/"bundle"


def test_commands_read_an_export(bundle, run):
    from fashion_tagger.inference import read_settings
    assert read_settings(bundle)["schema"].names == ["type", "tags"]
    for args in (["audit", "export.json", "--attributes", "type"], ["evaluate", "bundle", "export.json"]):
        status, out, said = run(*args)
        assert status == 0 and "60 " in out, (args, out, said)


@pytest.mark.parametrize("args, words", [
    (["audit", "unfinished.json"], "no task is annotated; export the project after labelling"),
    (["audit", "export.json", "--split", "part"], "an export has no columns; leave out split (--split)"),
    (["audit", "export.json", "--attributes", "tags"], "ask for it as tags (--tags tags)"),
    (["next", "bundle", "export.json", "--out", "next.csv"], "read it in Python with read_label_studio"),
    (["tag", "hf://nobody", "clothes"], "hf://nobody: not an address of the Hub"),
])
def test_mistakes_are_one_line(args, words, run):
    status, out, said = run(*args)
    assert status == 2 and said.startswith("error: ") and words in said


def test_a_bundle_goes_to_the_hub_and_comes_back(bundle, run, monkeypatch, tmp_path):
    with loopback_hub(tmp_path) as hub:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        status, out, said = run("push", "bundle", "anna/shop", "--private")
        assert (status, out.startswith(hub.url)) == (0, True), said
        assert {*hub.repos["anna/shop"]} == {f.name for f in bundle.iterdir()} and hub.private == {"anna/shop"}
        for source in "hf://anna/shop", "bundle":
            status, out, said = run("tag", source, "clothes", "--out", f"{source[:2]}.csv", "--quiet")
            assert status == 0, said
        monkeypatch.delenv("HF_TOKEN")
        status, out, said = run("tag", "hf://anna/shop", "clothes", "--quiet")
        assert status == 2 and "or it is private" in said
    assert Path("hf.csv").read_text() == Path("bu.csv").read_text()


def test_what_an_earlier_bundle_left_goes_and_an_edited_card_stays(bundle, monkeypatch, tmp_path):
    from fashion_tagger.hub import push_bundle
    card = (bundle/"README.md").read_text()
    with loopback_hub(tmp_path) as hub:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        hub.commit("anna/old", {"outfits.json": b"{}", "notes.txt": b"mine"})
        push_bundle(bundle, "hf://anna/old")
        assert {"outfits.json", "notes.txt"} & {*hub.repos["anna/old"]} == {"notes.txt"}
        (bundle/"README.md").write_text(card + "\nDo not use it for hats.\n")
        push_bundle(bundle, "anna/old")
        assert hub.repos["anna/old"]["README.md"].decode().endswith("Do not use it for hats.\n")
    (bundle/"README.md").write_text(card)


class Portal(BaseHTTPRequestHandler):
    "The page of a hotel's network"
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome!</html>")
    do_POST = do_GET
    def log_message(self, *_): pass


def test_what_answers_may_be_something_else(bundle, monkeypatch):
    from huggingface_hub import constants
    from fashion_tagger.hub import push_bundle
    from fashion_tagger.inference import Tagger
    from fashion_tagger.schema import InputError
    portal = HTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=portal.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{portal.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for f in (lambda: Tagger.load("hf://anna/shop"), lambda: push_bundle(bundle, "anna/shop")):
        with pytest.raises(InputError, match="what answers is not the Hub"): f()
    portal.shutdown()
    portal.server_close()


def test_the_hub_can_read_any_card():
    from huggingface_hub import ModelCard
    from fashion_tagger.export import model_card
    names = ['a "b"', "c: d", "🎨", "x\\y", "- z"]
    targets = [dict(name=n, kind="attribute", values=["u", "v"]) for n in names]
    settings = dict(schema=dict(targets=targets), size=[64, 64], method="squish")
    scores = {n: dict(labels=9, accuracy=0.5 + i/10, top3=None) for i, n in enumerate(names)}
    data = ModelCard(model_card(settings | dict(scores=scores), "hf://anna/shop")).data
    assert (data.library_name, data.pipeline_tag) == ("fashion_tagger", "image-classification")
    assert [(r.task_name, r.metric_type, r.metric_value) for r in data.eval_results] == [
        (n, "accuracy", 0.5 + i/10) for i, n in enumerate(names)]
    assert not ModelCard(model_card(settings, "shop")).data.eval_results
