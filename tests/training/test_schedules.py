"""Learning-rate schedules at hand-worked points."""

import pytest

from isthmus.training.schedules.constant import Constant
from isthmus.training.schedules.cosine import Cosine
from isthmus.training.schedules.linear import Linear


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (Constant(), {0.0: 1.0, 0.5: 1.0, 0.99: 1.0}),
        (Constant(warmup=0.5), {0.0: 0.0, 0.25: 0.5, 0.5: 1.0, 0.9: 1.0}),
        (Linear(), {0.0: 1.0, 0.25: 0.75, 0.9: 0.1}),
        (Linear(hold=0.5, final=0.2), {0.0: 1.0, 0.5: 1.0, 0.75: 0.6, 1.0: 0.2}),
        (Linear(warmup=0.2), {0.1: 0.5, 0.2: 1.0, 0.6: 0.5, 1.0: 0.0}),
        (Cosine(), {0.0: 1.0, 1 / 3: 0.75, 0.5: 0.5, 2 / 3: 0.25, 1.0: 0.0}),
        (Cosine(warmup=0.2, final=0.1), {0.1: 0.5, 0.2: 1.0, 0.6: 0.55, 1.0: 0.1}),
    ],
    ids=repr,
)
def test_factors(schedule, points):
    assert [schedule.factor(progress) for progress in points] == pytest.approx(
        list(points.values()), abs=1e-12
    )
