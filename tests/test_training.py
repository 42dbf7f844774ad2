"Checkpoints that are damaged, and folders that take none"
import warnings

import pytest


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    from fashion_tagger.samples import sample_wardrobe
    home = tmp_path_factory.mktemp("wardrobe")
    return sample_wardrobe(home, n=120, seed=1).table[["image", "type", "colour", "split"]]


def fitted(table, checkpoints, resume=False, cbs=None):
    from fastai.vision.all import set_seed
    from fashion_tagger.data import tagger_dataloaders
    from fashion_tagger.learner import tagger_learner
    set_seed(0, reproducible=True)
    learn = tagger_learner(tagger_dataloaders(table, size=(64, 64), bs=16, num_workers=0, cache=False), n_heads=2)
    with learn.no_bar(), learn.no_logging(): learn.fit_tagger(5, checkpoints=checkpoints, resume=resume, cbs=cbs)
    return [p.detach().clone() for p in learn.model.head.parameters()]


def test_damaged_checkpoint(table, tmp_path):
    "The one before takes its place, and the weights are those of a training that was left alone"
    from fastai.vision.all import Callback
    from fashion_tagger.training import Checkpoints

    class Killed(Exception): pass

    class Kill(Callback):
        def before_train(self):
            if self.epoch == 3: raise Killed("killed")

    whole = fitted(table, Checkpoints(tmp_path/"whole", "clothes"))
    with pytest.raises(Killed): fitted(table, Checkpoints(tmp_path/"parts", "clothes"), cbs=Kill())
    max((tmp_path/"parts").glob("*.checkpoint")).write_bytes(b"damaged")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts = fitted(table, Checkpoints(tmp_path/"parts", "clothes"), resume=True)
    assert any("damaged" in str(w.message) for w in caught)
    assert max(float((a - b).abs().max()) for a, b in zip(whole, parts, strict=True)) < 1e-6


def test_no_folder_for_checkpoints(table, tmp_path):
    from fashion_tagger.schema import InputError
    from fashion_tagger.training import Checkpoints
    checkpoints = Checkpoints(tmp_path/"kept", "clothes")
    (tmp_path/"kept").mkdir()
    (tmp_path/"kept/0_00000.part").mkdir()
    with pytest.raises(InputError, match="a checkpoint cannot be written there"): fitted(table, checkpoints)
