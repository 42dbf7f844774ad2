"Hostile files through every door, in a short form; the long one is `python tests/hostile_photos.py`"
from hostile_photos import doors


def test_photos(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_TAGGER_CACHE", str(tmp_path/"cache"))
    assert len([*doors(100, 0, tmp_path)]) == 7
