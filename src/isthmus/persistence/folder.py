"""A model as a folder of three files, verified whole before anything of it is used.

``manifest.json`` kind, format, versions, and size and SHA-256 of the others; sealed (:mod:`~.seal`).
``model.json`` the document: parts, schema, history. ``weights.safetensors`` the tensors.
"""

from __future__ import annotations

import json
import os
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.errors import InputError, ModelError, OutputError
from isthmus.persistence import document as documents
from isthmus.persistence.atomic import new_folder
from isthmus.persistence.seal import BLANK, is_intact, seal, sha256
from isthmus.persistence.versions import MODEL_FORMAT, check_format, migrated, written_by

if TYPE_CHECKING:
    from torch import Tensor

KIND = "isthmus-model"
MANIFEST = "manifest.json"
DOCUMENT = "model.json"
WEIGHTS = "weights.safetensors"

_LARGEST_MANIFEST = 1 << 20
_AGAIN = "copy the model anew or save it again"
_PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".dill", ".npy", ".npz"})
_PROGRAMS = frozenset({".py", ".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".sh", ".bat", ".exe"})
# Beginnings of pickles (protocol 2 and later), zip archives (torch.save, wheels), ELF, scripts, Windows programs.
_MAGIC = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"\x7fELF", b"#!", b"MZ")


class ExtraFileWarning(UserWarning):
    """A model's folder holds a file that is no part of the model."""


def save_folder(
    path: str | os.PathLike[str],
    *,
    document: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    overwrite: bool = False,
) -> None:
    """Write a model to a folder, whole or not at all.

    Parameters
    ----------
    path : the folder to make. Folders above it are made too.
    document : JSON-ready; NaN and infinities are kept, tuples come back as lists.
    tensors : by name, any data type and shape; kept bit for bit.
    overwrite : whether a model that is there already may be replaced. Nothing but a model or an empty
        folder is ever replaced.

    Raises: OutputError when ``path`` exists, is no model, or cannot be written; then it is as it was.
    """
    from isthmus.persistence import tensors as arrays

    text = documents.dumps(document, indent=1)
    if overwrite:
        _refuse_foreign(Path(path))
    with new_folder(path, overwrite=overwrite) as folder:
        (folder / DOCUMENT).write_text(text + "\n", encoding="ascii")
        arrays.write(folder / WEIGHTS, tensors)
        manifest = {"seal": BLANK, "kind": KIND, "format": MODEL_FORMAT} | written_by()
        files = {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
            for name in (DOCUMENT, WEIGHTS)
        }
        (folder / MANIFEST).write_text(
            json.dumps(manifest | {"files": files}, indent=1) + "\n", encoding="ascii"
        )
        seal(folder / MANIFEST)


def load_folder(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document and the tensors of a model, in the newest format, tensors on the CPU.

    Every file is verified against the manifest first. Nothing is unpickled and no code is run.
    Raises: InputError when there is nothing to read, ModelError when the folder is damaged, foreign,
    tampered with or too new.
    """
    from isthmus.persistence import tensors as arrays

    folder = Path(path)
    manifest = read_manifest(folder)
    document = _read_document(folder, manifest)
    _verify(folder, WEIGHTS, manifest)
    _look_at_others(folder)
    try:
        tensors, _ = arrays.read(folder / WEIGHTS)
    except ValueError as error:
        raise ModelError(f"{folder / WEIGHTS} is {error}: {_AGAIN}.") from error
    return migrated(document, tensors, found=manifest["format"])


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a model, verified; needs no torch. Raises: as :func:`load_folder`."""
    folder = Path(path)
    _check_folder(folder)
    file = folder / MANIFEST
    _check_file(file)
    try:
        if file.stat().st_size > _LARGEST_MANIFEST:
            raise ValueError("too large")
        manifest = json.loads(file.read_bytes())
    except OSError as error:
        raise _unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} is damaged ({error}): {_AGAIN}.") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise ModelError(f"{file} is not the manifest of an isthmus model: give a folder that isthmus saved.")
    check_format(
        manifest.get("format"), MODEL_FORMAT, what=f"the model {folder}", wrote=manifest.get("isthmus")
    )
    if not is_intact(file):
        raise ModelError(f"{file} was changed after it was saved: {_AGAIN}.")
    _check_listing(file, manifest.get("files"))
    return manifest


def read_document(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The document of a model without its tensors, verified; needs no torch. Raises: as :func:`load_folder`."""
    return _read_document(Path(path), read_manifest(path))


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a path looks like a saved model: a folder with a manifest. Nothing is verified."""
    return Path(path, MANIFEST).is_file()


def _read_document(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    _verify(folder, DOCUMENT, manifest)
    try:
        document = documents.loads((folder / DOCUMENT).read_bytes())
    except ValueError as error:
        raise ModelError(f"{folder / DOCUMENT} is not JSON ({error}): {_AGAIN}.") from error
    if not isinstance(document, dict):
        raise ModelError(f"{folder / DOCUMENT} holds no JSON object: {_AGAIN}.")
    return document


def _check_folder(folder: Path) -> None:
    """Refuse what is no folder, or has no manifest."""
    try:
        if not folder.exists():
            raise InputError(f"there is no model at {folder}: check the path.")
        if not folder.is_dir():
            kind = "a pickle or a program, which isthmus never opens" if _is_code(folder) else "a file"
            raise ModelError(
                f"{folder} is {kind}; a saved model is a folder: give the folder that isthmus saved."
            )
        names = sorted(os.listdir(folder))
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(folder, error) from error
    if MANIFEST not in names:
        held = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "nothing"
        raise ModelError(
            f"{folder} has no {MANIFEST} (it holds {held}), so it is not a whole isthmus model: "
            "give a folder that isthmus saved."
        )


def _check_file(file: Path) -> None:
    """Refuse a missing file, and anything but a plain one: links could lead out of the folder."""
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        raise ModelError(f"{file} is missing: {_AGAIN}.") from None
    except OSError as error:
        raise _unreadable(file, error) from error
    if not stat.S_ISREG(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a plain file"
        raise ModelError(f"{file} is {kind}, which a saved model never holds: {_AGAIN}.")


def _check_listing(file: Path, listed: Any) -> None:
    """Refuse a manifest that lists other files than a model has, or says nothing sensible of them."""
    names = sorted(map(str, listed)) if isinstance(listed, dict) else []
    if names != [DOCUMENT, WEIGHTS]:
        shown = ", ".join(map(repr, names)) or "nothing"
        raise ModelError(
            f"{file} lists {shown} instead of '{DOCUMENT}' and '{WEIGHTS}', so nothing was read: {_AGAIN}."
        )
    for name, entry in listed.items():
        if (
            not isinstance(entry, dict)
            or type(entry.get("bytes")) is not int
            or type(entry.get("sha256")) is not str
        ):
            raise ModelError(f"{file} gives no size and hash of {name}: {_AGAIN}.")


def _verify(folder: Path, name: str, manifest: Mapping[str, Any]) -> None:
    """Refuse a file whose size or content is not what the manifest says."""
    file, expected = folder / name, manifest["files"][name]
    _check_file(file)
    try:
        size = file.stat().st_size
        if size != expected["bytes"]:
            what = "truncated" if size < expected["bytes"] else "longer than it was"
            raise ModelError(f"{file} is {what} ({size} bytes of {expected['bytes']}): {_AGAIN}.")
        if sha256(file) != expected["sha256"]:
            raise ModelError(
                f"{file} was changed after it was saved (its hash differs from the manifest's): {_AGAIN}."
            )
    except OSError as error:
        raise _unreadable(file, error) from error


def _look_at_others(folder: Path) -> None:
    """Refuse code beside the model's files; warn of anything else."""
    others = sorted(set(os.listdir(folder)) - {MANIFEST, DOCUMENT, WEIGHTS})
    for name in others:
        if _is_code(folder / name):
            raise ModelError(
                f"{folder / name} looks like a pickle or a program and is no part of the model; "
                "somebody put it there: remove it if you trust the rest."
            )
    if others:
        warnings.warn(
            f"{folder} holds {', '.join(others)}, no part of the model: not read.",
            ExtraFileWarning,
            stacklevel=3,
        )


def _is_code(file: Path) -> bool:
    """Whether a file is named like, or begins like, a pickle or a program."""
    if file.is_symlink() or file.suffix.lower() in _PICKLES | _PROGRAMS:
        return True
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(4).startswith(_MAGIC)


def _refuse_foreign(path: Path) -> None:
    """Refuse to replace a folder that is neither empty nor a model: it may be anything of the user's."""
    if path.is_dir() and any(path.iterdir()) and not is_model(path):
        raise OutputError(
            f"{path} is a folder but no isthmus model, so it is not overwritten: choose another path."
        )


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be read ({error.strerror or error}): check its permissions and the disk."
    )
