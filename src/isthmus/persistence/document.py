"""JSON that keeps every number: NaN and infinities go through strict JSON and come back.

``{"$float": "nan"}`` stands for a float that JSON has no word for. A document's own object whose one key
begins with ``$`` gets one more ``$``, so nothing a document says can be mistaken for it.
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

_FLOAT = "$float"


def dumps(document: Any, *, indent: int | None = None) -> str:
    """Strict JSON text (ASCII) of a document of mappings, lists, strings, numbers, booleans and None.

    Tuples become lists and numpy's scalars plain numbers of the same value.
    Raises: TypeError naming the place of anything else, keys that are not strings included.
    """
    return json.dumps(_encoded(document, "document"), allow_nan=False, indent=indent)


def loads(text: str | bytes) -> Any:
    """What :func:`dumps` was given. Raises: ValueError for anything that is not strict JSON."""
    try:
        return _decoded(json.loads(text, parse_constant=_refuse))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _encoded(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else {_FLOAT: repr(number)}
    if isinstance(value, list | tuple):
        return [_encoded(item, f"{place}[{position}]") for position, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _encoded_mapping(value, place)
    if type(value).__name__ in ("bool_", "bool") and hasattr(value, "item"):  # numpy's
        return bool(value)
    raise TypeError(f"{place} is a {type(value).__name__}, which has no JSON form: use plain values.")


def _encoded_mapping(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{place} has the key {key!r}, and JSON has strings only as keys.")
    encoded = {key: _encoded(item, f"{place}.{key}") for key, item in value.items()}
    if len(encoded) == 1 and next(iter(encoded)).startswith("$"):
        return {f"${key}": item for key, item in encoded.items()}
    return encoded


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    decoded = {key: _decoded(item) for key, item in value.items()}
    if len(decoded) != 1:
        return decoded
    ((key, item),) = decoded.items()
    if key == _FLOAT:
        if item not in ("nan", "inf", "-inf"):
            raise ValueError(f"{item!r} is not a number")
        return float(item)
    return {key[1:]: item} if key.startswith("$$") else decoded
