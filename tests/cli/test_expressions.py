"""Values are read, never run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.cli.expressions import parse_value
from isthmus.corruptions import GaussianNoise
from isthmus.errors import ParameterError
from isthmus.losses import BinaryCrossEntropy
from isthmus.penalties import L1
from isthmus.training.optimizers import SGD

READ = [
    ("3", "", 3),
    ("-1e-3", "", -1e-3),
    ("true", "", True),
    ("None", "", None),
    ("512,256", "", (512, 256)),
    ("[8, 16]", "", (8, 16)),
    ("relu", "", "relu"),
    ("'two words'", "", "two words"),
    ("cuda:0", "", "cuda:0"),
    ("package.module:Name", "", "package.module:Name"),
    ("package.module", "", "package.module"),
    ("{'width': 3}", "", {"width": 3}),
    ("GaussianNoise(0.3)", "", GaussianNoise(0.3)),
    ("GaussianNoise", "corruptions", GaussianNoise()),
    ("(L1(0.01), L1(0.1, on=hidden),)", "penalties", (L1(0.01), L1(0.1, on="hidden"))),
    ("l1", "penalties", L1()),
    ("bce", "losses", BinaryCrossEntropy()),
    ("auto", "losses", "auto"),
    ("SGD(momentum=0.5)", "training.optimizers", SGD(momentum=0.5)),
]


@pytest.mark.parametrize(("text", "family", "value"), READ, ids=[text for text, _, _ in READ])
def test_it_reads(text, family, value):
    found = parse_value(text, family=family)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("__import__('os').system('true')", "is no value"),
        ("open('x')", "is no part"),
        ("GausianNoise(0.3)", "'GaussianNoise'"),
        ("GaussianNoise(2, 3, 4)", "positional arguments"),
        ("GaussianNoise(sd=3)", "GaussianNoise has no field 'sd'"),
        ("GaussianNoise(*(1, 2))", "stars"),
        ("GaussianNoise(**{'a': 1})", "stars"),
        ("(1).real()", "is no value"),
        ("[x for x in y]", "is no value"),
        ("lambda: 3", "is no value"),
        ("f'{1}'", "is no value"),
        ("b'bytes'", "is no value"),
        ("2 ** 999999999", "is no value"),
        ("(L1(0.1)", "brackets"),
        ("(" * 500 + ")" * 500, "cannot be read"),
        ("1" * 20_000, "cannot be read"),
    ],
)
def test_it_refuses(text, words):
    with pytest.raises(ParameterError, match=words.replace("(", r"\(")):
        parse_value(text)


@given(st.text(max_size=40))
def test_whatever_is_written_is_a_value_or_a_parameter_error(text):
    try:
        parse_value(text)
    except ParameterError:
        return


@given(
    st.recursive(
        st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(),
        lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple),
        max_leaves=8,
    )
)
def test_what_python_writes_is_read_back(value):
    assert parse_value(repr(value)) == value
