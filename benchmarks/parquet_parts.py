"""Writes a folder of Parquet parts in constant memory: ``python -m benchmarks.parquet_parts FOLDER --rows N``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.tasks import TABLE_COLUMNS, TABLE_SEED, table

PART_ROWS = 500_000
GROUP_ROWS = 50_000
BLOCK_ROWS = 100_000


def write_parts(folder: Path, rows: int) -> int:
    """Rows of the synthetic table's kind as float32 columns; returns the bytes written.

    Random floats do not compress, so the bytes on disk are about those in memory.
    """
    folder.mkdir(parents=True)
    names = [f"c{number:02d}" for number in range(TABLE_COLUMNS)]
    schema = pa.schema([(name, pa.float32()) for name in names])
    for part, first in enumerate(range(0, rows, PART_ROWS)):
        path = folder / f"part-{part:05d}.parquet"
        with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for start in range(first, min(rows, first + PART_ROWS), BLOCK_ROWS):
                count = min(BLOCK_ROWS, rows - start, first + PART_ROWS - start)
                values = _block(start, count)
                writer.write_table(
                    pa.table([pa.array(c) for c in values.T.copy()], schema=schema), GROUP_ROWS
                )
    return sum(path.stat().st_size for path in folder.iterdir())


def _block(start: int, count: int) -> np.ndarray:
    """The synthetic table with fresh noise; its mixing is that of the first block, so that it can be learned."""
    base = _base()
    generator = np.random.default_rng([TABLE_SEED, start])
    chosen = base[generator.integers(0, len(base), size=count)]
    return chosen + generator.normal(0, 0.05, size=chosen.shape).astype(np.float32)


def _base(cache: list[np.ndarray] = []) -> np.ndarray:  # noqa: B006 - computed once
    if not cache:
        cache.append(table(50_000, 1)[0])
    return cache[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    wish = parser.parse_args()
    sys.stdout.write(f"{write_parts(wish.folder, wish.rows)}\n")
