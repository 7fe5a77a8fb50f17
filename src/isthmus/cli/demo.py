"""``isthmus demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli import messages
from isthmus.cli.options import Json, Quiet

if TYPE_CHECKING:
    from isthmus.data.source import Source
    from isthmus.doctor.report import Report
    from isthmus.estimator import Autoencoder

HELD_OUT = 0.25
SEED = 0


def demo(*, out: Path = Path("isthmus-demo"), quiet: Quiet = False, json: Json = False) -> None:
    """Train on the digits that ship with scikit-learn, compare with PCA, diagnose, write a model and a report.

    Parameters
    ----------
    out : folder for model and report.html, isthmus-demo by default; what an earlier demo left there is replaced.
    quiet : show no progress.
    json : print one JSON document.
    """
    from isthmus.cli.comparison import table, words
    from isthmus.cli.diagnose import examining
    from isthmus.cli.outputs import check_model_output
    from isthmus.cli.progress import watcher
    from isthmus.doctor import diagnose

    out = out.expanduser()
    check_model_output(out / "model", overwrite=True)
    rows, held_out = split_digits()
    if not (json or quiet):
        messages.tell(f"digits: {rows.n_rows:,} images of 8 x 8 to train on, {held_out.n_rows:,} held out")
    model = composed()
    model.fit(rows, watcher=watcher(quiet=quiet))
    if not messages.speaks():
        return
    model.save(out / "model", overwrite=True)
    training = model.evaluate(rows)
    with examining(quiet=quiet) as progress:
        diagnosis = diagnose(model, rows, held_out, random_state=SEED, progress=progress)
    report = _report(model, held_out, out / "report.html", training, diagnosis)
    document = {"held_out": model.evaluate(held_out), "training": training}
    if json:
        messages.show_json(
            document | {"diagnosis": diagnosis.to_json(), "model": str(out / "model"), "report": report}
        )
        return
    messages.show(table({"held-out digits": document["held_out"], "training digits": training}))
    messages.show("")
    messages.show(words(training=training, held_out=document["held_out"]))
    messages.show(f"\n{_verdict(diagnosis)}\n")
    seconds = model.training_summary_["seconds"]
    messages.show(
        f"Trained in {seconds:.1f} s. The model is in {out / 'model'}, the report in {report or 'no file'}."
    )
    messages.show(
        f"Next: isthmus info {out / 'model'}; isthmus encode {out / 'model'} digits --out codes.npy"
    )


def _verdict(diagnosis: Report) -> str:
    """The diagnosis in a sentence, and how many checks came to which end."""
    import textwrap
    from collections import Counter

    counts = Counter(finding.severity for finding in diagnosis.findings)
    ends = [
        f"{counts[name]} {name}" for name in ("failure", "warning", "info", "ok", "skipped") if counts[name]
    ]
    return textwrap.fill(f"Diagnosis: {diagnosis.summary} ({', '.join(ends)})", 100)


def split_digits() -> tuple[Source, Source]:
    """(training, held-out) digits, three quarters and one, in an order drawn from the demo's seed."""
    import numpy as np

    from isthmus.data.arrays import ArraySource
    from isthmus.data.builtin import open_builtin

    digits = open_builtin("digits")
    order = np.random.default_rng(SEED).permutation(digits.n_rows)
    cut = round(digits.n_rows * (1 - HELD_OUT))
    pieces = [digits.take(np.sort(part)) for part in (order[:cut], order[cut:])]
    training, held_out = (
        ArraySource(
            np.asarray(rows.values),
            name=name,
            native="file",
            labels=rows.labels,
            label_names=digits.label_names,
            white=digits.schema.white,
        )
        for rows, name in zip(pieces, ("digits, training part", "digits, held-out part"), strict=True)
    )
    return training, held_out


def composed() -> Autoencoder:
    """The demo's autoencoder; widths, noise and rate were chosen on a fifth of the training digits."""
    from isthmus import recipes
    from isthmus.corruptions.gaussian_noise import GaussianNoise

    model: Autoencoder = recipes.get("dense")(code_size=8, hidden=(256, 128), loss="bce", random_state=SEED)
    return model.set_params(
        corruption=GaussianNoise(0.1),
        training__max_epochs=60,
        training__batch_size=64,
        training__learning_rate=3e-3,
    )


def _report(
    model: Autoencoder, held_out: Source, path: Path, training: dict[str, Any], diagnosis: Report
) -> str | None:
    """Write the report and the diagnosis on one page, unless matplotlib is missing: then say so and return None."""
    from isthmus.errors import MissingExtraError
    from isthmus.persistence.atomic import write_bytes
    from isthmus.reports.diagnosis import joined
    from isthmus.reports.model_report import model_report

    data = model_report(model, held_out, training=training, title="dense autoencoder on digits")
    try:
        page = joined(data, diagnosis)
    except MissingExtraError as error:
        messages.note(f"there is no report: {error}")
        return None
    write_bytes(path, page.encode(), overwrite=True)
    return str(path)
