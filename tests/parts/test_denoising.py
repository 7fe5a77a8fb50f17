"""Corruptions at hand-worked points and by their statistics; emphasis; what multi-step denoising does."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus.architectures.dense import Dense
from isthmus.corruptions.diffusion_noise import DiffusionNoise
from isthmus.corruptions.entries import at_least
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.corruptions.masking import Masking
from isthmus.corruptions.patches import Patches
from isthmus.corruptions.salt_and_pepper import SaltAndPepper
from isthmus.corruptions.swap_noise import SwapNoise
from isthmus.errors import ParameterError
from isthmus.estimator import Autoencoder
from isthmus.losses.table import Table
from isthmus.objective import Objective
from isthmus.penalties.emphasis import Emphasis
from isthmus.recipes import get
from isthmus.training.training import Training
from isthmus.types import Batch, Column, Context, Event
from training.networks import network, rows

VECTOR, IMAGE = Event((6,)), Event((2, 12, 9))
TABLE = Event(
    (6,), (Column("a", "numeric", 0, 1), Column("b", "categorical", 1, 3), Column("c", "categorical", 4, 2))
)


def noisy(seed=0, progress=0.5):
    return Context(torch.Generator().manual_seed(seed), progress)


def table(n=4000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    levels = [torch.eye(width)[torch.randint(width, (n,), generator=generator)] for width in (3, 2)]
    return torch.cat([torch.randn(n, 1, generator=generator), *levels], 1)


def test_bits_take_every_value_equally_often_and_are_cut_by_shard():
    like = torch.empty(3001, 65)
    bits = noisy().bits(like)
    assert (bits.dtype, bits.shape) == (torch.int16, like.shape)
    counts = torch.bincount(bits.flatten().int().add(32768).div(4096, rounding_mode="floor"), minlength=16)
    expected = like.numel() / 16
    assert ((counts - expected).abs() < 4 * math.sqrt(expected)).all()
    cut = Context(torch.Generator().manual_seed(0), shard=(1000, 7, 3001)).bits(like[1000:1007])
    assert torch.equal(cut, bits[1000:1007])


@pytest.mark.parametrize("share", [0.0, 1 / 65536, 0.25, 0.5, 65535 / 65536])
def test_a_share_of_the_values_of_bits(share):
    """All 65536 values once: exactly the share of them says damage."""
    every = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16)
    for given in (share, torch.tensor(share)):
        assert float((at_least(every, given, like=torch.empty(0)) == 0).double().mean()) == share


def test_masking_zeroes_or_fills_what_was_drawn_and_nothing_else():
    x = rows(50) + 1.0
    found = Masking(0.4)(x, noisy(), mask=None, event=VECTOR)
    drawn = at_least(noisy().bits(x), 0.4, like=x) == 0
    assert (found[drawn] == 0).all()
    assert torch.equal(found[~drawn], x[~drawn])
    filled = Masking(0.4, fill=7.0)(x, noisy(), mask=None, event=VECTOR)
    assert (filled[drawn] == 7).all()
    assert torch.equal(filled[~drawn], x[~drawn])


def test_masking_takes_categorical_columns_as_a_whole():
    x = table()
    found = Masking(0.3, fill=5.0)(x, noisy(), mask=None, event=TABLE)
    for column in TABLE.columns[1:]:
        indicated = found[:, column.entries].sum(1)
        assert set(indicated.unique().tolist()) == {0.0, 1.0}
        assert abs(float((indicated == 0).double().mean()) - 0.3) < 4 * math.sqrt(0.21 / len(x))
    assert abs(float((found[:, 0] == 5).double().mean()) - 0.3) < 4 * math.sqrt(0.21 / len(x))


@pytest.mark.parametrize("corruption", [Masking(0.5, fill=2.0), SaltAndPepper(0.5, low=-1.0), SwapNoise(0.5)])
def test_unknown_entries_stay(corruption):
    x = rows(40) + 1.0
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(3)) < 0.6
    found = corruption(x * mask, noisy(), mask=mask, event=VECTOR)
    assert (found[~mask] == 0).all()
    assert (found[mask] != x[mask]).any()


def test_sampled_rates_differ_from_row_to_row_and_average_to_their_middle():
    x = torch.ones(400, 500)
    event = Event((500,))
    shares = (
        (Masking(0.8, level="sampled", floor=0.2)(x, noisy(), mask=None, event=event) == 0).double().mean(1)
    )
    noise = 4 * math.sqrt(0.25 / 500)
    assert 0.2 - noise < float(shares.min()) < 0.25
    assert 0.75 < float(shares.max()) < 0.8 + noise
    assert abs(float(shares.mean()) - 0.5) < 4 * (0.6 / math.sqrt(12)) / math.sqrt(400)


def test_salt_and_pepper_are_equally_frequent_and_the_ends():
    x = 0.1 + 0.8 * torch.rand(3000, 20, generator=torch.Generator().manual_seed(1))
    found = SaltAndPepper(0.4, low=-3.0, high=2.0)(x, noisy(), mask=None, event=Event((20,)))
    changed = found != x
    assert set(found[changed].unique().tolist()) == {-3.0, 2.0}
    for end in (-3.0, 2.0):
        share = float((found == end).double().mean())
        assert abs(share - 0.2) < 4 * math.sqrt(0.16 / x.numel())
    damaged = SaltAndPepper(0.4)(table(), noisy(), mask=None, event=TABLE)
    assert torch.equal(damaged[:, 1:], table()[:, 1:])
    assert set(damaged[:, 0][damaged[:, 0] != table()[:, 0]].tolist()) == {0.0, 1.0}
    with pytest.raises(ParameterError, match=r"low of SaltAndPepper must be below high=0\.0"):
        SaltAndPepper(0.1, high=0.0)


def test_swapped_values_are_values_of_the_column_in_another_row():
    x = torch.arange(60.0).reshape(10, 6)
    found = SwapNoise(0.5)(x, noisy(), mask=None, event=VECTOR)
    changed = found != x
    assert changed.any()
    assert (found % 6 == x % 6).all()
    # A partner is never the row itself, so what was drawn is what changed.
    drawn = at_least(noisy().bits(x), 0.5, like=x) == 0
    assert torch.equal(changed, drawn)


def test_swaps_take_categorical_columns_as_a_whole_and_keep_their_frequencies():
    x = table(20_000)
    found = SwapNoise(0.5)(x, noisy(), mask=None, event=TABLE)
    for column in TABLE.columns[1:]:
        levels = found[:, column.entries]
        assert (levels.sum(1) == 1).all()
        before, after = x[:, column.entries].double().mean(0), levels.double().mean(0)
        assert ((before - after).abs() < 4 * math.sqrt(0.25 / len(x))).all()
    # A partner has another level with probability 1 - sum p^2.
    other = 1 - float(x[:, 1:4].double().mean(0).square().sum())
    share = float((found[:, 1:4] != x[:, 1:4]).any(1).double().mean())
    assert abs(share - 0.5 * other) < 4 * math.sqrt(0.25 / len(x))


def test_swaps_need_a_partner_that_is_known():
    one = torch.tensor([[1.0, 2.0]])
    assert torch.equal(SwapNoise(0.9)(one, noisy(), mask=None, event=Event((2,))), one)
    x = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    mask = torch.tensor([[True, True], [False, True]])
    for seed in range(20):
        found = SwapNoise(0.9)(x, noisy(seed), mask=mask, event=Event((2,)))
        assert found[:, 0].tolist() == [1.0, 0.0]
        assert set(found[:, 1].tolist()) <= {2.0, 3.0}


@pytest.mark.parametrize("area", [0.03, 0.25, 0.9])
def test_a_patch_is_a_rectangle_of_its_area(area):
    x = torch.ones(2000, *IMAGE.shape)
    covered = Patches(area)(x, noisy(), mask=None, event=IMAGE) == 0
    assert torch.equal(covered[:, 0], covered[:, 1])
    down, across = covered[:, 0].any(2), covered[:, 0].any(1)
    assert torch.equal(covered[:, 0], down[:, :, None] & across[:, None, :])
    for line in (down.int(), across.int()):  # one run: it begins once
        starts = torch.nn.functional.pad(line, (1, 0)).diff().clamp(min=0).sum(1)
        assert (starts == 1).all()
    shares = covered[:, 0].double().mean((1, 2))
    assert abs(float(shares.mean()) - area) < 0.01
    # The width is chosen after the height, so the area is off by less than a column of pixels.
    assert float((shares - area).abs().max()) < 1 / 9


def test_patches_lie_anywhere_and_may_be_noise():
    x = torch.ones(3000, 1, 8, 8)
    event = Event((1, 8, 8))
    often = (Patches(0.1)(x, noisy(), mask=None, event=event) == 0).double().mean(0)[0]
    assert (often > 0.02).all()
    found = Patches(0.3, count=3, fill="noise")(x, noisy(), mask=None, event=event)
    inside = found[found != 1]
    assert 0.2 < len(inside) / x.numel() < 0.3  # patches of a third each, some overlapping
    assert abs(float(inside.mean()) - 0.5) < 0.01
    assert float(inside.min()) >= 0


def test_patches_of_anything_but_images_are_refused():
    with pytest.raises(
        ParameterError, match=r"Patches covers parts of images, but a sample here has shape \(6,\)"
    ):
        network(corruption=Patches())


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_diffusion_noise_keeps_the_variance_and_spreads_its_levels(schedule):
    x = torch.randn(4000, 200, generator=torch.Generator().manual_seed(5))
    corruption = DiffusionNoise(0.95, schedule=schedule, floor=0.1)
    found = corruption(x, noisy(), mask=None, event=Event((200,)))
    assert float(found.var()) == pytest.approx(1.0, abs=0.01)
    kept = (found * x).mean(1)  # an estimate of sqrt(1 - s^2), row by row
    times = torch.linspace(0, 1, 4001, dtype=torch.float64)
    levels = corruption.spread(times)
    assert levels[[0, -1]].tolist() == pytest.approx([0.1, 0.95])
    assert float(kept.mean()) == pytest.approx(float((1 - levels.square()).sqrt().mean()), abs=0.02)
    angle = torch.asin(levels) if schedule == "cosine" else (-torch.log1p(-levels.square())).sqrt()
    torch.testing.assert_close(angle, angle[0] + times * (angle[-1] - angle[0]))


def test_diffusion_noise_of_a_fixed_level_by_hand():
    x = rows(5)
    found = DiffusionNoise(0.6, level="fixed")(x, noisy(), mask=None, event=VECTOR)
    normal = torch.empty_like(x).normal_(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, 0.8 * x + 0.6 * normal)


def plane_denoiser(size, inside):
    """The best guess of data that are N(0, 1) in the first ``inside`` of ``size`` entries and 0 elsewhere.

    It reads the level off the empty entries, as a network that is not told has to.
    """

    def reconstruct(x):
        squared = x[:, inside:].square().mean(1, keepdim=True)
        clean = torch.zeros_like(x)
        clean[:, :inside] = x[:, :inside] * (1 - squared).clamp(0, 1).sqrt()
        return clean

    return reconstruct


def test_many_small_steps_end_on_the_data_where_one_shrinks_towards_the_mean():
    size, inside = 2000, 400
    x = torch.zeros(50, size)
    x[:, :inside] = torch.randn(50, inside, generator=torch.Generator().manual_seed(1))
    corruption = DiffusionNoise(0.9, level="fixed")
    noise = corruption(x, noisy(), mask=None, event=Event((size,)))
    denoiser = plane_denoiser(size, inside)
    spreads = [
        float(corruption.denoised(noise, denoiser, steps=steps)[:, :inside].std()) for steps in (1, 5, 40)
    ]
    assert spreads[0] == pytest.approx(math.sqrt(1 - 0.81), abs=0.02)  # the posterior mean of N(0, 1) data
    assert spreads[0] < spreads[1] < spreads[2]
    assert spreads[2] == pytest.approx(1.0, abs=0.08)


def test_rows_start_from_the_level_they_are_at():
    """A clean row stays what it is, whatever the steps."""
    x = torch.zeros(20, 100)
    x[:, :20] = torch.randn(20, 20, generator=torch.Generator().manual_seed(1))
    found = DiffusionNoise(0.9).denoised(x, plane_denoiser(100, 20), steps=7)
    torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-5)


def test_emphasis_is_alpha_and_beta_of_the_paper():
    net = network(corruption=Masking(0.5), penalties=(Emphasis(3.0),))
    x = rows(8)
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.8
    batch = Batch(x * mask, mask)
    terms = Objective(net)(batch, noisy())
    forward = net(batch, noisy())
    entries = 0.5 * (forward.output - batch.x).square() * mask
    damaged = forward.x_corrupt != batch.x
    alpha, beta = 4.0, 1.0
    expected = (alpha * entries * damaged + beta * entries * ~damaged).sum(1)
    torch.testing.assert_close(terms["reconstruction"] + terms["emphasis"], expected)
    assert Objective(net)(batch, Context())["emphasis"].abs().max() == 0


def test_emphasis_counts_a_damaged_category_once():
    x = table(300)
    net = network(corruption=SwapNoise(0.5), loss=Table(), penalties=(Emphasis(1.0),))
    net.event = TABLE
    net.loss_state = Table().state(TABLE)
    forward = net(Batch(x), noisy())
    changed = (forward.x_corrupt != x)[:, 1:4].any(1)
    nats = -torch.log_softmax(forward.output[:, 1:4], 1)[x[:, 1:4] == 1]
    second = (forward.x_corrupt != x)[:, 4:6].any(1)
    nats_second = -torch.log_softmax(forward.output[:, 4:6], 1)[x[:, 4:6] == 1]
    number = 0.5 * (forward.output[:, 0] - x[:, 0]).square() * (forward.x_corrupt[:, 0] != x[:, 0])
    found = Emphasis(1.0)(forward, None)
    torch.testing.assert_close(found, nats * changed + nats_second * second + number)


def digits():
    X = (load_digits().data / 16).astype(np.float32)
    return X[:1400], X[1400:]


@pytest.mark.parametrize("corruption", [GaussianNoise(0.3), Masking(0.3), SaltAndPepper(0.3)], ids=repr)
def test_trained_on_damage_it_undoes_damage(corruption):
    X, X_test = digits()
    training = Training(max_epochs=15, batch_size=64, learning_rate=2e-3, threads=1, device="cpu")
    damaged = corruption(torch.from_numpy(X_test), noisy(), mask=None, event=Event((64,))).numpy()
    errors = {}
    for name, damage in (("plain", None), ("denoising", corruption)):
        model = Autoencoder(Dense((128,)), code=24, corruption=damage, training=training, random_state=0)
        errors[name] = float(np.square(model.fit(X).reconstruct(damaged) - X_test).mean())
    errors["untouched"] = float(np.square(damaged - X_test).mean())
    assert errors["denoising"] < 0.8 * errors["plain"]
    assert errors["denoising"] < 0.6 * errors["untouched"]


def test_the_recipes_of_denoising():
    recipe = get("denoising")
    assert recipe().corruption == Masking()
    assert recipe(corruption="salt_and_pepper", strength=0.1).corruption == SaltAndPepper(0.1)
    assert recipe(corruption="patches", strength=0.1).corruption == Patches(0.1)
    assert recipe(corruption="gaussian", strength=0.5).corruption == GaussianNoise(0.5)
    assert recipe(corruption=SwapNoise(0.2), emphasis=2.0).penalties == (Emphasis(2.0),)
    assert get("diffusion_denoising")(noise=0.5, schedule="linear").corruption == DiffusionNoise(
        0.5, "linear"
    )
    with pytest.raises(
        ParameterError, match="corruption of recipe denoising must be one of masking, gaussian"
    ):
        recipe(corruption="salt")
    with pytest.raises(ParameterError, match="strength of recipe denoising goes with a corruption's name"):
        recipe(corruption=SwapNoise(0.2), strength=0.3)
