"""Which columns of a table are data, which one is labels, and which are neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.errors import DataError, SchemaError, nearest


@dataclass(frozen=True)
class Selection:
    """What the caller wants of the columns.

    target : the one that is taken out as labels. columns : the only ones to read, None = all but the target.
    drop : those that are left out.
    """

    target: str | None = None
    columns: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()

    def chosen(self, names: Sequence[str], owner: str) -> tuple[str, ...]:
        """The columns of ``names`` that are data.

        Raises SchemaError for a wanted or dropped column that is not there, DataError where none is left.
        """
        wanted = [*(self.columns or ()), *([self.target] if self.target is not None else []), *self.drop]
        for name in wanted:
            if name not in names:
                near = nearest(name, names)
                hint = f"did you mean {near!r}?" if near else f"it has {', '.join(map(repr, names[:20]))}."
                raise SchemaError(f"{owner} has no column {name!r}: {hint}")
        out = {self.target, *self.drop}
        data = tuple(name for name in (names if self.columns is None else self.columns) if name not in out)
        if not data:
            left = f"its target {self.target!r}" if self.target is not None else "those that are dropped"
            raise DataError(f"{owner} has no column but {left}: there is nothing to learn from.")
        return data


ALL = Selection()
