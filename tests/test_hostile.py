"Hostile files in every command, in a short form; the long form is `python tests/hostile_photos.py`"
from hostile_photos import checks


def test_photos(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_TAGGER_CACHE", str(tmp_path/"cache"))
    assert len([*checks(100, 0, tmp_path)]) == 7
