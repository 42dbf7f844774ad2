"""Tagging on a real Ray cluster of two nodes: the rows of plain `tag`, whatever dies on the way

All tests share the cluster, since it takes a while to start; the last one removes a node."""
import os, signal, sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from fashion_tagger import cluster
from fashion_tagger.bulk import bundle_digest, tag_to_file
from fashion_tagger.cli import main
from fashion_tagger.cluster import tag_dataset

pytestmark = [pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
              pytest.mark.skipif(sys.platform != "linux", reason="finds Ray's processes in /proc")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    "A bundle that was trained on drawn clothes; some of these photos, over and over, and a file that is none"
    from fashion_tagger.recipes import train_bundle
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("cluster")
    table = sample_wardrobe(home/"clothes", n=120, seed=0).table[["image", "type", "colour", "tags", "split"]]
    train_bundle(table, home/"bundle", size=(64, 64), epochs=5, cache=False)
    (home/"caf\udce9.jpg").write_bytes(Path(table["image"][0]).read_bytes())  # a name that is not text
    (home/"broken.jpg").write_bytes(b"no photo")
    photos = [os.path.relpath(p, home) for p in table["image"]]
    photos = [*photos[:70], "broken.jpg", "caf\udce9.jpg", "gone.jpg", *photos[70:]]*5
    (home/"photos.txt").write_bytes(b"".join(os.fsencode(p) + b"\n" for p in photos))
    return home


@pytest.fixture(scope="module")
def plain(home):
    "The rows of plain `tag`"
    here = os.getcwd()
    os.chdir(home)
    photos = map(os.fsdecode, Path("photos.txt").read_bytes().splitlines())
    try: tag_to_file("bundle", photos, "plain.parquet", backend="onnx")
    finally: os.chdir(here)
    return pd.read_parquet(home/"plain.parquet")


def started(node, attempts=5):
    "Ray waits 15 seconds for a node's agents, which need more than that on a busy machine"
    for left in reversed(range(attempts)):
        try: return node()
        except Exception:
            if not left: raise


@pytest.fixture(scope="module")
def nodes():
    "A cluster of two nodes, with 3 processors and 1; this process is on the first"
    os.environ |= dict(RAY_USAGE_STATS_ENABLED="0", RAY_BACKEND_LOG_LEVEL="fatal")
    import logging
    import ray
    from ray.cluster_utils import Cluster
    made = Cluster()
    _, second = (started(lambda: made.add_node(num_cpus=n, include_dashboard=False)) for n in (3, 1))
    ray.init(made.address, log_to_driver=False, logging_level=logging.CRITICAL)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its import sets another
    yield made, second
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def run(home, monkeypatch, capfd):
    "Run the command in `home` with small parts; its exit status, and what it said"
    monkeypatch.chdir(home)
    monkeypatch.setattr(cluster, "_PART_ROWS", 64)
    def run(*args, stdin="photos.txt"):
        monkeypatch.setattr(sys, "argv", ["fashion-tagger", *args])
        with open(stdin) as f, monkeypatch.context() as m:
            m.setattr(sys, "stdin", f)
            try: main()
            except SystemExit as e: return e.code, *capfd.readouterr()
        return 0, *capfd.readouterr()
    return run


def workers_of(node):
    "Process ids of the workers that tag on a node"
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try: name, parent = stat.read_text().rpartition(")")[0], stat.read_text().rpartition(")")[2].split()[1]
        except OSError: continue  # it has ended
        if int(parent) == raylet and "MapWorker" in name: found.append(int(stat.parent.name))
    return found


def test_not_imported():
    "Ray is not imported before it is needed; so this test comes first"
    import fashion_tagger.all, fashion_tagger.cli  # noqa: F401
    assert "ray" not in sys.modules


def test_refusals(home, tmp_path, run, monkeypatch):
    "Nothing of this starts Ray"
    def says(words, *args):
        code, out, err = run("tag", *args)
        assert code == 2 and not out and words in err and len(err.splitlines()) == 1, err
    says("--workers is about workers on Ray", "bundle", "clothes", "--workers", "2")
    says("--ray writes a folder of Parquet parts; name it with --out", "bundle", "clothes", "--ray")
    says("--excel is for a .csv file", "bundle", "clothes", "--ray", "--out", "tags", "--excel")
    says("give a folder of Parquet parts, not a file", "bundle", "clothes", "--out", "tags.csv", "--ray")
    says("holds other things than parts, such as ", "bundle", "clothes", "--out", "clothes", "--ray")
    says("there is no folder none", "bundle", "clothes", "--out", "none/tags", "--ray")
    says("none: not a bundle: there is no such folder", "none", "clothes", "--out", "tags", "--ray")
    says("file:///none: not a bundle", "file:///none", "clothes", "--out", "tags", "--ray")
    says("127.0.0.1:1: no Ray cluster answers there", "bundle", "clothes", "--out", "tags", "--ray", "127.0.0.1:1")
    (tmp_path/"done").mkdir()
    (tmp_path/"done/part-00000.parquet").touch()
    says("is there already", "bundle", "clothes", "--out", f"{tmp_path}/done", "--ray")
    monkeypatch.setitem(sys.modules, "ray", None)
    says("pip install 'fashion_tagger[cluster]'", "bundle", "clothes", "--out", "tags", "--ray")
    assert not (home/"tags").exists()


def test_interrupted_and_a_worker_killed(nodes, run, home, plain, monkeypatch):
    "An interrupted run goes on; a killed worker costs nothing; the rows are those of plain `tag`"
    command = "tag", "bundle", "-", "--out", "tags", "--ray", "--backend", "onnx", "--workers"
    write, written = cluster._write_part, []
    def third_interrupts(out, k, *args):
        if len(written) == 2: raise KeyboardInterrupt
        write(out, k, *args)
        written.append(k)
    with monkeypatch.context() as m:
        m.setattr(cluster, "_write_part", third_interrupts)
        code, out, err = run(*command, "1")
    assert code == 130 and not out
    assert err == "interrupted: 128 photos are done and kept in tags; the same call goes on from there\n"
    kept = {path: path.stat().st_mtime_ns for path in (home/"tags").glob("part-*.parquet")}
    assert len(kept) == 2

    (home/"tags/part-00777.parquet").touch()  # of a run with more photos
    killed = []
    def kill(out, k, *args):
        if not killed:  # the one on the second node, if it is there already
            killed.extend([*workers_of(nodes[1]), *workers_of(nodes[0].head_node)][:1])
            os.kill(killed[0], signal.SIGKILL)
        write(out, k, *args)
    with monkeypatch.context() as m:
        m.setattr(cluster, "_write_part", kill)
        code, out, err = run(*command, "2")
    assert code == 0 and not out and killed, err
    assert f"{len(plain)} photos (128 of them by the run before)" in err and "10 with an error" in err
    assert len(err.splitlines()) == 1, err
    assert all(path.stat().st_mtime_ns == t for path, t in kept.items())
    assert not (home/"tags/_unfinished").exists() and not (home/"tags/part-00777.parquet").exists()
    pd.testing.assert_frame_equal(pd.read_parquet(home/"tags"), plain, rtol=0, atol=2e-4)


def test_another_bundle_on_a_node(nodes, home, run, monkeypatch):
    "What a worker finds wrong is one line"
    monkeypatch.setattr(cluster, "bundle_digest", lambda folder: "another")
    code, out, err = run("tag", "bundle", "clothes", "--out", "wrong", "--ray", "--workers", "1")
    assert code == 2 and not out
    assert "another bundle on machine" in err and len(err.splitlines()) == 1, err


def test_other_photos_than_before(home, plain, tmp_path):
    "A part counts as done for the very photos and cells that it was written for"
    schema = cluster.read_settings(home/"bundle")["schema"]
    part = cluster._Part(0, ["a.jpg", "b.jpg"], dict(sku=("1", "2")))
    rows = [["a.jpg", *[None]*7, "gone"], ["b.jpg", *[None]*7, None]]
    cluster._write_part(tmp_path, 0, rows, part.own, schema)
    assert cluster._kept_errors(tmp_path, part, schema) == ["gone", None]
    others = dict(photos=["a.jpg", "c.jpg"]), dict(photos=["a.jpg"]), dict(own={}), dict(own=dict(sku=("1", "3")))
    for other in others:
        assert cluster._kept_errors(tmp_path, part._replace(**other), schema) is None
    counts = dict(photos=0, errors=0, kept=0, first_error="")
    refs = type("Ray", (), dict(put=staticmethod(lambda block: block)))
    with pytest.warns(UserWarning, match=r"1 part\(s\) were of other photos"):
        blocks, sizes = cluster._plan(refs, ["x.jpg"], {}, schema, tmp_path, 2, counts)
    assert sizes == {0: 1} and len(blocks) == 1 and counts["kept"] == 0


def test_a_table_of_bytes_and_a_node_removed(nodes, home, plain, monkeypatch):
    "A Parquet table with photos inside; the bundle at an address; a node that is there no more"
    import ray
    monkeypatch.setenv("FASHION_TAGGER_CACHE", str(home/"cache"))
    monkeypatch.chdir(home)
    files = plain["image"][:70].tolist() + ["broken.jpg"]
    table = pd.DataFrame(dict(bytes=[Path(p).read_bytes() for p in files], path=files, sku=range(71)))
    table.to_parquet("photos.parquet", row_group_size=4)
    ds = ray.data.read_parquet(str(home/"photos.parquet"), override_num_blocks=18)
    tags = tag_dataset(ds, f"file://{home}/bundle", workers=2, bs=4, backend="onnx")
    found = []
    for k, batch in enumerate(tags.iter_batches(batch_size=None, batch_format="pyarrow")):
        found.append(batch)
        if k == 2: nodes[0].remove_node(nodes[1], allow_graceful=False)
    found = pa.concat_tables(found).to_pandas().sort_values("sku", ignore_index=True)
    assert list(found) == ["image", "sku", *list(plain)[1:]]
    expected = plain.iloc[:71].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.drop(columns="sku"), expected, rtol=0, atol=2e-4, check_dtype=False)
    assert found["sku"].tolist() == list(range(71))
    bundles = [p for p in (home/"cache/bundles").iterdir() if p.is_dir()]
    assert len(bundles) == 1 and bundle_digest(bundles[0]) == bundle_digest(home/"bundle")
