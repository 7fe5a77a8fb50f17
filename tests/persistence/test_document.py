"""Documents come back as they were, and their text is strict JSON."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.persistence import document

keys = st.one_of(st.text(max_size=5), st.sampled_from(["$float", "$$float", "$", "number"]))
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=20,
)


@given(documents)
def test_every_document_comes_back(value):
    assert repr(document.loads(document.dumps(value))) == repr(value)


@given(documents)
def test_the_text_is_strict_ascii_json(value):
    text = document.dumps(value)
    assert text.isascii()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_numpy_scalars_become_plain_numbers_of_the_same_value():
    value = {"a": np.float32(0.1), "b": np.int64(2**40), "c": np.float64("nan"), "d": np.bool_(False)}
    found = document.loads(document.dumps(value))
    assert found["a"] == float(np.float32(0.1))
    assert found["b"] == 2**40
    assert math.isnan(found["c"])
    assert found["d"] is False


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, object()]}, r"document\.a\[1\] is a object"),
        ({"a": {1: 2}}, r"document\.a has the key 1"),
        ({"a": np.zeros(2)}, r"document\.a is a ndarray"),
        ({"a": b"bytes"}, r"document\.a is a bytes"),
    ],
)
def test_what_has_no_json_form_is_named(value, said):
    with pytest.raises(TypeError, match=said):
        document.dumps(value)


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"$float": "1e3"}', '{"$float": 1}', "[" * 100_000, "{", ""]
)
def test_other_text_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own messages
        document.loads(text)
