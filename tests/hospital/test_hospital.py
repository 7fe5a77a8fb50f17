import json

import numpy as np
import pytest
from hospital.__main__ import main, treatable
from hospital.counts import Share, found, share, works
from hospital.counts import controls as controls_of
from hospital.data import DIMENSION, data, manifold
from hospital.illnesses import illnesses
from hospital.protocol import SEEN, SEVERITIES, UNSEEN, Admission
from hospital.rounds import fingerprint, made

from hospital import controls, verdicts
from isthmus import recipes

#: The codes of section 5 of the design; a check may come later than the illness that is meant for it.
CODES = {
    *("mean-collapse", "identity-copy", "partial-collapse", "worse-than-pca", "underfit", "overfit"),
    *(
        "unstable-training",
        "target-range",
        "dead-units",
        "code-too-small",
        "code-too-large",
        "redundant-code",
    ),
    *(
        "train-test-shift",
        "lost-information",
        "manifold-holes",
        "blur",
        "posterior-collapse",
        "prior-mismatch",
    ),
    *("posterior-misfit", "pair-weights", "opaque-code"),
}


def patient(ward, kind, name="digits", seed=1, **verdicts):
    found = {code.replace("_", "-"): verdict for code, verdict in verdicts.items()}
    record = {"ward": ward, "kind": kind, "data": name, "seed": seed, "images": name in ("digits", "mnist")}
    return record | {"name": f"{ward}/{kind}/{name}/{seed}", "verdicts": found, "titles": {}}


def test_a_quick_round_examines_the_ill_writes_tables_and_goes_on_where_it_was_killed(tmp_path, capsys):
    call = ["--quick", "--workers", "0", "--illness", "too-few-epochs", "--out", str(tmp_path)]
    assert main(call) == 0
    said = capsys.readouterr()
    assert "too-few-epochs/severe/digits/1" in said.err
    assert "| too-few-epochs |" in said.out
    assert "| too-few-epochs |" in (tmp_path / "hospital.md").read_text()
    line = json.loads((tmp_path / "patients.jsonl").read_text())
    assert line["verdicts"]["mean-collapse"] in ("ok", "warning", "failure")
    assert line["errors"]["model"] > line["errors"]["pca"]
    assert "evidence" not in line  # only the calibration part shows the numbers that thresholds are chosen by
    who = Admission("too-few-epochs", "severe", "digits", 1)
    again, left = made(_refuse, [who], tmp_path / "patients.jsonl", workers=0, until=float("inf"))
    assert (again, left) == ([line], 0)


def _refuse(who):
    raise AssertionError(f"{who.name} is examined already")


def test_a_crash_is_a_line_that_is_tried_again_and_time_that_is_over_leaves_the_rest(tmp_path):
    who = [Admission("too-few-epochs", "mild", "digits", seed) for seed in (1, 2)]
    file = tmp_path / "patients.jsonl"
    records, left = made(_refuse, who, file, workers=0, until=float("inf"))
    assert [record["crash"].partition(":")[0] for record in records] == ["AssertionError"] * 2
    assert left == 0
    records, left = made(_refuse, who, file, workers=0, until=0.0)
    assert (records, left) == ([], 2)


def test_results_of_another_doctor_and_lines_cut_short_are_not_reused(tmp_path):
    file = tmp_path / "patients.jsonl"
    line = json.dumps({"name": "a/b/c/1", "verdicts": {}, "fingerprint": "other"})
    mine = json.dumps({"name": "too-few-epochs/mild/digits/1", "verdicts": {}, "fingerprint": fingerprint()})
    file.write_text(f"{line}\n{mine}\n{mine[:20]}")
    who = [Admission("too-few-epochs", "mild", "digits", 1)]
    records, _ = made(_refuse, who, file, workers=0, until=float("inf"))
    assert [record["name"] for record in records] == ["too-few-epochs/mild/digits/1"]
    assert file.read_text() == f"{mine}\n"


def test_shares_have_wilsons_intervals():
    # By hand: z = 1.96, n = 10, p = .8: (.8 + .1921 +- 1.96 sqrt(.016 + .0096)) / 1.3841
    assert Share(8, 10).interval == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert str(Share(0, 0)) == "-"


