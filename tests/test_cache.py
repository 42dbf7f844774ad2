"Decoded photos stay correct when photos change, room is short, and runs meet or are killed"
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from fashion_tagger.cache import PixelCache, cache_files, clear_cache, fill_cache_beside, unreadable
from fashion_tagger.photos import Crop, load_photo
from fashion_tagger.schema import InputError


@pytest.fixture
def photos(tmp_path):
    rng, paths = np.random.default_rng(0), []
    for i in range(80):
        paths.append(str(tmp_path/f"{i:02}.jpg"))
        Image.fromarray(rng.integers(0, 256, (12, 9, 3), dtype=np.uint8)).resize((120, 160)).save(paths[-1])
    return paths


@pytest.fixture
def kept(tmp_path): return tmp_path/"kept"


@pytest.fixture
def broken(tmp_path):
    (tmp_path/"broken.jpg").write_bytes(b"no photo")
    return str(tmp_path/"broken.jpg")


def pixels(photo, size): return np.asarray(load_photo(photo, size))


def test_only_what_is_asked_for(photos, kept):
    some = PixelCache(photos, (64, 48), folder=kept)
    assert (some[[5, 3, 5]] == [pixels(photos[i], (64, 48)) for i in (5, 3, 5)]).all()
    assert np.flatnonzero(some.there).tolist() == [3, 5]
    assert (np.concatenate(list(some.batches(range(50), 16))) == some[range(50)]).all()
    assert len(cache_files(kept)) == 1


def test_changed_photo(photos, kept):
    before = PixelCache(photos, (64, 48), folder=kept)[range(80)]
    Image.new("RGB", (50, 60), "teal").save(photos[7])
    changed = PixelCache(photos, (64, 48), folder=kept)
    assert changed.there.sum() == 0
    assert (changed[[7]][0] == pixels(photos[7], (64, 48))).all()
    assert (changed[[6]][0] == before[6]).all()


@pytest.mark.parametrize("way", [("crop", "white"), ("pad", "white"), ("pad", "reflect")])
def test_ways_have_files_of_their_own(photos, kept, way):
    PixelCache(photos, (64, 64), folder=kept)[range(8)]
    cache = PixelCache(photos, (64, 64), *way, folder=kept)
    assert cache.there.sum() == 0 and len(cache_files(kept)) == 2
    assert (cache[[3]][0] == np.asarray(load_photo(photos[3], (64, 64), *way))).all()


def test_full_size(photos, kept):
    cache = PixelCache(photos, (16, 16), at_least=0, folder=kept)
    assert (cache[[2]][0] == np.asarray(load_photo(photos[2], (16, 16), draft=False))).all()


def test_crops_and_arrays(photos, kept):
    crop = Crop(photos[0], (10, 10, 60, 60))
    assert (PixelCache([crop], (32, 32), folder=kept)[[0]][0] == pixels(crop, (32, 32))).all()
    arrays = PixelCache([photos[0], np.zeros((9, 9, 3), np.uint8)], (32, 32), folder=kept)
    assert arrays.file is None and arrays[[1, 0]].shape == (2, 32, 32, 3)


def test_unreadable(photos, kept, broken):
    with pytest.raises(InputError, match="broken.jpg"): PixelCache([photos[0], broken], (32, 32), folder=kept)[[0, 1]]
    with pytest.raises(InputError, match="none.jpg: there is no such file"): PixelCache(["none.jpg"], (32, 32))
    assert [*unreadable([*photos, broken], (32, 32), folder=kept)] == [80]
    assert broken in unreadable([*photos, broken], (32, 32), keep=False)[80]


def test_fill_cache_beside(photos, kept, broken):
    beside = fill_cache_beside([*photos, broken], (96, 80), folder=kept)
    beside.join()
    assert beside.exitcode == 0
    there = PixelCache([*photos, broken], (96, 80), folder=kept).there
    assert there[:64].min() == 1 and there[-1] == 0


def test_cannot_be_kept(photos, kept):
    for kwargs in (dict(folder=kept, limit=1000), dict(folder=photos[0])):
        with pytest.warns(UserWarning, match="decoded photos cannot be kept there"):
            cache = PixelCache(photos, (100, 100), **kwargs)
        assert cache.file is None and (cache[[0]][0] == pixels(photos[0], (100, 100))).all()


def test_room(photos, kept):
    for i, size in enumerate(((64, 48), (96, 80))):
        file = PixelCache(photos, size, folder=kept).file
        os.utime(file, (1000 + i, 1000 + i))
    oldest, latest = cache_files(kept)
    PixelCache(photos[:50], (64, 64), folder=kept, limit=latest.stat().st_size + 50*(64*64*3 + 1))
    assert (oldest.exists(), latest.exists(), len(cache_files(kept))) == (False, True, 2)
    size = sum(f.stat().st_size for f in cache_files(kept))
    assert clear_cache(kept) == size > 0 and cache_files(kept) == []


KILLED = """
import os, signal, sys
from fashion_tagger.cache import PixelCache

folder, until, *photos = sys.argv[1:]
cache = PixelCache(photos, (64, 48), folder=folder)
load, seen = cache.load, []
def killed(i):
    seen.append(i)
    if len(seen) == int(until): os.kill(os.getpid(), signal.SIGKILL)
    return load(i)
cache.load = killed
for i in range(0, len(photos), 10): cache[range(i, min(i + 10, len(photos)))]"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_killed_and_shared(photos, kept):
    def run(until): return subprocess.Popen([sys.executable, "-c", KILLED, str(kept), str(until), *photos])
    assert run(40).wait() == -signal.SIGKILL
    assert [r.wait() for r in [run(1000), run(1000)]] == [0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = PixelCache(photos, (64, 48), folder=kept)
    assert len(cache_files(kept)) == 1 and after.there.min() == 1
    for i, photo in enumerate(photos): assert (after.pixels[i] == pixels(photo, (64, 48))).all()
