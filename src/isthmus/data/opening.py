"""From what the caller has to a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from isthmus.data import builtin
from isthmus.data.arrays import ArraySource
from isthmus.data.delimited import open_delimited
from isthmus.data.files import check_file, missing, readable
from isthmus.data.frames import is_frame, native_of
from isthmus.data.idx import read_idx
from isthmus.data.images import SUFFIXES as IMAGE_SUFFIXES
from isthmus.data.images import ImageFolder
from isthmus.data.memory import spare_address_space
from isthmus.data.npfiles import array_source, open_npy, open_npz
from isthmus.data.parquet import ParquetSource
from isthmus.data.selection import Selection
from isthmus.data.source import Source
from isthmus.data.sparse import SparseSource
from isthmus.data.tables import TableSource
from isthmus.errors import DataError, InputError, nearest

KNOWN = (
    ".npy, .npz (file.npz:key), .csv, .tsv, .txt (each also .gz), .parquet (file or folder), "
    "IDX -ubyte[.gz], folders of images"
)
_TABLES = (".csv", ".tsv", ".tab", ".txt", ".csv.gz", ".tsv.gz", ".tab.gz", ".txt.gz")


def open_source(
    data: Any,
    *,
    target: str | None = None,
    columns: Sequence[str] | None = None,
    drop: Sequence[str] = (),
) -> Source:
    """The data set that ``data`` is or names.

    data : a path (``str`` or ``Path``; ``file.npz:key`` for one array of several), the name of a set inside
        scikit-learn (``digits``, ``iris``, ``wine``, ``breast_cancer``, ``diabetes``, ``linnerud``), a numpy
        array or nested list, a torch tensor, a scipy sparse matrix, a frame (pandas, polars, Arrow, whatever
        narwhals knows), or a Source, which is returned as it is. A file goes before a built-in name.
    target : a column that is taken out as labels; in a ``.npz`` another of its arrays; of an array file the
        number of a column. columns : of a table, the only ones to read. drop : of a table, those to leave out.
    Raises InputError for paths that cannot be read, DataError for data that cannot be used, each naming what is
    wrong where, SchemaError for columns that do not exist.
    """
    spare_address_space()
    if isinstance(data, Source):
        return data
    selection = Selection(target, None if columns is None else tuple(columns), tuple(drop))
    source = (
        _open_name(str(data), selection) if isinstance(data, str | Path) else _open_object(data, selection)
    )
    if drop and source.schema.kind != "table":
        raise DataError(f"{source.name} has no named columns to drop: leave out drop={', '.join(drop)}.")
    return source


def _open_object(data: Any, selection: Selection) -> Source:
    target = selection.target
    if target is not None and not is_frame(data):
        raise DataError(f"target={target!r} names a column, the data have no column names: pass labels as y.")
    if hasattr(data, "tocsr"):
        return SparseSource(data)
    if is_frame(data):
        return TableSource(data, native=native_of(data), selection=selection)
    if isinstance(data, dict | set | bytes) or callable(data):
        raise DataError(f"a {type(data).__name__} is no data set: pass an array, a frame, or a path.")
    return ArraySource(data, native="torch" if hasattr(data, "detach") else "numpy")


def _open_name(name: str, selection: Selection) -> Source:
    target = selection.target
    path = Path(name).expanduser()
    with readable(path):
        if path.is_dir():
            return _open_folder(path, selection)
        if path.exists():
            return _open_file(path, selection)
    head, colon, key = name.rpartition(":")
    if colon and head.lower().endswith(".npz"):
        return open_npz(Path(head).expanduser(), key=key, target=target)
    if name in builtin.NAMES:
        if target is not None:
            raise DataError(f"{name} brings its own labels: leave target={target!r} out.")
        return builtin.open_builtin(name)
    near = nearest(name, builtin.NAMES)
    if near and path.parent == Path():
        raise InputError(f"{name} is no file and no built-in set: did you mean {near!r}?")
    raise missing(path)


def _open_file(path: Path, selection: Selection) -> Source:
    target = selection.target
    check_file(path)
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return ParquetSource([path], name=str(path), selection=selection)
    if name.endswith(_TABLES):
        return open_delimited(path, selection)
    openers: dict[str, Callable[[], Source]] = {
        ".npy": lambda: open_npy(path, target=target),
        ".npz": lambda: open_npz(path, key=None, target=target),
    }
    if path.suffix.lower() in openers:
        return openers[path.suffix.lower()]()
    if name.endswith(("-ubyte", "-ubyte.gz", ".idx", ".idx.gz")) or "-idx" in name:
        return array_source(read_idx(path), name=str(path), target=target)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise DataError(f"{path} is one image, a data set is a folder of images: pass {path.parent}.")
    raise DataError(f"{path} has no suffix that is known, which are {KNOWN}: convert it, or rename it.")


def _open_folder(path: Path, selection: Selection) -> Source:
    parts = sorted(
        part
        for part in path.rglob("*")
        if part.suffix.lower() in (".parquet", ".pq")
        and not any(piece.startswith((".", "_")) for piece in part.relative_to(path).parts)
    )
    if not parts:
        if selection.target is not None:
            raise DataError(
                f"{path} is a folder of images, whose labels are its subfolders: leave target out."
            )
        return ImageFolder(path)
    keyed = next(
        (part for part in parts if any("=" in piece for piece in part.relative_to(path).parts[:-1])), None
    )
    if keyed is not None:
        raise DataError(
            f"{path} keeps columns in folder names ({keyed.relative_to(path).parts[0]}), which are not read: "
            f"write the parts with all of their columns inside."
        )
    return ParquetSource(parts, name=str(path), selection=selection)