def test_findings_are_hits_company_or_confusions_and_skipped_ones_do_not_count():
    records = [
        patient(
            "code-of-few-units", "mild", code_too_small="warning", blur="failure", target_range="failure"
        ),
        patient("code-of-few-units", "severe", code_too_small="ok", blur="skipped", target_range="ok"),
        patient("control", "dense", code_too_small="ok", blur="ok", target_range="warning"),
        {"name": "control/vae/digits/1", "ward": "control", "kind": "vae", "data": "digits", "seed": 1}
        | {"images": True, "verdicts": {}, "titles": {}, "crash": "E: no"},
    ]
    assert share(records[:2], "code-too-small") == Share(1, 2)
    assert share(records[:2], "blur") == Share(1, 1)
    assert found(records[:2]) == Share(1, 2)
    row = next(line for line in verdicts.confusions(records).splitlines() if "few-units" in line)
    _, _, named, company, others, first, _ = (cell.strip() for cell in row.split("|"))
    assert (named, company, others) == ("code-too-small 0.50", "blur 1.00", "target-range 0.50")
    assert first.startswith("code-too-small 0.50")
    table = verdicts.by_check(records)
    assert "0/1" in next(line for line in table.splitlines() if "target-range" in line)
    assert "0/1." in verdicts.false_alarms(records)  # the crashed one is no clear one


def test_recipes_that_do_not_work_by_their_errors_are_no_healthy_controls():
    def of(model, asked="", pca=1.0):
        record = patient("control", "dense", code_too_small="warning")
        return record | {"asked": asked, "errors": {"model": model, "trained": 1.0, "pca": pca, "mean": 4.0}}

    records = [of(1.0), of(1.2), of(1.2, "penalties"), of(2.1, "penalties"), of(1.2, pca=1e-12)]
    assert [works(record) for record in records] == [True, False, True, False, True]
    assert len(controls_of(records)) == 3
    text = verdicts.false_alarms(records)
    assert "0/3" in text
    assert text.count("dense/digits/1") == 2


def test_every_illness_says_what_it_is_and_names_codes_of_the_doctor():
    assert len(illnesses()) >= 12
    for illness in illnesses().values():
        assert len(illness.degrees) == len(SEVERITIES)
        assert set(illness.sets) <= set(SEEN)
        assert len(illness.sets) >= 4
        assert {*illness.primary, *illness.on_images, *illness.accompanying} <= CODES


def test_data_that_nothing_was_chosen_by_have_no_patients_of_the_seed_that_things_are_chosen_by():
    calibration = [one.data for one in controls.admissions([*SEEN, *UNSEEN], (0,))]
    assert set(calibration) == set(SEEN)
    reported = [one for one in controls.admissions([*SEEN, *UNSEEN], (1,)) if one.data in UNSEEN]
    assert {one.data for one in reported} == set(UNSEEN)
    assert len(reported) >= len(controls.names()) / 2


def test_every_recipe_is_a_control_or_left_out_with_a_reason():
    assert {*controls.names(), *controls.LEFT_OUT} == set(recipes.names())
    assert set(controls.CHOICES) <= set(recipes.names())
    kinds = {one.kind for one in controls.admissions(["digits", "mnist"], (0,))}
    assert kinds == set(controls.names())


def test_the_patients_to_treat_are_severe_of_many_illnesses_and_of_the_reported_part():
    records = [
        patient("code-of-few-units", degree, seed=seed, code_too_small="failure")
        for degree in SEVERITIES
        for seed in (0, 1, 2)
    ]
    records += [
        patient("too-few-epochs", "severe", underfit="ok"),
        patient("too-few-epochs", "mild", underfit="warning"),
        patient("learning-rate-too-high", "severe"),  # its training left no weights
    ]
    chosen = treatable(records, 5)
    assert len(chosen) == 3
    assert {one.ward for one in chosen} == {"code-of-few-units", "too-few-epochs"}
    assert all(one.seed != 0 and one.kind == "severe" for one in chosen)
    for one in chosen:
        assert one in treatable(records, 2, [one.name])  # a run that goes on has treated it


def test_the_manifold_has_its_dimension_and_splits_share_no_row():
    X, factors = manifold(200, seed=3)
    assert factors.shape == (200, DIMENSION)
    assert X.std(axis=0) == pytest.approx(1, abs=0.05)
    rows = data("digits", 1)
    train, test = ({row.tobytes() for row in part} for part in (rows.X_train, rows.X_test))
    assert len(train & test) <= 2  # digits that are equal to the pixel, if any
    assert not np.array_equal(rows.X_train, data("digits", 2).X_train)
