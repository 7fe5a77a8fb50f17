"""Tables of what the doctor said of the patients."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from benchmarks.tables import markdown

from hospital.counts import (
    BESIDE_PCA,
    HALF,
    Share,
    allowed,
    bad,
    codes,
    controls,
    expected,
    found,
    ill,
    illness,
    naming,
    share,
    turned_out_ill,
)
from hospital.illnesses import illnesses
from hospital.protocol import ALL, SEVERITIES, UNSEEN

Record = dict[str, Any]
Section = tuple[str, str]


def sections(records: list[Record]) -> list[Section]:
    """All tables of some patients, by heading."""
    tables = [
        ("Sensitivity and specificity of each check", by_check(records)),
        ("Illnesses found", by_illness(records)),
        ("Illnesses found by data set", by_data(records)),
        ("What else is said of the ill", confusions(records)),
        ("False alarms on healthy controls", false_alarms(records)),
        ("How ill the patients are", how_ill(records)),
        ("Seconds", seconds(records)),
    ]
    return [*tables, *(("Crashes and refusals", text) for text in [mishaps(records)] if text)]


def by_check(records: list[Record]) -> str:
    """Each check on the ill that it should find, and on the healthy."""
    rows = []
    for code in codes(records):
        own = [record for record in ill(records) if code in expected(record)]
        degrees = [share([one for one in own if one["kind"] == name], code).short() for name in SEVERITIES]
        strangers = [record for record in ill(records) if code not in allowed(record)]
        rows.append(
            [code, *degrees, str(share(own, code)), _clear(controls(records), code), _clear(strangers, code)]
        )
    columns = [
        "check",
        *SEVERITIES,
        "sensitivity",
        "specificity on healthy controls",
        "on patients ill otherwise",
    ]
    return markdown(columns, rows) + (
        "\n\nShares with Wilson's 95 % intervals and counts. Patients of one recipe or illness are alike, so the true "
        "intervals are somewhat wider. A check that was skipped is not counted; `-` means that no patient is meant "
        "for it."
    )


def _clear(records: list[Record], code: str) -> str:
    alarms = share(records, code)
    return str(Share(alarms.n - alarms.hits, alarms.n))


def by_data(records: list[Record]) -> str:
    """Each illness by data set, those last that nothing was chosen by."""
    sets = [name for name in ALL if any(record["data"] == name for record in records)]
    wards = _wards(records)
    severe = [one for one in ill(records) if one["kind"] == SEVERITIES[-1]]
    groups = [*wards.items(), ("all", ill(records)), ("all, severe", severe)]
    rows = [
        [name, *(found([one for one in patients if one["data"] == data]).short() for data in sets)]
        for name, patients in groups
    ]
    healthy = [record for record in controls(records) if record["verdicts"]]
    clear = [
        Share(sum(not bad(one) for one in healthy if one["data"] == data), _count(healthy, data))
        for data in sets
    ]
    rows.append(["controls without a bad finding", *(one.short() for one in clear)])
    return markdown(["illness", *sets], rows) + (
        f"\n\nNo threshold and no setting of a control was chosen by {' and '.join(UNSEEN)}."
    )


def _count(records: list[Record], data: str) -> int:
    return sum(record["data"] == data for record in records)


def by_illness(records: list[Record]) -> str:
    """How many of each illness are found by a finding that names it."""
    rows = []
    for name, patients in _wards(records).items():
        degrees = [found([one for one in patients if one["kind"] == degree]).short() for degree in SEVERITIES]
        known = illnesses()[name]
        named = ", ".join(dict.fromkeys(known.naming(images=True)))
        rows.append([name, named, *degrees, str(found(patients))])
    return markdown(["illness", "findings that name it", *SEVERITIES, "found"], rows)


def confusions(records: list[Record]) -> str:
    """For each illness the share of its patients that has each finding, apart by what the finding is to it."""
    rows = []
    for name, patients in _wards(records).items():
        kinds: dict[str, list[str]] = {"expected": [], "accompanying": [], "other": []}
        for code in codes(patients):
            alarms = share(patients, code)
            if alarms.hits:
                kinds[_kind(patients, code)].append(f"{code} {alarms.hits / alarms.n:.2f}")
        first = Counter(next(iter(bad(one)), "nothing") for one in patients).most_common(2)
        causes = ", ".join(f"{code} {count / len(patients):.2f}" for code, count in first)
        rows.append([name, *(", ".join(kinds[kind]) or "-" for kind in kinds), causes])
    heading = [
        "illness",
        "findings that name it",
        "may accompany it",
        "neither: confused with",
        "first cause named",
    ]
    return markdown(heading, rows) + (
        "\n\nShares of an illness' patients with a warning or failure of each check. The first cause is the bad "
        "finding that comes first in the order of causes before effects."
    )


def _kind(patients: list[Record], code: str) -> str:
    if any(code in naming(record) for record in patients):
        return "expected"
    return "accompanying" if code in illness(patients[0]).accompanying else "other"


def false_alarms(records: list[Record]) -> str:
    """Bad findings on recipes with sound settings."""
    rows = []
    healthy = [record for record in controls(records) if record["verdicts"]]
    for recipe in sorted({record["kind"] for record in healthy}):
        own = [record for record in healthy if record["kind"] == recipe]
        alarms = Counter(f"{code} ({record['data']})" for record in own for code in bad(record))
        clear = sum(not bad(record) for record in own)
        rows.append(
            [recipe, f"{clear}/{len(own)}", ", ".join(f"{name} x {n}" for name, n in alarms.items()) or "-"]
        )
    clear = Share(sum(not bad(record) for record in healthy), len(healthy))
    failures = Share(sum("failure" in record["verdicts"].values() for record in healthy), len(healthy))
    return (
        f"Controls without any bad finding: {clear}. With a failure: {failures}.\n\n"
        f"{markdown(['recipe', 'clear', 'alarms'], rows)}\n\n{_failing(records)}"
    )


def _failing(records: list[Record]) -> str:
    """Recipes whose errors say that they do not work here, and what the doctor says of them."""
    rows = [
        [
            record["name"].removeprefix("control/"),
            f"{record['errors']['model'] / record['errors']['mean']:.2f}",
            _median_ratio([record["errors"]], "model", "pca"),
            ", ".join(bad(record)) or "nothing",
        ]
        for record in turned_out_ill(records)
    ]
    said = (
        f"A control is healthy where its held-out squared error is at most {HALF:g} of the mean predictor's and, where "
        f"nothing but small errors is asked of it, at most {BESIDE_PCA:g} times that of PCA of its code size."
    )
    if not rows:
        return f"{said} All controls are."
    heading = ["turned out ill", "error / mean's", "error / PCA's", "what the doctor says of it"]
    return f"{said} These are not, and are counted nowhere else:\n\n{markdown(heading, rows)}"


def how_ill(records: list[Record]) -> str:
    """Errors that no check was asked for, so that a mistake without harm shows."""
    rows = []
    wards = [(name, degree) for name in _wards(records) for degree in SEVERITIES]
    groups = [
        (name, degree, [one for one in ill(records) if (one["ward"], one["kind"]) == (name, degree)])
        for name, degree in wards
    ]
    for name, degree, patients in [("control", "", controls(records)), *groups]:
        known = [one["errors"] for one in patients if "errors" in one]
        if known:
            pairs = (("model", "pca"), ("model", "mean"), ("model", "trained"))
            ratios = [_median_ratio(known, above, below) for above, below in pairs]
            rows.append([name, degree, str(len(known)), *ratios])
    heading = [
        "illness",
        "degree",
        "patients",
        "error / PCA's",
        "error / mean's",
        "held-out / training error",
    ]
    return (
        markdown(heading, rows)
        + "\n\nMedians of held-out squared errors; PCA has the patient's code size, and is left out "
        "where that is enough to keep everything."
    )


def _median_ratio(errors: list[dict[str, float]], above: str, below: str) -> str:
    """Of two errors; where PCA keeps everything its error is rounding, and no number to divide by."""
    ratios = [one[above] / one[below] for one in errors if one[below] > 1e-6 * one["mean"]]
    return f"{np.median(ratios):.3g}" if ratios else "-"


def seconds(records: list[Record]) -> str:
    """Where the time goes."""
    known = [record for record in records if record.get("seconds")]
    spent = {
        code: float(np.mean([one["seconds"][code] for one in known if code in one["seconds"]]))
        for code in codes(known)
        if any(code in one["seconds"] for one in known)
    }
    rows = [["training", f"{np.mean([one['training'] for one in known]):.2f}"]] if known else []
    rows += [[code, f"{value:.2f}"] for code, value in sorted(spent.items(), key=lambda item: -item[1])]
    return markdown(["what", "mean a patient"], rows)


def mishaps(records: list[Record]) -> str:
    """Checks that crashed, patients that could not be made, trainings that stopped by themselves."""
    lines = [f"* {one['name']}: {one['crash']}" for one in records if "crash" in one]
    lines += [
        f"* {one['name']}: {code} crashed: {one['titles'][code]}"
        for one in records
        for code, verdict in one["verdicts"].items()
        if verdict == "crashed"
    ]
    refused = [one for one in records if one.get("refusal")]
    unfit = sum(not one["verdicts"] for one in refused)
    if refused:
        lines.append(
            f"* {len(refused)} trainings stopped by themselves and said why (loss NaN or infinite); {unfit} of them "
            f"left no weights to examine and are not counted above."
        )
    return "\n".join(lines)


def treatments(records: list[Record]) -> str:
    """How often ``treat`` cured, by illness."""
    good = [record for record in records if "crash" not in record]
    rows = [
        _treated(name, [one for one in good if one["ward"] == name])
        for name in sorted({r["ward"] for r in good})
    ]
    crashed = "".join(f"\n* {one['name']}: {one['crash']}" for one in records if "crash" in one)
    heading = [
        "illness",
        "treated",
        "found before",
        "cured",
        "wholly healthy after",
        "with a new finding",
        "error made worse",
        "error / sound model's",
        "seconds",
    ]
    curable = [record for record in good if not record["beyond"]]
    totals = [_treated("all", good), _treated("all that parts can cure", curable)]
    return markdown(heading, [*rows, *totals]) + (
        "\n\nSevere patients. Cured: no finding that names the illness is left, and the held-out error is at most 1.1 "
        "times that of a sound model trained on the same rows (variational, denoising or relational where the patient "
        "is), both judged on rows that the treatment did not see. What parts can cure: where that sound model does not "
        "have such a finding itself, as it has where rows were never collected. Errors: medians." + crashed
    )


def _treated(name: str, records: list[Record]) -> list[str]:
    found, cured, healthy, new, worse = (
        Share(sum(bool(record[what]) for record in records), len(records))
        for what in ("found", "cured", "healthy", "new", "worse")
    )
    ratio, mean = "-", "-"
    if records:
        ratio = f"{np.median([one['errors']['after'] / one['errors']['sound'] for one in records]):.3g}"
        mean = f"{np.mean([record['treatment'] for record in records]):.0f}"
    shorts = (healthy.short(), new.short(), worse.short())
    return [name, str(len(records)), found.short(), str(cured), *shorts, ratio, mean]


def numbers(records: list[Record]) -> dict[str, Any]:
    """What the tables say, for machines."""
    wards = _wards(records)
    healthy = controls(records)
    return {
        "checks": {
            code: {
                "sensitivity": share([one for one in ill(records) if code in expected(one)], code).to_json(),
                "alarms_on_controls": share(healthy, code).to_json(),
            }
            for code in codes(records)
        },
        "illnesses": {name: found(patients).to_json() for name, patients in wards.items()},
        "findings": {
            name: {code: share(patients, code).to_json() for code in codes(patients)}
            for name, patients in wards.items()
        },
        "patients": len(ill(records)),
        "controls": len(healthy),
    }


def _wards(records: list[Record]) -> dict[str, list[Record]]:
    names = sorted({record["ward"] for record in ill(records)})
    return {name: [one for one in records if one["ward"] == name] for name in names}
