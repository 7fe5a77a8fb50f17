"""NumPy's own files: ``.npy`` as a memory map, ``.npz`` one array of it, scipy's sparse ``.npz``."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.arrays import ArraySource
from isthmus.data.files import check_file, readable
from isthmus.data.sparse import SparseSource
from isthmus.errors import DataError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.source import Source

_SPARSE_KEYS = {"format", "shape", "data"}
_DAMAGE = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, KeyError)


def open_npy(path: Path, *, target: str | None) -> Source:
    """A ``.npy`` file as a read-only memory map."""
    check_file(path)
    with readable(path):
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            if isinstance(error, PermissionError):
                raise
            raise DataError(
                f"{path} is no readable .npy file ({error}): write it anew with numpy.save."
            ) from error
    return array_source(array, name=str(path), target=target)


def open_npz(path: Path, *, key: str | None, target: str | None) -> Source:
    """One array of a ``.npz`` file, or the sparse matrix in it; ``target`` names another array of the file."""
    check_file(path)
    with readable(path):
        try:
            # Opened here, for numpy leaves the file open where the archive is damaged.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if not isinstance(archive, np.lib.npyio.NpzFile):
                    raise DataError(f"{path} is no .npz file: give it the suffix .npy.")
                if set(archive.files) >= _SPARSE_KEYS and key is None:
                    return _sparse(path, archive)
                wanted = _choose(path, archive.files, key, target)
                values = archive[wanted]
                labels = archive[target] if target in archive.files else None
        except DataError:
            raise
        except _DAMAGE as error:
            raise DataError(
                f"{path} is no readable .npz file ({error}): write it anew with numpy.savez."
            ) from error
    name = f"{path}:{wanted}" if key else str(path)
    if labels is not None and target is not None:
        return ArraySource(values, name=name, native="file", **coded(labels.ravel(), name=f"{path}:{target}"))
    return array_source(values, name=name, target=target)


def _sparse(path: Path, archive: Any) -> SparseSource:
    from scipy.sparse import load_npz

    if "O" in {archive[key].dtype.kind for key in archive.files}:
        raise DataError(f"{path} holds objects, numbers are needed: convert it first.")
    return SparseSource(load_npz(path), name=str(path), native="file")


def _choose(path: Path, keys: list[str], key: str | None, target: str | None) -> str:
    """Which array of an archive is meant."""
    if key is not None:
        if key in keys:
            return key
        near = nearest(key, keys) or next((name for name in keys if name.lower() == key.lower()), None)
        hint = f"did you mean {path}:{near}?" if near else f"it has {', '.join(keys)}."
        raise DataError(f"{path} holds no array {key!r}: {hint}")
    others = [name for name in keys if name != target]
    if len(others) == 1:
        return others[0]
    if not others:
        raise DataError(f"{path} holds no array: check how it was made.")
    raise DataError(
        f"{path} holds {len(keys)} arrays ({', '.join(keys)}), one is needed: name it as {path}:{others[0]}"
        + ("." if target else f", and another as target if there are labels, as target={others[-1]}.")
    )


def array_source(array: NDArray[Any], *, name: str, target: str | None) -> ArraySource:
    """An array out of a file; ``target`` may be the number of a column of a 2-D array."""
    if target is None:
        return ArraySource(array, name=name, native="file")
    if (
        array.ndim != 2
        or not target.lstrip("-").isdigit()
        or not -array.shape[1] <= int(target) < array.shape[1]
    ):
        size = f"0 to {array.shape[1] - 1}" if array.ndim == 2 else "none, for rows are no vectors"
        raise DataError(
            f"{name} has no column {target!r} to take as target: its columns are numbers ({size})."
        )
    column = int(target) % array.shape[1]
    rest = np.delete(array, column, axis=1)
    return ArraySource(rest, name=name, native="file", labels=np.array(array[:, column]))


def coded(labels: NDArray[Any], *, name: str) -> dict[str, Any]:
    """``labels`` and ``label_names`` for a source: numbers as they are, text as codes of its sorted levels."""
    if labels.dtype.kind in "biuf":
        return {"labels": labels, "label_names": ()}
    if labels.dtype.kind in "US":
        levels, codes = np.unique(labels, return_inverse=True)
        return {"labels": codes.astype(np.int64), "label_names": tuple(map(str, levels.tolist()))}
    raise DataError(f"{name} holds {labels.dtype}, labels must be numbers or text.")
