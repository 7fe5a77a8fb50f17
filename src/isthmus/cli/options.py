"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json")]
Overwrite = Annotated[bool, Parameter(name="--overwrite")]
Quiet = Annotated[bool, Parameter(name="--quiet")]
Drop = Annotated[tuple[str, ...], Parameter(name="--drop")]
Allow = Annotated[tuple[str, ...], Parameter(name="--allow")]
