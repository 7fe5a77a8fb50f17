"""Which columns of a table are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus import load
from isthmus.cli.main import main
from isthmus.data.opening import open_source
from isthmus.data.selection import Selection
from isthmus.errors import DataError, SchemaError

NAMES = ("id", "a", "b", "label")


def test_data_are_what_is_left() -> None:
    assert Selection("label", drop=("id",)).chosen(NAMES, "X") == ("a", "b")
    assert Selection(columns=("b", "a")).chosen(NAMES, "X") == ("b", "a")
    assert Selection(columns=("a", "b"), drop=("a",)).chosen(NAMES, "X") == ("b",)


@pytest.mark.parametrize("selection", [Selection("ID"), Selection(columns=("ID",)), Selection(drop=("ID",))])
def test_a_column_that_is_not_there_is_named(selection: Selection) -> None:
    with pytest.raises(SchemaError, match=r"no column .ID.: did you mean .id.\?"):
        selection.chosen(NAMES, "X")


def test_nothing_left_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        Selection("a", drop=("b",)).chosen(("a", "b"), "X")


def test_arrays_have_no_columns_to_drop() -> None:
    with pytest.raises(DataError, match="no named columns to drop"):
        open_source(np.zeros((3, 2)), drop=["a"])


def test_an_identifier_is_dropped_and_the_model_remembers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    path, model = tmp_path / "t.csv", tmp_path / "model"
    rows = [
        f"https://site/{row}/page,{a:.4f},{b:.4f}"
        for row, (a, b) in enumerate(rng.standard_normal((1500, 2)))
    ]
    path.write_text("\n".join(["url,a,b", *rows]))
    fit = ["fit", str(path), "--out", str(model), "--epochs", "1", "--code-size", "1", "--quiet"]
    assert main(fit) == 2
    assert "--drop 'url'" in capsys.readouterr().err
    assert main([*fit, "--drop", "url"]) == 0
    assert load(model).schema_.names == ("a", "b")
    assert main(["evaluate", str(model), str(path)]) == 0
