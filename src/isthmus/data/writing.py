"""Writes results: whole or a block at a time, beside the target first, so that nothing is ever half-written."""

from __future__ import annotations

import errno
import os
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from isthmus.data.frames import as_table, is_frame
from isthmus.errors import DataError, OutputError, nearest

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


class Writer(ABC):
    """Takes blocks of rows and puts them into an open file."""

    def __init__(self, file: BinaryIO, *, names: Sequence[str] | None) -> None:
        self.file = file
        self.names = names

    @abstractmethod
    def append(self, values: Any) -> None:
        """values : (n, *row) array or tensor, or a frame; all blocks of one kind and shape."""

    @abstractmethod
    def finish(self) -> None:
        """Write what can only be written at the end. The file itself is closed by who opened it."""

    def abandon(self) -> None:  # noqa: B027 (nothing to do for most)
        """Let go of whatever is open, after a fault. The file is going to be removed."""


class _NumpyWriter(Writer):
    """``.npy``: the header has room for any number of rows and is written again at the end."""

    def __init__(self, file: BinaryIO, *, names: Sequence[str] | None) -> None:
        super().__init__(file, names=names)
        self._rows = 0
        self._row: tuple[int, ...] = ()
        self._dtype: np.dtype[Any] | None = None

    def append(self, values: Any) -> None:
        """See :class:`Writer`. Frames must hold numbers only."""
        array = _as_array(values)
        if self._dtype is None:
            self._dtype, self._row = array.dtype, array.shape[1:]
            self._start = self.file.tell()
            self._header()
        if array.shape[1:] != self._row:
            raise DataError(
                f"rows of shape {array.shape[1:]} after rows of shape {self._row}: write one shape a file."
            )
        self._rows += len(array)
        self.file.write(np.ascontiguousarray(array, dtype=self._dtype).data)

    def _header(self) -> None:
        np.lib.format.write_array_header_1_0(
            self.file,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype or np.dtype(np.float32)),
                "fortran_order": False,
                "shape": (self._rows, *self._row),
            },
        )

    def finish(self) -> None:
        """Write the header with the final number of rows."""
        if self._dtype is not None:
            self.file.seek(self._start)
            self._header()
            self.file.seek(0, os.SEEK_END)


class _ZipWriter(Writer):
    """``.npz`` with one array ``data``, gathered in a temporary ``.npy`` beside the target."""

    def __init__(self, file: BinaryIO, *, names: Sequence[str] | None) -> None:
        super().__init__(file, names=names)
        self._aside: BinaryIO = tempfile.TemporaryFile(dir=Path(file.name).parent)  # noqa: SIM115 (closed by finish)
        self._inner = _NumpyWriter(self._aside, names=names)

    def append(self, values: Any) -> None:
        """See :class:`Writer`."""
        self._inner.append(values)

    def finish(self) -> None:
        """Copy the array into the archive."""
        self._inner.finish()
        self._aside.seek(0)
        with (
            zipfile.ZipFile(self.file, "w") as archive,
            archive.open("data.npy", "w", force_zip64=True) as member,
        ):
            while piece := self._aside.read(1 << 20):
                member.write(piece)
        self._aside.close()

    def abandon(self) -> None:
        """See :class:`Writer`."""
        self._aside.close()


class _TableWriter(Writer):
    """``.parquet`` and ``.csv``: arrays become columns, one a number of the row."""

    def __init__(self, file: BinaryIO, *, names: Sequence[str] | None) -> None:
        super().__init__(file, names=names)
        self._inner: Any = None

    @abstractmethod
    def _opened(self, schema: pa.Schema) -> Any:
        """The library's writer."""

    def append(self, values: Any) -> None:
        """See :class:`Writer`."""
        table = self._laid_out(as_columns(values, self.names))
        if self._inner is None:
            self._inner = self._opened(table.schema)
        self._inner.write_table(table)

    def _laid_out(self, table: pa.Table) -> pa.Table:
        return table

    def finish(self) -> None:
        """Close the library's writer."""
        if self._inner is not None:
            self._inner.close()

    def abandon(self) -> None:
        """See :class:`Writer`. Arrow writes its footer on closing, which the same fault may prevent."""
        with suppress(OSError, ValueError):
            self.finish()


class _ParquetWriter(_TableWriter):
    def _opened(self, schema: pa.Schema) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(self.file, schema)


