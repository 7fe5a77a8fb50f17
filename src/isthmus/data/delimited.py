"""Text tables: CSV, TSV and whitespace text, gzipped or not, streamed by pyarrow."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.columns import check_names, looks_numeric
from isthmus.data.files import check_file, readable
from isthmus.data.npfiles import array_source
from isthmus.data.profile import TableProfile, profiled
from isthmus.data.selection import Selection
from isthmus.data.tables import TableStream, Unit
from isthmus.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from isthmus.data.source import Source

BLOCK_BYTES = 1 << 22
"""Bytes of text that are parsed at a time; a single row must fit."""

_WIDER = {"null": "int64", "int64": "double"}
"""What a column's type becomes when a later entry does not fit it; everything else becomes text."""

_MISFIT = re.compile(r"In CSV column #(\d+):.*?conversion error to ([^:]+):", re.DOTALL)
_DAMAGE = (EOFError, OSError, zlib.error, UnicodeDecodeError)


def open_delimited(path: Path, selection: Selection) -> Source:
    """A text table as a stream; ``.txt`` of numbers between blanks as an array."""
    check_file(path)
    head = _head(path)
    if ".txt" in path.name.lower() and not any(mark in head[0] for mark in ",;\t|"):
        return array_source(_whitespace(path), name=str(path), target=selection.target)
    return DelimitedSource(path, head, selection)


def _head(path: Path) -> list[str]:
    """The first lines of a text file, unpacked."""
    with readable(path):
        try:
            with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
                start = file.read(1 << 18)
            text = start.decode("utf-8-sig", errors="strict" if len(start) < 1 << 18 else "ignore")
        except _DAMAGE as error:
            if isinstance(error, PermissionError):
                raise
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise DataError(
                f"{path} cannot be read as text ({reason}): convert it to UTF-8, or fetch it anew."
            ) from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path} has no rows: check how it was made.")
    return lines


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _whitespace(path: Path) -> Any:
    with readable(path):
        try:
            return np.loadtxt(path, ndmin=2)
        except (ValueError, *_DAMAGE) as error:
            raise DataError(
                f"{path} is no table of numbers between blanks ({error}): write it as .csv."
            ) from error


class DelimitedSource(TableStream):
    """A CSV file. The mark between entries is the most frequent of ``,``, ``;``, tab and ``|`` in the first line.

    The first line holds the names, unless all of its entries are numbers other than 0, 1, 2, ...; the columns of
    such a file are called ``x0``, ``x1``, .... Empty entries, NA, NaN, null and their like are unknown.
    Types are inferred from the whole file: a column is text if one entry of it is no number.
    """

    def __init__(self, path: Path, head: list[str], selection: Selection) -> None:
        self.name = str(path)
        self.path = path
        self.delimiter = "\t" if ".ts" in path.name else max(",;\t|", key=head[0].count)
        first = [cell.strip().strip('"') for cell in head[0].split(self.delimiter)]
        numbers = all(cell and looks_numeric(cell) for cell in first)
        counting = first == [str(place) for place in range(len(first))]
        self._generated = [f"x{place}" for place in range(len(first))] if numbers and not counting else None
        self._types: dict[str, Any] = {}
        self.selection = selection
        self._settle()

    def _settle(self) -> None:
        """Read the file once: its types and its statistics. Begins anew with a wider type where an entry misfits."""
        import pyarrow as pa

        while True:
            try:
                with readable(self.path):
                    self._profile = self._profiled()
                    return
            except pa.ArrowInvalid as error:
                self._widen(error)
            except (EOFError, zlib.error, OSError) as error:
                if isinstance(error, PermissionError | FileNotFoundError | DataError):
                    raise
                raise DataError(f"{self.path} is damaged ({error}): fetch it anew.") from error

    def _profiled(self) -> TableProfile:
        with self._reader(()) as reader:
            names = reader.schema.names
            check_names(names, self.name)
            self._choose(reader.schema, self.selection)
        self._types |= {field.name: field.type for field in self.read_schema}
        return profiled(self._read(self.read_names), self.read_schema, name=self.name, target=self.target)

    def _widen(self, error: Exception) -> None:
        """Give the column that Arrow complains about a wider type, or raise DataError."""
        import pyarrow as pa

        found = _MISFIT.search(str(error))
        if found is None:
            reason = str(error).strip().splitlines()[0].rstrip(".:")
            raise DataError(
                f"{self.path} is no proper table ({reason}): give every row the same columns."
            ) from error
        column = self.read_names[int(found[1])] if int(found[1]) < len(self.read_names) else ""
        before = str(self._types.get(column, ""))
        if not column or before == "string":
            raise DataError(f"{self.path} cannot be read ({error}): check how it was made.") from error
        self._types[column] = pa.type_for_alias(_WIDER.get(before, "string"))

    @cached_property
    def profile(self) -> TableProfile:
        """Statistics of all columns."""
        return self._profile

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self._profile.rows

    def _units(self) -> list[Unit]:
        return [(0, self._read)]

    def _read(self, names: Sequence[str]) -> Iterator[Any]:
        with self._reader(names) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield batch.select(list(names))

    def _reader(self, names: Sequence[str]) -> pa.csv.CSVStreamingReader:
        import pyarrow as pa
        from pyarrow import csv

        compression = "gzip" if _is_gzip(self.path) else None
        return csv.open_csv(
            pa.input_stream(str(self.path), compression=compression),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=self._generated
            ),
            parse_options=csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=self._types, strings_can_be_null=True, include_columns=list(names)
            ),
        )
