"""The suite sees what it is there to see: parts broken on purpose in one way each are refused by name."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import torch
from torch import nn

from isthmus.codes.code import Code
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.losses.squared_error import SquaredError
from isthmus.penalties.l1 import L1
from isthmus.penalties.penalty import Penalty
from isthmus.priors.standard_normal import StandardNormal
from isthmus.spec import In
from isthmus.testing import ConformanceError, check_part
from isthmus.training.initial.kaiming import Kaiming
from isthmus.training.optimizers.sgd import SGD
from isthmus.training.schedules.constant import Constant
from isthmus.types import Encoded


@dataclass
class InPlace(GaussianNoise):
    def __call__(self, x, context, *, mask, event):
        return x.add_(context.normal(x) * self.std)


@dataclass
class TooStrong(GaussianNoise):
    def __call__(self, x, context, *, mask, event):
        return x + context.normal(x) * self.std * 1.1


@dataclass
class Unseeded(GaussianNoise):
    def __call__(self, x, context, *, mask, event):
        return x + torch.randn_like(x) * self.std


@dataclass
class Own(GaussianNoise):
    """Draws for its own rows only, so that two processes see other numbers than one."""

    def __call__(self, x, context, *, mask, event):
        return x + self.std * torch.empty_like(x).normal_(generator=context.generator)


@dataclass
class Coupled(Penalty):
    def __call__(self, forward, state):
        return (forward.z - forward.z.mean(0)).square().sum(1)


@dataclass
class TwiceTheGradient(SquaredError):  # noqa: N818
    def with_gradient(self, output, x, *, mask, event, state):
        nats, gradient = super().with_gradient(output, x, mask=mask, event=event, state=state)
        return nats, 2 * gradient


@dataclass
class BlindToMasks(SquaredError):  # noqa: N818
    def __call__(self, output, x, *, mask, event, state):
        return super().__call__(output, x, mask=None, event=event, state=state)


@dataclass
class Detached(Code):
    def __call__(self, h, context, state):
        return Encoded(h.detach())


@dataclass
class Stretched(StandardNormal):
    def log_prob(self, z, state):
        return super().log_prob(z / 1.2, state)


@dataclass
class Unlike(StandardNormal):
    def sample(self, like, context, state):
        return 1.3 * context.normal(like)


@dataclass
class WrongKL(StandardNormal):
    def kl(self, posterior, z, state):
        return 1.1 * super().kl(posterior, z, state)


@dataclass
class Forgetful(SGD):
    def build(self, parameters, *, learning_rate):
        built = super().build(parameters, learning_rate=learning_rate)
        built.register_load_state_dict_post_hook(lambda optimizer: optimizer.state.clear())
        return built


@dataclass
class Jumping(Constant):
    def decay(self, progress):
        return 1.0 if progress < 0.5 else 0.1


@dataclass
class Global(Kaiming):
    def __call__(self, network, *, batch, generator):
        for value in network.parameters():
            nn.init.normal_(value, std=0.1)


@dataclass
class Renamed(L1):
    scale: Annotated[float, In("(0, inf)")] = 1.0

    def to_json(self):
        document = super().to_json()
        document.pop("scale")
        return document


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        (InPlace(), "damages_a_copy"),
        (TooStrong(), "statistics_are_as_declared"),
        (Unseeded(), "damages_a_copy"),
        (Own(), "shards_are_cut_from_the_whole"),
        (Coupled(), "loss_is_the_mean_of_its_rows"),
        (TwiceTheGradient(), "written_gradient_is_autograd"),
        (BlindToMasks(), "unknown_entries_contribute_nothing"),
        (Detached(3), "gradients_reach_every_parameter"),
        (Stretched(), "density_integrates_to_one"),
        (Unlike(), "samples_follow_the_density"),
        (WrongKL(), "closed_form_kl_is_monte_carlo"),
        (Forgetful(), "optimizer_state_comes_back"),
        (Jumping(), "factor_stays_in_range"),
        (Global(), "weights_come_from_the_generator"),
        (Renamed(scale=2.0), "json_round_trip"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_part_is_refused(part, broken):
    with pytest.raises(ConformanceError, match=f"- {broken}: "):
        check_part(part, fresh_process=False)


def test_a_failure_is_an_assertion_and_names_the_part():
    with pytest.raises(AssertionError, match=r"^InPlace\(\) does not conform:\n- ") as caught:
        check_part(InPlace(), fresh_process=False)
    assert caught.value.code == "conformance"
