"""``isthmus encode``, ``decode`` and ``reconstruct``: data through a model into a file, a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli import messages
from isthmus.cli.options import Allow, Json, Overwrite


def encode(
    model: Path,
    data: str,
    /,
    *,
    out: Path,
    allow: Allow = (),
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write the codes of data to a file, a row a sample.

    Parameters
    ----------
    model : folder that fit wrote.
    data : a file, a folder or a built-in name.
    out : .npy, .npz, .parquet or .csv.
    allow : module of your own whose code the model may import, as often as needed.
    overwrite : replace an existing file.
    json : print one JSON document.
    """
    from isthmus.cli.streaming import codes, opened_data, opened_model
    from isthmus.data.writing import check_output

    check_output(out, overwrite=overwrite)
    loaded = opened_model(model, allow=allow)
    names = list(loaded.get_feature_names_out())
    _written(
        codes(loaded, opened_data(loaded, data)), out, "codes", names=names, overwrite=overwrite, json=json
    )


def decode(
    model: Path,
    codes: str,
    /,
    *,
    out: Path,
    allow: Allow = (),
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write what codes decode to, in data units.

    Parameters
    ----------
    model : folder that fit wrote.
    codes : file of codes, such as encode writes.
    out : .npy, .npz, .parquet or .csv.
    allow : module of your own whose code the model may import, as often as needed.
    overwrite : replace an existing file.
    json : print one JSON document.
    """
    from isthmus.cli.streaming import decoded, opened_model
    from isthmus.data.opening import open_source
    from isthmus.data.writing import check_output

    check_output(out, overwrite=overwrite)
    loaded = opened_model(model, allow=allow)
    _written(decoded(loaded, open_source(codes)), out, "samples", overwrite=overwrite, json=json)


def reconstruct(
    model: Path,
    data: str,
    /,
    *,
    out: Path,
    steps: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    allow: Allow = (),
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write the reconstructions of data, in data units; unknown entries come back filled in.

    Parameters
    ----------
    model : folder that fit wrote.
    data : a file, a folder or a built-in name.
    out : .npy, .npz, .parquet or .csv.
    steps : reconstruct the reconstruction again, so many times in all: denoising in small steps.
    allow : module of your own whose code the model may import, as often as needed.
    overwrite : replace an existing file.
    json : print one JSON document.
    """
    from isthmus.cli.streaming import opened_data, opened_model, reconstructions
    from isthmus.data.writing import check_output

    check_output(out, overwrite=overwrite)
    loaded = opened_model(model, allow=allow)
    blocks = reconstructions(loaded, opened_data(loaded, data), steps=steps)
    _written(blocks, out, "reconstructions", overwrite=overwrite, json=json)


def _written(
    blocks: Iterable[Any],
    out: Path,
    what: str,
    *,
    overwrite: bool,
    json: bool,
    names: Sequence[str] | None = None,
) -> None:
    """Write the blocks and say what was written."""
    from isthmus.data.writing import writer

    n, shape = 0, ()
    with writer(out, overwrite=overwrite, names=names) as file:
        for block in blocks:
            file.append(block)
            n, shape = n + len(block), tuple(block.shape[1:])
    if json:
        messages.show_json({"out": str(out), "n": n, "shape": [n, *shape]})
    else:
        messages.show(f"{n:,} {what} of {' x '.join(map(str, shape))} are in {out}.")
