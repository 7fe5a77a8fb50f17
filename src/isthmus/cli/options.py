"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", negative=())]
Overwrite = Annotated[bool, Parameter(name="--overwrite", negative=())]
Quiet = Annotated[bool, Parameter(name="--quiet", negative=())]
Allow = Annotated[tuple[str, ...], Parameter(name="--allow", negative=())]
