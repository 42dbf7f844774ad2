"""Kills, Ctrl-C, full disks and folders without permission

Short forms; the long ones are `python tests/killed_training.py` and `python benchmarks/interrupted.py`."""
import os, re, signal, subprocess, sys

import pytest

from killed_training import COMMAND, killed_and_resumed, parser
from users import bound


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    "What `killed_and_resumed` said, and its folder, with the bundle `whole`"
    home = tmp_path_factory.mktemp("killed")
    args = "--kills 1 --photos 100 --epochs 1 --freeze-epochs 10".split()
    with pytest.MonkeyPatch.context() as m:
        m.setenv("FASHION_TAGGER_CACHE", str(home/"cache"))
        return [*killed_and_resumed(home, parser().parse_args(args))], home


def test_killed_training(killed):
    lines, _ = killed
    assert "differ by 0 at most" in lines[-1] or "e-" in lines[-1]


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("labels")
    table = sample_wardrobe(home/"clothes", n=80, size=(80, 64), seed=0).table
    table[["image", "type", "split"]].to_csv(home/"labels.csv", index=False)
    return home


def listen():
    "A shell in the background has its children ignore Ctrl-C"
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def train(home, out, *more):
    options = "--images / --attributes type --size 64x64 --no-cache --out".split()
    command = [*COMMAND, home/"labels.csv", *options, out, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen)


def test_ctrl_c(labels, tmp_path):
    child = train(labels, tmp_path/"bundle", "--freeze-epochs", "5000")
    for line in child.stdout:
        if line.startswith("epoch 2/"): break
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in err
    kept = tmp_path/"bundle/checkpoints"
    last = f"interrupted: the epochs that are done are kept in {kept}; the same call with --resume goes on from there"
    assert err.strip().splitlines()[-1] == last
    assert list(kept.glob("*.checkpoint"))


def test_ctrl_c_before_anything(labels, tmp_path):
    child = train(labels, tmp_path/"bundle")
    for line in child.stdout:
        if "to train on" in line: break
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in err
    assert not (tmp_path/"bundle").exists() or any((tmp_path/"bundle").iterdir())


def test_ctrl_c_after_openvino(killed):
    "OpenVINO gives the main thread a stack for signals, and takes it away with its last core"
    pytest.importorskip("openvino")
    code = """import gc, signal, sys
from fashion_tagger.inference import Tagger
taggers = [Tagger.load(sys.argv[1], "openvino") for _ in range(2)]
while taggers: taggers.pop(0); gc.collect()
try: signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt: print("caught")"""
    command = [sys.executable, "-c", code, killed[1]/"whole"]
    run = subprocess.run(command, capture_output=True, text=True, preexec_fn=listen)
    assert run.returncode == 0 and run.stdout == "caught\n", (run.returncode, run.stderr)


@pytest.mark.skipif(bound is None, reason="nothing here binds root to permissions")
def test_no_permission(labels, tmp_path):
    "Neither train nor tag can write there, and both say so before they have worked for it"
    closed = tmp_path/"closed"
    closed.mkdir(mode=0o500)
    to_train = ["train", labels/"labels.csv", "--images", "/", "--attributes", "type", "--out", closed/"bundle"]
    to_tag = ["tag", "no bundle", labels/"clothes", "--out", closed/"tags.csv"]
    code = """import ast, sys
from fashion_tagger.cli import main
for args in ast.literal_eval(sys.argv[1]):
    sys.argv[1:] = args
    try: main()
    except SystemExit as e: print(e.code)"""
    both = repr([[str(o) for o in args] for args in (to_train, to_tag)])
    run = subprocess.run([*bound, sys.executable, "-c", code, both], capture_output=True, text=True, timeout=120)
    lines = [rf"error: .*closed/{name}: cannot be (made|written).*\n" for name in ("bundle", "tags.csv")]
    assert run.stdout == "2\n2\n" and re.fullmatch("".join(lines), run.stderr), run.stderr
    assert not any(closed.iterdir())


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_full_disk(labels, tmp_path):
    disk = tmp_path/"disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode: pytest.skip("no small disk can be mounted here")
    try:
        child = train(labels, disk/"bundle", "--freeze-epochs", "3")
        _, err = child.communicate(timeout=120)
        assert child.returncode == 2 and "Traceback" not in err, err
        assert err.strip().splitlines()[-1].startswith("error: "), err
    finally: subprocess.run(["umount", "-l", disk])