class _CsvWriter(_TableWriter):
    def _opened(self, schema: pa.Schema) -> Any:
        from pyarrow import csv

        return csv.CSVWriter(self.file, schema)

    def _laid_out(self, table: pa.Table) -> pa.Table:
        """Dictionaries as text, which is all that CSV has."""
        import pyarrow as pa
        import pyarrow.types as kinds

        fields = [
            pa.field(field.name, field.type.value_type if kinds.is_dictionary(field.type) else field.type)
            for field in table.schema
        ]
        return table.cast(pa.schema(fields))


_WRITERS: dict[str, type[Writer]] = {
    ".npy": _NumpyWriter,
    ".npz": _ZipWriter,
    ".parquet": _ParquetWriter,
    ".csv": _CsvWriter,
}


def check_output(path: str | Path, *, overwrite: bool = False) -> Path:
    """``path`` if something can be written there. Call it before long work.

    Raises OutputError for an unknown suffix, an existing file unless ``overwrite``, a folder that is missing
    or may not be written.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in _WRITERS:
        near = nearest(path.suffix.lower(), _WRITERS)
        hint = f"did you mean {path.with_suffix(near)}?" if near else "end it with one of them."
        raise OutputError(f"{path} has suffix {path.suffix!r}, results go to {', '.join(_WRITERS)}: {hint}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder, results go to a file: name a file in it.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already: choose another name, or allow overwriting.")
    if not path.parent.is_dir():
        raise OutputError(
            f"{path.parent} is no folder, so {path.name} cannot be written there: make it first."
        )
    if not os.access(path.parent, os.W_OK):
        raise OutputError(
            f"{path.parent} may not be written: choose another folder, or change its permissions."
        )
    return path


@contextmanager
def writer(
    path: str | Path, *, overwrite: bool = False, names: Sequence[str] | None = None
) -> Iterator[Writer]:
    """A writer for blocks of rows; the file appears whole at the end, or not at all.

    names : of the columns of arrays in ``.parquet`` and ``.csv``; x0, x1, ... without.
    Raises OutputError for whatever the file system refuses, a full disk among it; nothing is left behind then.
    """
    path = check_output(path, overwrite=overwrite)
    with _faults(path):
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb+") as file:
                # The name lets the writers put their own temporary files on the same disk.
                out = _WRITERS[path.suffix.lower()](_Named(file, aside), names=names)  # type: ignore[arg-type]
                try:
                    yield out
                    out.finish()
                except BaseException:
                    out.abandon()
                    raise
                file.flush()
                os.fsync(file.fileno())
            Path(aside).chmod(0o666 & ~_umask())
            os.replace(aside, path)
            _sync_folder(path.parent)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise


class _Named:
    """A binary file that knows its path; ``os.fdopen`` calls it by its number."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._file, attribute)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Faults of the file system as OutputError."""
    try:
        yield
    except (OutputError, DataError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OutputError(
                f"{path} cannot be written, the disk is full: free some space; nothing was left."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputError(
                f"{path} may not be written ({error.strerror}): choose another folder."
            ) from error
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise OutputError(f"{path} cannot be written ({error.strerror}): check the path.") from error
        raise


def write(
    path: str | Path, values: Any, *, overwrite: bool = False, names: Sequence[str] | None = None
) -> None:
    """Write an array, tensor or frame to ``.npy``, ``.npz`` (as ``data``), ``.parquet`` or ``.csv``, atomically.

    Raises OutputError as :func:`writer` does, DataError for values that the format cannot hold.
    """
    with writer(path, overwrite=overwrite, names=names) as out:
        out.append(values)


def _as_array(values: Any) -> NDArray[Any]:
    if is_frame(values):
        from isthmus.data.frames import numbers_of_frame

        try:
            return numbers_of_frame(values)
        except DataError as error:
            raise DataError(
                "the results have columns of text, which arrays cannot hold: write .parquet or .csv."
            ) from error
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def as_columns(values: Any, names: Sequence[str] | None) -> pa.Table:
    """Rows of any shape as an Arrow table, one column a number; frames as they are."""
    import pyarrow as pa

    if is_frame(values):
        return as_table(values, name="the results")
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    flat = array.reshape(len(array), -1)
    names = list(names) if names is not None else [f"x{place}" for place in range(flat.shape[1])]
    if len(names) != flat.shape[1]:
        raise DataError(f"{len(names)} names for {flat.shape[1]} columns: give each column one.")
    return pa.Table.from_arrays([pa.array(flat[:, place]) for place in range(flat.shape[1])], names=names)
