"""A training's state as one sealed safetensors file, replaced in one step.

The header's one text is the seal (:mod:`~.seal`), a space, and the JSON of ``{"kind", "format", versions,
"document"}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.errors import CheckpointError, InputError
from isthmus.persistence import document as documents
from isthmus.persistence.atomic import new_file
from isthmus.persistence.seal import BLANK, is_intact, seal
from isthmus.persistence.versions import CHECKPOINT_FORMAT, check_format, written_by

if TYPE_CHECKING:
    from torch import Tensor

KIND = "isthmus-checkpoint"

_KEY = "isthmus"
_LARGEST_TEXT = 50_000_000  # the library reads headers up to 100 MB, and quotes are escaped in it


def save_checkpoint(
    path: str | os.PathLike[str], document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a checkpoint, replacing the one that is there in one step.

    Parameters
    ----------
    path : the file. A kill at any moment leaves the old checkpoint or the new one, each whole; what the
        killed process left beside it is removed by the next call.
    document : JSON-ready, at most 50 MB as text; NaN and infinities are kept, tuples come back as lists.
    tensors : by name, any data type and shape; kept bit for bit.

    Raises: OutputError when it cannot be written (the old one is still there), ValueError when the
    document is too large.
    """
    from isthmus.persistence import tensors as arrays

    content = {"kind": KIND, "format": CHECKPOINT_FORMAT} | written_by() | {"document": document}
    text = documents.dumps(content)
    if len(text) > _LARGEST_TEXT:
        raise ValueError(
            f"a checkpoint's document may have {_LARGEST_TEXT} characters, got {len(text)}: use tensors."
        )
    with new_file(path, overwrite=True) as file:
        arrays.write(file, tensors, metadata={_KEY: f"{BLANK} {text}"})
        seal(file)


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document and the tensors of a checkpoint, verified, tensors on the CPU.

    Raises: InputError when there is none, CheckpointError when it is damaged, foreign or too new.
    """
    from isthmus.persistence import tensors as arrays

    file = Path(path)
    if not file.exists():
        raise InputError(f"there is no checkpoint at {file}: check the path, or train from the beginning.")
    if not file.is_file():
        raise CheckpointError(f"{file} is a folder; a checkpoint is a file: check the path.")
    try:
        content = _read_text(file)
        check_format(
            content.get("format"),
            CHECKPOINT_FORMAT,
            what=f"the checkpoint {file}",
            wrote=content.get("isthmus"),
            error=CheckpointError,
        )
        if not is_intact(file):
            raise ValueError("damaged: its hash differs")
        tensors, _ = arrays.read(file)
    except CheckpointError:
        raise
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror or error}): check its permissions."
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{file} is {error}: train from the beginning or use another checkpoint."
        ) from error
    return content["document"], tensors


def _read_text(file: Path) -> dict[str, Any]:
    """The header's own text, read without the tensors. Raises: ValueError when there is none of ours."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = opened.read(length) if 2 <= length <= 2 * _LARGEST_TEXT else b""
    try:
        text = json.loads(header)["__metadata__"][_KEY]
        content = documents.loads(text[len(BLANK) + 1 :])
        if content["kind"] != KIND or not isinstance(content["document"], dict):
            raise KeyError(KIND)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("not a whole checkpoint of isthmus") from error
    return dict(content)
