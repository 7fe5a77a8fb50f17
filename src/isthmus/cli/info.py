"""``isthmus info``."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isthmus.cli import messages
from isthmus.cli.options import Drop, Json


def info(what: str, /, *, target: str | None = None, drop: Drop = (), json: Json = False) -> None:
    """What is in a model or in a data set.

    Parameters
    ----------
    what : folder that fit wrote, or a file, folder or built-in name of data.
    target : a column of the data that holds labels.
    drop : a column of the data to leave out, as often as needed.
    json : print one JSON document.
    """
    from isthmus.persistence.folder import DOCUMENT, is_model

    path = Path(what).expanduser()
    if is_model(path) or (path / DOCUMENT).is_file():
        document, text = _model(path)
    else:
        document, text = _data(what, target, drop)
    if json:
        messages.show_json(document)
    else:
        messages.show(text)


def _data(name: str, target: str | None, drop: Sequence[str]) -> tuple[dict[str, Any], str]:
    from isthmus.data.opening import open_source

    source = open_source(name, target=target, drop=drop)
    schema = source.schema
    labels: dict[str, Any] | None = None
    text = f"{source.name}\n{schema.describe()}"
    if source.labels is not None:
        labels = {"n": len(source.labels), "names": list(source.label_names)}
        text += f"\nlabels: one a row{': ' if source.label_names else ''}{', '.join(source.label_names)}"
    document = {
        "kind": "data",
        "name": source.name,
        "n": schema.n_rows,
        "features": schema.event_size,
        "schema": schema.to_json(),
        "labels": labels,
    }
    return document, text


def _model(path: Path) -> tuple[dict[str, Any], str]:
    """Read from the verified document alone: no code that a model names is run."""
    from isthmus.data.fitting import transform_from_json
    from isthmus.persistence.folder import load_folder, read_manifest
    from isthmus.training.stages import joint, summed_up

    manifest = read_manifest(path)
    document, tensors = load_folder(path)
    parts = {name: _shown(value) for name, value in document["parts"].items()}
    training = _shown(document["parameters"]["training"])
    fitted, transform = document["fitted"], transform_from_json(document["transform"])
    summary, history = fitted["training_summary_"], joint(fitted["history_"])
    last = history[min(max(summary["best_epoch"], 1), len(history)) - 1] if history else {}
    versions = {key: value for key, value in manifest.items() if key not in ("seal", "files")}
    facts = {
        "parts": parts | {"training": training, "scaling": document["parameters"]["scaling"]},
        "code_size": fitted["code_size_"],
        "features": transform.event.size,
        "event": list(transform.event.shape),
        "training": summary,
        "stages": summed_up(fitted["history_"]),
        "last": last,
        "written": versions,
        "bytes": sum(entry["bytes"] for entry in manifest["files"].values()),
    }
    losses = ", ".join(
        f"{name} {value:.4g}" for name, value in last.items() if name not in ("epoch", "seconds")
    )
    lines = [f"model {path}, {facts['bytes']:,} bytes", ""]
    lines += [_entry(name, value) for name, value in facts["parts"].items()]
    lines += [
        "",
        _entry("code size", facts["code_size"]),
        _entry("weights", f"{summary['parameters']:,} in {len(tensors)} tensors"),
        _entry("trained on", f"{summary['data']}, {summary['rows']:,} rows"),
        _entry(
            "epochs", f"{summary['epochs']:,} in {summary['seconds']:.1f} s, stopped by {summary['stopped']}"
        ),
        *(_entry("before", f"{name}: {text}") for name, text in facts["stages"].items()),
        _entry("losses", losses or "none"),
        _entry("seed", summary["seed"]),
        _entry(
            "computed on",
            f"{summary['device']}, {summary['precision']}, {messages.counted(summary['threads'], 'thread')}",
        ),
        _entry(
            "written by", ", ".join(f"{name} {value}" for name, value in versions.items() if name != "kind")
        ),
        "",
        "rows are",
        textwrap.indent(transform.schema.describe(), "  "),
    ]
    document_out = {"kind": "model", "path": str(path)} | facts | {"schema": transform.schema.to_json()}
    return document_out, "\n".join(lines)


def _entry(name: str, value: object) -> str:
    return textwrap.fill(f"{name:<14}{value}", 110, subsequent_indent=" " * 14)


def _shown(value: Any) -> str:
    """A part of a saved document as one would write it; parts from elsewhere by name, without importing them."""
    from isthmus.errors import IsthmusError
    from isthmus.spec import from_json

    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if not isinstance(value, dict):
        return "none" if value is None else str(value)
    try:
        return repr(from_json(value))
    except IsthmusError:
        fields = {name: _shown(item) for name, item in value.items() if name != "type"}
        inner = ", ".join(f"{name}={item}" for name, item in fields.items())
        return f"{str(value.get('type', '')).rpartition('.')[2]}({inner})"
