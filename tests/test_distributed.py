"Training in two processes on this machine"
import json, os, signal, subprocess, sys
from pathlib import Path

import pytest

pytest.importorskip("accelerate")

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2",
              "--main_process_port=0"]
TRAIN = ["--no-python", Path(sys.executable).parent/"fashion-tagger", "train"]
OPTIONS = "--images / --attributes type --size 64x56 --bs 32 --out".split()

SCRIPT = """
import json
from fastai.vision.all import *
from fastai.distributed import *
from fashion_tagger.embedding import weights_checksum
from fashion_tagger.all import *

class CountSteps(Callback):
    n = 0
    def after_step(self): self.n += 1

table = pd.read_csv('labels.csv', keep_default_na=False)
table.loc[table.index % 40 > 0, 'colour'] = '' # so few that most batches have none
set_seed(0, reproducible=True)
dls = tagger_dataloaders(table, size=(64, 56), bs=32//max(num_distrib(), 1), num_workers=0)
learn = tagger_learner(dls, cbs=CountSteps())
with learn.distrib_ctx(), learn.no_bar(), learn.no_logging():
    learn.fit_one_cycle(4, 1e-2)
    frozen, shared = [*learn.recorder.values[-1]], learn.features()[1].x
    learn.unfreeze()
    learn.fit_one_cycle(1, slice(1e-5, 1e-3))
    unfrozen = [*learn.recorder.values[-1]]
    loss, *metrics = learn.validate()
    inside = learn.scores()
names = learn.recorder.metric_names[3:-1]
outside, n = learn.scores(), len(learn.get_preds()[0])
off = (tagger_learner(dls).features()[1].x - shared).abs().max().item()
found = dict(frozen=frozen, unfrozen=unfrozen, metrics=dict(zip(names, metrics)), inside=inside, outside=outside, n=n,
             steps=learn.count_steps.n, weights=weights_checksum(learn.model).sum().item(), off=off)
Path(f'{rank_distrib()}.json').write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("together")
    table = sample_wardrobe(home/"clothes", n=201, seed=0).table[["image", "type", "colour"]]
    split = ["train"]*160 + ["valid"]*41 # which two processes cannot divide evenly
    table.assign(split=split).to_csv(home/"labels.csv", index=False)
    return home


def listen():
    "A shell in the background has its children ignore Ctrl-C"
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(home, *command):
    env = os.environ | dict(FASHION_TAGGER_CACHE=str(home/"cache"), OMP_NUM_THREADS="1")
    env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), env.get("PYTHONPATH", "")])
    return subprocess.Popen([*map(str, command)], cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, preexec_fn=listen)


def ended(home, *command):
    child = start(home, *command)
    out, err = child.communicate(timeout=300)
    return child.returncode, out, err


def test_as_one_process(home):
    "The same steps, each photo validated once, the same weights in both processes"
    (home/"script.py").write_text(SCRIPT)
    status, out, err = ended(home, *ACCELERATE, "script.py")
    assert status == 0, err[-3000:]
    first, second = (json.loads((home/f"{i}.json").read_text()) for i in (0, 1))
    assert first["weights"] == second["weights"] and first["frozen"] == second["frozen"]
    assert first["unfrozen"] == second["unfrozen"] and first["n"] == 41
    assert first["steps"] == second["steps"] == 160//64*4 + 160//32 # features in batches of 64, photos of 32
    assert first["off"] < 1e-4 # each has the features of all
    right = first["outside"]["type"]["accuracy"]
    assert first["metrics"]["type"] == pytest.approx(right, abs=1e-4) and first["inside"] == first["outside"]
    assert right*41 == pytest.approx(round(right*41), abs=.01) and right > .15


def test_interrupted_and_resumed(home):
    "Ctrl-C ends both processes, and the next two go on; one speaks and one writes"
    out, epochs = home/"bundle", ["--freeze-epochs", "2", "--epochs", "4"]
    command = [*TORCHRUN, *TRAIN, "labels.csv", *OPTIONS, out, *epochs, "--json", "scores.json"]
    child = start(home, *command)
    for line in child.stdout:
        if line.startswith("epoch 2/4"): break
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode and err.count("the same call with --resume goes on from there") == 1
    newest = sorted((out/"checkpoints").glob("*.checkpoint"))[-1]
    done = int(newest.stem.split("_")[1]) + 1
    status, said, err = ended(home, *command, "--resume")
    assert status == 0, err[-3000:]
    lines = [line.split()[1] for line in said.splitlines() if line.startswith("epoch")]
    assert lines == [f"{i}/4" for i in range(done + 1, 5)] and said.count("bundle: ") == 1
    names = {p.name for p in out.iterdir()}
    assert {"tagger.json", "model.safetensors"} <= names and "checkpoints" not in names
    assert json.loads((home/"scores.json").read_text())["targets"]["type"]["labels"] == 41


def test_errors(home):
    "Told once, whichever process meets them"
    status, _, err = ended(home, *TORCHRUN, *TRAIN, "none.csv", *OPTIONS, home/"none")
    assert status and [line for line in err.splitlines() if line.startswith("error: none.csv")] and "cli.py" not in err
    rows = (home/"labels.csv").read_text().splitlines()
    (home/"bad.jpg").write_text("no photo")
    rows[155] = ",".join([str(home/"bad.jpg"), *rows[155].split(",")[1:]]) # in the share of the second process
    (home/"bad.csv").write_text("\n".join(rows))
    status, _, err = ended(home, *TORCHRUN, *TRAIN, "bad.csv", *OPTIONS, home/"none")
    told = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status and sum("bad.jpg: not a readable image" in line for line in told) == 1 and "cli.py" not in err
    assert not list((home/"none").glob("*"))
