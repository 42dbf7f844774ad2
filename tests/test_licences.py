"The licence of every requirement is compatible with Apache-2.0; `python .ci/licences.py` lists them"
from licences import COPYLEFT, FINE, NOT_OPEN, installed, licence


def test_none_conflicts_with_apache():
    found = {name: licence(dist) for name, dist in installed().items()}
    assert len(found) > 40
    unknown = {n: text for n, text in found.items() if not NOT_OPEN.match(n) and not FINE.search(text)}
    assert not unknown, f"look at these licences: {unknown}"
    assert not {n: text for n, text in found.items() if COPYLEFT.search(text) and not FINE.search(text)}
