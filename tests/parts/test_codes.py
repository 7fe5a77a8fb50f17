"""The Gaussian code and its prior at hand-worked points, and in an autoencoder."""

import math

import numpy as np
import pytest
import torch

from isthmus.codes.gaussian import Gaussian
from isthmus.estimator import Autoencoder
from isthmus.nn.normal import DiagonalNormal, bounded
from isthmus.priors.standard_normal import StandardNormal
from isthmus.training.training import Training
from isthmus.types import Context


def test_kl_by_hand():
    # mean 1, variance 1: 1/2. mean 0, variance 4: (4 - 1 - log 4) / 2.
    posterior = DiagonalNormal(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [math.log(4)]]))
    kl = StandardNormal().kl(posterior, posterior.mean, None)
    assert kl.tolist() == pytest.approx([0.5, (3 - math.log(4)) / 2])


def test_kl_is_pytorchs():
    generator = torch.Generator().manual_seed(0)
    mean, log_var = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    reference = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_var).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum(1)
    posterior = DiagonalNormal(mean, log_var)
    torch.testing.assert_close(posterior.kl_to_standard(), reference)
    z = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    density = torch.distributions.Normal(mean, (0.5 * log_var).exp()).log_prob(z).sum(1)
    torch.testing.assert_close(posterior.log_prob(z), density)
    torch.testing.assert_close(
        StandardNormal().log_prob(z, None), torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    )


def test_kl_keeps_its_digits_near_the_prior():
    posterior = DiagonalNormal(torch.zeros(1, 1), torch.tensor([[1e-3]]))
    assert posterior.kl_to_standard().item() == pytest.approx(1e-6 / 4, rel=1e-2)


def test_the_posterior_of_a_known_encoder_output():
    code = Gaussian(2)
    h = torch.tensor([[1.0, -2.0, 0.0, 3.0]])
    quiet = code(h, Context(), None)
    assert quiet.z.tolist() == [[1.0, -2.0]]
    assert quiet.posterior.log_var.tolist() == [pytest.approx([0.0, 15 * math.tanh(0.2)])]
    noise = torch.empty(1, 2).normal_(generator=torch.Generator().manual_seed(4))
    drawn = code(h, Context(torch.Generator().manual_seed(4)), None)
    torch.testing.assert_close(drawn.z, quiet.z + (0.5 * quiet.posterior.log_var).exp() * noise)


def test_beta_multiplies_the_divergence_and_a_warm_up_lets_it_rise():
    h = torch.tensor([[1.0, -2.0, 0.0, 3.0]])
    plain = Gaussian(2)(h, Context(), None).terms["kl"]
    torch.testing.assert_close(Gaussian(2, beta=4.0)(h, Context(), None).terms["kl"], 4 * plain)
    assert not Gaussian(2, beta=0.0)(h, Context(), None).terms["kl"].any()
    rising = Gaussian(2, beta=2.0, warm_up=0.5)
    early, late = (rising(h, Context(progress=share), None).terms["kl"] for share in (0.125, 0.75))
    torch.testing.assert_close(early, 0.5 * plain)
    torch.testing.assert_close(late, 2 * plain)


def test_log_variances_are_bounded():
    raw = torch.tensor([0.0, 1.0, 2.6, -2.6, 1e6, -1e6])
    found = bounded(raw)
    assert (found[:4] - raw[:4]).abs().max() < 0.01 * 2.6
    assert found[4:].tolist() == pytest.approx([15.0, -15.0])
    assert torch.isfinite(found.exp()).all() and torch.isfinite((-found).exp()).all()


def test_in_an_autoencoder():
    X = np.random.default_rng(0).random((60, 6)).astype(np.float32)
    training = Training(max_epochs=3, batch_size=16, threads=1, device="cpu")
    model = Autoencoder(code=Gaussian(3), training=training, random_state=0).fit(X)
    assert set(model.history_[-1]) >= {"reconstruction", "kl", "loss"}
    assert model.history_[-1]["loss"] == pytest.approx(
        model.history_[-1]["reconstruction"] + model.history_[-1]["kl"], rel=1e-6
    )
    x = torch.from_numpy(X)
    mean = model.network_.encode(x).posterior.mean
    np.testing.assert_allclose(model.transform(X), mean.detach().numpy(), rtol=1e-6)
    drawn = model.network_.parts.code.sample_prior(4, Context(torch.Generator().manual_seed(0)), None)
    assert drawn.shape == (4, 3)
    assert model.sample(4, random_state=0).shape == (4, 6)
