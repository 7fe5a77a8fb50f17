"""The base of all parts: rules, messages, equality, repr, JSON, parameters."""

import json
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus import spec
from isthmus.architectures.dense import Dense
from isthmus.codes.gaussian import Gaussian
from isthmus.errors import ModelError, ParameterError
from isthmus.spec import In, Spec
from isthmus.training.optimizers.adam import Adam
from isthmus.training.training import Training


@dataclass
class Inner(Spec):
    family: ClassVar[str] = "penalties"
    rate: Annotated[float, In("[0, 1)")] = 0.3


@dataclass
class Outer(Spec):
    size: Annotated[int, In("[1, inf)")]
    inner: Inner = field(default_factory=Inner)
    widths: tuple[Annotated[int, In("[1, inf)")], ...] = (2, 3)
    kind: Literal["one", "two"] = "one"
    limit: Annotated[float, In("(0, inf]")] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    flag: bool = False

    def conflicts(self):
        if self.flag and self.kind == "two":
            yield "flag of Outer excludes kind 'two': drop one."


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.5, 0.999], [-1e-9, 1, 2, math.nan]),
        ("(0, inf)", [1e-300, 1e300], [0, -1, math.inf, math.nan]),
        ("(-inf, 3]", [-1e300, 3], [3.1, -math.inf, math.nan]),
        ("(0, inf]", [math.inf], [0, math.nan]),
    ],
)
def test_ranges(text, inside, outside):
    assert all(value in In(text) for value in inside)
    assert not any(value in In(text) for value in outside)


def test_a_range_that_is_none():
    with pytest.raises(ValueError, match="is not an interval"):
        assert 1 in In("0..1")


def test_all_bad_fields_at_once():
    with pytest.raises(ParameterError) as caught:
        Outer(size=0, inner=3, widths=(1, 0), kind="three", limit=-1.0, flag=1, sise=3)
    message = str(caught.value)
    assert "Outer has no field 'sise': did you mean 'size'." in message
    for name in ("size", "inner", "widths", "kind", "limit", "flag"):
        assert f"{name} of Outer must be" in message
    assert "size of Outer must be an integer in [1, inf), got 0." in message
    assert "\n" not in message


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1], math.nan])
def test_integers_are_integers(value):
    with pytest.raises(ParameterError, match="size of Outer must be an integer"):
        Outer(value)


def test_numpy_numbers_and_lists_are_taken():
    part = Outer(np.int64(3), widths=[np.int32(4)], limit=np.float32(0.5))
    assert part == Outer(3, widths=(4,), limit=0.5)
    assert repr(part) == "Outer(size=3, widths=(4,), limit=0.5)"
    assert json.loads(json.dumps(part.to_json()))["size"] == 3


def test_later_assignments_are_checked_by_validate():
    part = Outer(3)
    part.inner.rate = 2.0
    part.validate  # noqa: B018  (assignment itself is free)
    with pytest.raises(ParameterError, match=r"rate of Inner must be a number in \[0, 1\), got 2.0"):
        part.validate()


def test_conflicts_come_when_fields_are_fine():
    with pytest.raises(ParameterError, match="excludes kind 'two'"):
        Outer(1, kind="two", flag=True)
    with pytest.raises(ParameterError) as caught:
        Outer(0, kind="two", flag=True)
    assert "excludes" not in str(caught.value)


def test_equality():
    assert Outer(3) == Outer(3)
    assert Outer(3) != Outer(4)
    assert Inner() != Outer(3)
    assert Inner() != 0.3
    with pytest.raises(TypeError, match="unhashable"):
        hash(Inner())


def test_defaults_are_not_shared():
    first, second = Outer(3), Outer(3)
    first.inner.rate = 0.7
    assert second.inner.rate == 0.3


def test_params():
    part = Outer(3)
    assert part.get_params()["inner__rate"] == 0.3
    assert part.set_params(inner__rate=0.5, size=4) is part
    assert (part.inner.rate, part.size) == (0.5, 4)
    assert part.set_params(inner=Inner(0.1), inner__rate=0.2).inner.rate == 0.2
    with pytest.raises(ParameterError) as caught:
        part.set_params(sizes=3, inners__rate=3)
    assert "did you mean 'size'" in str(caught.value) and "did you mean 'inner'" in str(caught.value)
    with pytest.raises(ParameterError, match="size of Outer must be a part to set rate of it"):
        part.set_params(size__rate=3)


def test_clone_shares_nothing():
    part = Outer(3, options={"a": [1]})
    copy = spec.clone(part)
    copy.inner.rate = 0.9
    copy.options["a"].append(2)
    assert part.inner.rate == 0.3
    assert part.options == {"a": [1]}


numbers = st.floats(0, 1, exclude_max=True)


@given(
    size=st.integers(1, 10**9),
    rate=numbers,
    widths=st.lists(st.integers(1, 10**6), max_size=4),
    limit=st.none() | st.floats(0, exclude_min=True, allow_nan=False),
)
def test_repr_and_equality_of_anything(size, rate, widths, limit):
    part = Outer(size, Inner(rate), tuple(widths), limit=limit)
    again = eval(repr(part), {"Outer": Outer, "Inner": Inner, "inf": math.inf})  # noqa: S307
    assert again == part


@given(
    hidden=st.lists(st.integers(1, 10**6), max_size=4),
    rate=st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False),
    beta=numbers,
)
def test_json_of_anything(hidden, rate, beta):
    for part in (Dense(tuple(hidden)), Training(learning_rate=rate, optimizer=Adam(beta1=beta)), Gaussian(3)):
        document = json.loads(json.dumps(part.to_json(), allow_nan=False))
        assert spec.from_json(document) == part


def test_infinity_survives_json():
    assert spec.from_json(json.loads(json.dumps(spec._to_json((math.inf, -math.inf))))) == (
        math.inf,
        -math.inf,
    )


def test_json_of_unknown_and_foreign_parts():
    with pytest.raises(ParameterError, match="may need a newer version"):
        spec.from_json({"type": "penalties.Fancy"})
    with pytest.raises(ModelError, match="not allowed, so nothing of it was run"):
        spec.from_json({"type": "antigravity:Part"})
    with pytest.raises(ModelError, match="does not name a class"):
        spec.from_json({"type": "os.system"}, allow=("os",))
    with pytest.raises(ParameterError, match="no field 'wdith'"):
        spec.from_json({"type": "architectures.Dense", "wdith": 3})


def test_values_without_json_form_are_refused():
    with pytest.raises(ParameterError, match="has no JSON form"):
        Outer(3, options={"a": object()}).to_json()
