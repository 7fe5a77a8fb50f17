"""Two processes over gloo train what one trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training.distributed import KINDS, run

TESTS = Path(__file__).parents[1]
RUNS = [f"{kind}:{size}" for kind in KINDS for size in (8, 7)]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes give for every run, in one launch."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("this PyTorch has no gloo")
    place = tmp_path_factory.mktemp("two") / "result.pt"
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), *(path for path in sys.path if path)]),
    }
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(TESTS / "training" / "distributed.py"), str(place), *RUNS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = torch.load(place, weights_only=True)
    assert found["count"] == 2
    return found["found"]


@pytest.mark.parametrize("one", RUNS)
def test_the_same_weights(one, together):
    kind, _, size = one.partition(":")
    weights, losses = run(kind, batch_size=int(size))
    for name, value in weights.items():
        torch.testing.assert_close(together[one][0][name], value, rtol=0, atol=1e-5)
    assert together[one][1] == pytest.approx(losses, rel=1e-5)
