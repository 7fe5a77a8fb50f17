"""The whole diagnosis: every check of the contract, equal verdicts for equal rows, documents that are JSON."""

import json

import numpy as np
import pytest

from doctor.patients import digits, healthy
from isthmus.doctor import diagnose, diagnose_functions
from isthmus.doctor.check import Check, checks
from isthmus.doctor.diagnosis import examined
from isthmus.doctor.finding import SEVERITIES
from isthmus.errors import ParameterError

CODES = {
    "mean-collapse", "identity-copy", "partial-collapse", "worse-than-pca", "underfit", "overfit", "unstable-training",
    "target-range", "dead-units", "code-too-small", "code-too-large", "redundant-code", "train-test-shift",
    "lost-information", "manifold-holes", "blur", "posterior-collapse", "prior-mismatch", "posterior-misfit",
    "pair-weights", "opaque-code",
}  # fmt: skip


#: Fewer rows than there are, so that which ones are looked at is a question too.
LIMIT = 400


@pytest.fixture(scope="module")
def report():
    X_train, X_test, y_train, y_test = digits()
    return diagnose(healthy(), X_train, X_test, y_train=y_train, y_test=y_test, limit=LIMIT)


def test_every_code_of_the_contract_has_a_check():
    assert set(checks()) == CODES


def test_a_sound_model_is_healthy_and_no_check_fails_on_it(report):
    assert report.healthy, [finding.title for finding in report.bad]
    assert not [finding.why for finding in report if "itself failed" in finding.why]
    assert {finding.code for finding in report if finding.severity == "skipped"} == {
        "pair-weights",
        "posterior-collapse",
        "posterior-misfit",
        "prior-mismatch",
    }
    assert "Healthy" in report.summary


def test_the_document_is_strict_json_with_the_keys_of_the_contract(report):
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert {"findings", "healthy", "summary"} <= set(document)
    for finding in document["findings"]:
        assert {"code", "severity", "title", "evidence", "why", "remedy"} <= set(finding)
        assert finding["severity"] in SEVERITIES
        assert set(finding["remedy"]) == {"text", "patch"}


def test_equal_rows_in_another_order_get_equal_findings(report):
    X_train, X_test, y_train, y_test = digits()
    rng = np.random.default_rng(5)
    first, second = rng.permutation(len(X_train)), rng.permutation(len(X_test))
    labels = {"y_train": y_train[first], "y_test": y_test[second]}
    again = diagnose(healthy(), X_train[first], X_test[second], **labels, limit=LIMIT)
    assert again.to_json() == report.to_json()


def test_functions_get_every_check_that_needs_no_layers():
    X_train, X_test, y_train, y_test = digits()
    model = healthy()
    found = diagnose_functions(
        encode=model.transform,
        decode=model.inverse_transform,
        X_train=X_train,
        X_test=X_test,
        y_train=y_train,
        y_test=y_test,
        limit=LIMIT,
    )
    assert found.healthy, [finding.title for finding in found.bad]
    for code in ("mean-collapse", "identity-copy", "worse-than-pca", "overfit", "blur", "lost-information"):
        assert found[code].severity in ("ok", "info")
    for code in ("underfit", "unstable-training"):
        assert "pair of functions" in found[code].why
    assert not [finding for finding in found for remedy in finding.remedies if remedy.patch]


def test_a_check_that_fails_says_so_and_the_others_go_on():
    class Faulty(Check):
        code, question = "faulty", "Does it fail?"

        def run(self, patient):
            raise RuntimeError("on purpose")

    X_train, X_test, *_ = digits()
    from isthmus.doctor.admission import of_model

    found = examined(of_model(healthy(), X_train, X_test), [Faulty(), checks()["mean-collapse"]])
    assert found["faulty"].severity == "skipped"
    assert "fault of isthmus (RuntimeError: on purpose)" in found["faulty"].why
    assert [one.code for one in found.faults] == ["faulty"]
    assert found["mean-collapse"].severity == "ok"


def test_unknown_checks_are_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="did you mean 'blur'"):
        diagnose(healthy(), digits()[0], checks=["blurr"])


def test_rows_too_few_are_skipped_with_the_reason():
    X_train, X_test, *_ = digits()
    found = diagnose(healthy(), X_train, X_test[:9], checks=["mean-collapse"])
    assert found["mean-collapse"].severity == "skipped"
    assert "9 rows are too few" in found["mean-collapse"].why
