"""``python -m hospital``: makes patients and healthy controls, examines them, prints how often the doctor is right."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.tables import publish

from hospital import calibration, controls, page, verdicts
from hospital.counts import ill
from hospital.data import available
from hospital.examination import LIMIT, examined
from hospital.illnesses import illnesses
from hospital.protocol import ALL, CALIBRATION, CONTROL, SEEN, SEVERITIES, UNSEEN, Admission
from hospital.rounds import fingerprint, kept, made
from hospital.treatment import treated

HERE = Path(__file__).resolve().parent
#: What --quick takes.
QUICK = ("wrong-output-activation", "tiny-training-set")
#: Share of the time that treatments may take.
TREATING = 0.27

Record = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Examine everyone who is asked for, treat some, write and print the tables.

    arguments : those of the command line by default.
    """
    wish = _wish(arguments)
    began = time.monotonic()
    until = began + 60 * wish.minutes
    here, lines = available(wish.data)
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    who = admissions(wish, here)
    if not who:
        sys.stderr.write("there is nobody to examine: choose other illnesses or data.\n")
        return 2
    out = wish.out or (HERE / "quick" if wish.quick else page.RESULTS)
    treating = wish.treated > 0
    first = began + 60 * wish.minutes * (1 - TREATING * treating)
    records, left = made(examined, who, out / "patients.jsonl", workers=wish.workers, until=first)
    treatments: list[Record] = []
    if treating:
        file = out / "treatments.jsonl"
        begun = {record["name"] for record in kept(file, fingerprint())}
        chosen = treatable(records, wish.treated, begun)
        treatments, _ = made(
            treated, chosen, file, workers=wish.workers, until=until, budget=wish.budget, seconds=wish.seconds
        )
    setting = _setting(wish, here, left, time.monotonic() - began)
    sections = _sections(records, treatments)
    raw = _raw(records, treatments)
    sys.stdout.write(publish("hospital", "Verdicts", sections, setting, raw, out=out) + "\n")
    if out == page.RESULTS:
        page.write()
    return 0


def _wish(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hospital", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two illnesses and a control on digits, no result"
    )
    parser.add_argument("--illness", help="comma-separated names, or control (default: all)")
    parser.add_argument("--degrees", help="comma-separated, of mild, moderate, severe (default: all)")
    parser.add_argument("--data", help=f"comma-separated, of {', '.join(ALL)} (default: all)")
    parser.add_argument("--seeds", help="comma-separated (default: 0,1,2; 0 is for calibration)")
    parser.add_argument(
        "--workers", type=int, default=2, help="processes (default: 2), 0 for none beside this one"
    )
    parser.add_argument(
        "--minutes", type=float, default=55.0, help="no patient is begun after that (default: 55)"
    )
    parser.add_argument("--treated", type=int, default=40, help="patients to treat (default: 40)")
    parser.add_argument("--no-treat", dest="treated", action="store_const", const=0, help="treat nobody")
    parser.add_argument("--budget", type=int, default=6, help="trainings of each treatment (default: 6)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each treatment (default: 60)")
    parser.add_argument("--out", type=Path, help="folder of the results (default: results beside this file)")
    wish = parser.parse_args(arguments)
    known = (*illnesses(), CONTROL)
    wish.illness = _chosen(parser, wish.illness, known, (*QUICK, CONTROL) if wish.quick else known)
    wish.degrees = _chosen(parser, wish.degrees, SEVERITIES, ("severe",) if wish.quick else SEVERITIES)
    wish.data = _chosen(parser, wish.data, ALL, ("digits",) if wish.quick else ALL)
    wish.seeds = tuple(int(seed) for seed in (wish.seeds or ("1" if wish.quick else "0,1,2")).split(","))
    wish.treated = 0 if wish.quick else wish.treated
    return wish


def _chosen(
    parser: argparse.ArgumentParser, text: str | None, known: tuple[str, ...], default: tuple[str, ...]
) -> tuple[str, ...]:
    names = default if text is None else tuple(text.split(","))
    for name in names:
        if name not in known:
            parser.error(f"unknown name {name!r}: choose from {', '.join(known)}")
    return names


def admissions(wish: argparse.Namespace, sets: list[str]) -> list[Admission]:
    """Everyone who is to be examined, mixed, so that a run that is cut short is balanced."""
    who = [
        Admission(name, degree, data, seed)
        for name in wish.illness
        if name != CONTROL
        for data in (*illnesses()[name].sets, *(UNSEEN if illnesses()[name].unseen else ()))
        if data in sets
        for degree in wish.degrees
        for seed in wish.seeds
        if data in SEEN or seed != CALIBRATION
    ]
    if CONTROL in wish.illness:
        healthy = controls.admissions(sets, wish.seeds)
        who += [one for one in healthy if not wish.quick or one.kind == "dense"]
    return [who[place] for place in np.random.default_rng(5).permutation(len(who))]


def treatable(records: list[Record], n: int, begun: Collection[str] = ()) -> list[Admission]:
    """Some of the reported ill of the highest degree that left a model, as many of each illness as can be.

    begun : names of those treated by an earlier run, which come first.
    """
    severe = [one for one in ill(records) if one["kind"] == SEVERITIES[-1] and one["verdicts"]]
    known = [one for one in severe if one["seed"] != CALIBRATION]
    drawn = [known[place] for place in np.random.default_rng(6).permutation(len(known))]
    by_ward: dict[str, list[Record]] = {}
    for one in sorted(drawn, key=lambda one: one["name"] not in begun):
        by_ward.setdefault(one["ward"], []).append(one)
    # The first of each illness, then the second of each, and so on.
    turns = [patients[turn] for turn in range(n) for patients in by_ward.values() if turn < len(patients)]
    return [Admission(one["ward"], one["kind"], one["data"], one["seed"]) for one in turns[:n]]


def _sections(records: list[Record], treatments: list[Record]) -> list[tuple[str, str]]:
    learned = [record for record in records if record["seed"] == CALIBRATION]
    reported = [record for record in records if record["seed"] != CALIBRATION]
    sections = verdicts.sections(reported) if reported else []
    if treatments:
        sections.append(("How often treat cured", verdicts.treatments(treatments)))
    if learned:
        sections += [
            (f"Calibration part, not to be quoted: seed {CALIBRATION}", verdicts.by_check(learned)),
            ("Numbers behind the verdicts, calibration part", calibration.separations(learned)),
        ]
        if not reported:
            sections += verdicts.sections(learned)[1:]
    return sections


def _setting(wish: argparse.Namespace, here: list[str], left: int, seconds: float) -> dict[str, Any]:
    cores = os.cpu_count() or 1
    return {
        "data": ", ".join(here),
        "patients": f"{len(wish.illness)} kinds, degrees {', '.join(wish.degrees)}",
        "treatments": f"at most {wish.treated} patients, {wish.budget} trainings and {wish.seconds:g} s each",
        "not examined because the time was over": left,
        "rows that checks look at": f"at most {LIMIT:,} of each part",
        "seeds": ", ".join(map(str, wish.seeds)),
        "wall clock of this run": f"{seconds / 60:.1f} minutes, results of earlier runs of the same code included",
        "processes": wish.workers,
        "threads": max(1, wish.workers) * max(1, cores // max(1, wish.workers)),
    }


def _raw(records: list[Record], treatments: list[Record]) -> dict[str, Any]:
    parts = {"calibration": True, "reported": False}
    return {
        part: verdicts.numbers([one for one in records if (one["seed"] == CALIBRATION) == learned])
        for part, learned in parts.items()
    } | {"treatments": treatments}


if __name__ == "__main__":
    sys.exit(main())
