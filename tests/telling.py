"What several test files ask of a call"
import warnings

import pytest

from fashion_tagger.schema import InputError, TableWarning


def told(f, *args, **kwargs):
    "What `f` returns, and what it warns of"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = f(*args, **kwargs)
    return result, [str(w.message) for w in caught if w.category is TableWarning]


def says(words, f, *args, **kwargs):
    "`f` raises an `InputError` of one line with these words"
    with pytest.raises(InputError) as e: told(f, *args, **kwargs)
    assert words in str(e.value) and "\n" not in str(e.value)
