"""``isthmus recipes``."""

from __future__ import annotations

import inspect
from typing import Any

from isthmus.cli import messages
from isthmus.cli.options import Json


def recipes(name: str | None = None, /, *, json: Json = False) -> None:
    """List the recipes, or describe one with its reference and its fields.

    Parameters
    ----------
    name : of one recipe; without it all are listed.
    json : print one JSON document.
    """
    from isthmus import recipes as shelf

    chosen = [_described(shelf.get(each)) for each in ([name] if name else shelf.names())]
    if json:
        messages.show_json(chosen[0] if name else {"recipes": chosen})
        return
    if name:
        messages.show(_page(chosen[0]))
        return
    width = max(len(recipe["name"]) for recipe in chosen)
    for recipe in chosen:
        messages.show(f"{recipe['name']:<{width}}  {recipe['summary']}")
        messages.show(f"{'':<{width}}  {recipe['reference']}")
    messages.show("\n`isthmus recipes NAME` shows the fields of one.")


def _described(recipe: Any) -> dict[str, Any]:
    text = inspect.getdoc(recipe) or ""
    model = recipe()
    return {
        "name": recipe.__name__,
        "summary": text.partition("\n\n")[0].replace("\n", " "),
        "reference": recipe.reference,
        "fields": {key: _plain(value) for key, value in recipe.fields().items()},
        "composition": repr(model),
        "description": text,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | tuple | list | None) else repr(value)


def _page(recipe: dict[str, Any]) -> str:
    fields = "\n".join(f"  {name} = {value!r}" for name, value in recipe["fields"].items())
    return (
        f"{recipe['name']}\n\n{recipe['description']}\n\nReference: {recipe['reference']}\n\n"
        f"Fields\n{fields}\n\nComposition\n  {recipe['composition']}"
    )
