"""Parquet, one file or a folder of parts, streamed by row groups and never read whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.data.columns import check_names
from isthmus.data.files import check_file, readable
from isthmus.data.frames import _INDEX
from isthmus.data.selection import ALL, Selection
from isthmus.data.tables import TableStream, Unit
from isthmus.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

BUFFER_BYTES = 1 << 16
"""Read-ahead of each column of an open row group; without it Arrow would fetch whole column chunks."""


class ParquetSource(TableStream):
    """Parts with the same columns, in the order given. Types may differ where Arrow can promote one to the other.

    Raises InputError where a part cannot be read; DataError, naming the part, where one is damaged or has
    other columns; SchemaError where a wanted column does not exist.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        name: str,
        selection: Selection = ALL,
    ) -> None:
        self.name = name
        self._groups: list[tuple[Path, int, int]] = []
        schemas: list[pa.Schema] = []
        start = 0
        for path in paths:
            metadata = _metadata(path)
            schemas.append(_data_columns(metadata.schema.to_arrow_schema()))
            for group in range(metadata.num_row_groups):
                self._groups.append((path, group, start))
                start += metadata.row_group(group).num_rows
        self._n_rows = start
        self._choose(_common(paths, schemas), selection)
        if not start:
            raise DataError(
                f"Found array with 0 sample(s) (shape=(0, {len(self.column_names)})) while a minimum of 1 is "
                f"required: {name} has no rows."
            )

    @property
    def n_rows(self) -> int:
        """How many rows there are, from the files' footers."""
        return self._n_rows

    def _units(self) -> list[Unit]:
        return [(start, partial(self._read, path, group)) for path, group, start in self._groups]

    def _read(self, path: Path, group: int, names: Sequence[str]) -> Iterator[Any]:
        """Record batches of one row group; decoded on the calling thread, a little at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = pa.schema([self.read_schema.field(name) for name in names])
        with readable(path):
            try:
                with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
                    pieces = file.iter_batches(
                        self.piece_rows, row_groups=[group], columns=list(names), use_threads=False
                    )
                    for piece in pieces:
                        piece = piece.select(list(names))
                        yield piece if piece.schema.equals(wanted) else piece.cast(wanted)
            except (pa.ArrowInvalid, OSError) as error:
                if isinstance(error, PermissionError | FileNotFoundError):
                    raise
                raise damaged(path, error) from error


def _metadata(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path)
    with readable(path):
        try:
            return pq.read_metadata(path)
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(error, PermissionError):
                raise
            raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DataError:
    """The error about a file that Arrow cannot read."""
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return DataError(f"{path} is damaged or no Parquet file ({reason}): write it anew.")


def _data_columns(schema: pa.Schema) -> pa.Schema:
    """The schema without pandas' row index and without metadata."""
    import pyarrow as pa

    return pa.schema([field for field in schema if not _INDEX.fullmatch(field.name)])


def _common(paths: Sequence[Path], schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The schema that all parts share, types promoted. Raises DataError naming the odd part and column."""
    import pyarrow as pa

    first = schemas[0]
    check_names(first.names, str(paths[0]))
    for path, schema in zip(paths, schemas, strict=True):
        odd = sorted(set(schema.names) ^ set(first.names))
        if odd:
            whose = path if odd[0] in first.names else paths[0]
            raise DataError(f"{whose} lacks column {odd[0]!r}, which other parts have: make all parts alike.")
        for field in schema:
            if field.type.equals(first.field(field.name).type):
                continue
            try:
                pa.unify_schemas([first, schema], promote_options="permissive")
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise DataError(
                    f"column {field.name!r} is {field.type} in {path} and {first.field(field.name).type} in "
                    f"{paths[0]}: make all parts alike."
                ) from error
    return pa.unify_schemas(list(schemas), promote_options="permissive")
