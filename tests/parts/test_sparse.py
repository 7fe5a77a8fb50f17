"""Sparse codes and penalties: formulas by hand, exact counts, and sparsity that is reached on real data."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.batch_top_k import BatchTopK
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gated import Gated
from isthmus.codes.jump_relu import JumpReLU
from isthmus.codes.top_k import TopK
from isthmus.codes.winner_take_all import WinnerTakeAll
from isthmus.composition import BetweenSteps, Composition, Parts
from isthmus.errors import ParameterError
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.squared_error import SquaredError
from isthmus.metrics.dead_units import UnitActivity, predicted_dead_fraction, spread, unit_activity
from isthmus.nn.multiplier import Multiplier, RunningMean, excess
from isthmus.objective import Objective
from isthmus.penalties import auxiliary_k
from isthmus.penalties.auxiliary_k import AuxiliaryK
from isthmus.penalties.gated_auxiliary import GatedAuxiliary
from isthmus.penalties.kl_sparsity import KLSparsity
from isthmus.penalties.l1 import L1, active_units
from isthmus.penalties.resampling import Resampling, _forget
from isthmus.training.initial.transposed import Transposed
from isthmus.training.loop import train
from isthmus.types import Batch, Context, Event
from training.networks import feed, network, rows, training

DIGITS = torch.from_numpy(load_digits().data / 16).float()
LINEAR = Dense(())
QUIET = Context()


def noisy(seed=0):
    return Context(torch.Generator().manual_seed(seed), 0.5)


def dictionary(code, *, penalties=(), features=6, seed=0, tied=False, architecture=None):
    return network(
        architecture or Dense((), tied=tied), code=code, penalties=penalties, features=features, seed=seed
    )


def fitted(code, *, penalties=(), epochs=40, architecture=LINEAR, initial="transposed", learning_rate=2e-3):
    """A network trained on the digits; what comes back is it, and its codes of all digits."""
    net = network(architecture, code=code, penalties=penalties, features=64)
    plan = training(max_epochs=epochs, batch_size=128, learning_rate=learning_rate, initial_weights=initial)
    train(net, feed(DIGITS, batch_size=128), plan, seed=0)
    with torch.no_grad():
        return net, net.encode(DIGITS).z


def active(z):
    return float((z != 0).sum(1).float().mean())


# ---------------------------------------------------------------- multipliers


def test_a_multiplier_settles_where_the_target_is_reached():
    multiplier, measured = Multiplier(), torch.tensor(60.0)
    path = []
    for step in range(3000):
        # A network that would have 60 / (1 + weight) active units, and moves there slowly.
        measured = measured + 0.01 * (60.0 / (1.0 + 0.1 * multiplier()) - measured)
        multiplier.update(excess(measured, 10.0), step / 3000)
        path.append(float(measured))
    assert path[-1] == pytest.approx(10.0, rel=0.02)
    assert min(path) > 6.0


def test_a_multiplier_stays_finite_where_the_target_is_out_of_reach():
    for measured in (0.0, 1e9):
        multiplier = Multiplier()
        for step in range(1000):
            multiplier.update(excess(torch.tensor(measured), 10.0), step / 1000)
        assert torch.isfinite(multiplier()) and multiplier() > 0


def test_a_running_mean_by_hand():
    mean = RunningMean((), memory=0.5)
    assert mean() == 0
    mean.update(torch.tensor(2.0), 4)
    mean.update(torch.tensor(4.0), 2)
    mean.update(torch.tensor(float("nan")), 0)
    assert mean().item() == pytest.approx((0.5 * 8 + 8) / (0.5 * 4 + 2))


# ---------------------------------------------------------------- L1


def test_scaled_l1_by_hand():
    net = dictionary(Deterministic(3, "relu"), penalties=(L1(1.0, scaled=True),))
    x = rows(4)
    lengths = net.decoder.blocks[0].weight.square().sum(0).sqrt()
    expected = (net.encode(x).z * lengths).sum(1)
    torch.testing.assert_close(Objective(net)(Batch(x), QUIET)["l1"], expected)


def test_a_smaller_code_and_a_larger_decoder_do_not_cheat_the_scaled_penalty():
    terms = {}
    for scaled in (True, False):
        net = dictionary(Deterministic(3, "relu"), penalties=(L1(1.0, scaled=scaled),))
        for factor in (1.0, 0.1):
            with torch.no_grad():
                net.encoder.blocks[0].weight.mul_(factor)
                net.encoder.blocks[0].bias.mul_(factor)
                net.decoder.blocks[0].weight.div_(factor)
            terms[scaled, factor] = Objective(net)(Batch(rows(4)), QUIET)
    for name in ("reconstruction", "l1"):
        torch.testing.assert_close(terms[True, 1.0][name], terms[True, 0.1][name])
    torch.testing.assert_close(terms[False, 1.0]["l1"], 10 * terms[False, 0.1]["l1"])


def test_what_counts_as_active():
    zeros = torch.tensor([[0.0, 2.0, -1e-9], [0.0, 0.0, 3.0]])
    assert active_units([zeros]) == 1.5
    without = torch.tensor([[1.0, 1e-4], [-2.0, 1.0]])
    assert active_units([without]) == 1.5
    assert active_units([zeros, without]) == 3.0


def test_l1_refuses_to_scale_hidden_layers():
    with pytest.raises(ParameterError, match="scaled of L1"):
        L1(on="hidden", scaled=True)


@pytest.mark.parametrize("weight", [1e-3, 1.0])
def test_l1_reaches_the_l0_that_is_asked(weight):
    _, z = fitted(Deterministic(100, "relu"), penalties=(L1(weight, l0=8.0, scaled=True),))
    assert active(z) == pytest.approx(8.0, rel=0.1)


def test_l1_reaches_an_l0_of_hidden_layers():
    net, _ = fitted(Deterministic(5), penalties=(L1(1e-2, l0=10.0, on="hidden"),), architecture=Dense((60,)))
    with torch.no_grad():
        hidden = net.encoder.blocks[1](net.encoder.blocks[0](DIGITS))
    assert active(hidden) == pytest.approx(10.0, rel=0.1)


def test_evaluation_leaves_the_factor_alone():
    net = dictionary(Deterministic(3, "relu"), penalties=(L1(1.0, l0=1.0),))
    before = copy.deepcopy(net.state_dict())
    objective = Objective(net)
    objective(Batch(rows(4)), QUIET)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    objective(Batch(rows(4)), noisy())
    assert not torch.equal(net.penalty_state(0).level, before["penalty_states.0.level"])


# ---------------------------------------------------------------- KL


def divergence(target, mean):
    return target * math.log(target / mean) + (1 - target) * math.log((1 - target) / (1 - mean))


def sigmoid_network(penalty, size=2):
    return dictionary(Deterministic(size, "sigmoid"), penalties=(penalty,))


def test_kl_of_a_two_row_batch_by_hand():
    net = sigmoid_network(KLSparsity(2.0, 0.1, memory=0.0, reach=False))
    x = rows(2)
    first, second = net.encode(x).z.mean(0).tolist()
    expected = 2.0 * (divergence(0.1, first) + divergence(0.1, second))
    for context in (QUIET, noisy()):
        assert Objective(net)(Batch(x), context)["kl_sparsity"].tolist() == pytest.approx([expected] * 2)


def test_kl_is_zero_at_its_target():
    net = sigmoid_network(KLSparsity(1.0, 0.25, reach=False))
    with torch.no_grad():
        net.encoder.blocks[0].weight.zero_()
        net.encoder.blocks[0].bias.fill_(math.log(0.25 / 0.75))
    assert Objective(net)(Batch(rows(5)), QUIET)["kl_sparsity"].abs().max() < 1e-6


def test_kl_uses_several_batches_and_sends_the_gradient_through_this_one():
    net = sigmoid_network(KLSparsity(1.0, 0.05, memory=0.9, reach=False), size=1)
    objective, batches = Objective(net), rows(60).split(4)
    for batch in batches[:-1]:
        objective(Batch(batch), noisy())
    value = objective(Batch(batches[-1]), noisy())["kl_sparsity"].mean()
    means = [net.encode(batch).z.mean().item() for batch in batches]
    weights = [0.9**age for age in range(len(batches) - 1, -1, -1)]
    running = sum(map(math.prod, zip(weights, means, strict=True))) / sum(weights)
    assert value.item() == pytest.approx(divergence(0.05, running), rel=1e-4)
    (gradient,) = torch.autograd.grad(value, net.encoder.blocks[0].bias)
    z = net.encode(batches[-1]).z
    slope = -0.05 / running + 0.95 / (1 - running)
    assert gradient.item() == pytest.approx(slope * (z * (1 - z)).mean().item(), rel=1e-4)


def test_kl_of_one_batch_has_the_slope_of_its_value():
    net = sigmoid_network(KLSparsity(1.0, 0.05, memory=0.0, reach=False)).double()
    x = rows(7).double()
    bias = net.encoder.blocks[0].bias

    def value():
        return Objective(net)(Batch(x), noisy())["kl_sparsity"].mean()

    (gradient,) = torch.autograd.grad(value(), bias)
    with torch.no_grad():
        bias[0] += 1e-6
        above = value()
        bias[0] -= 2e-6
        below = value()
    assert gradient[0].item() == pytest.approx((above - below).item() / 2e-6, rel=1e-6)


def test_kl_reads_tanh_as_an_activity():
    net = dictionary(Deterministic(2, "tanh"), penalties=(KLSparsity(1.0, 0.1, reach=False),))
    x = rows(3)
    means = (0.5 * (1 + net.encode(x).z)).mean(0).tolist()
    expected = sum(divergence(0.1, mean) for mean in means)
    assert Objective(net)(Batch(x), QUIET)["kl_sparsity"][0].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_kl_refuses_activations_that_are_no_activities(activation):
    with pytest.raises(ParameterError, match=r"must be in \(0, 1\).*set activation='sigmoid'"):
        dictionary(Deterministic(2, activation), penalties=(KLSparsity(),))


def test_kl_survives_units_that_are_shut_or_saturated():
    for height in (-1e4, 1e4):
        net = sigmoid_network(KLSparsity())
        with torch.no_grad():
            net.encoder.blocks[0].bias.fill_(height)
        value = Objective(net)(Batch(rows(5)), noisy())["kl_sparsity"]
        assert torch.isfinite(value).all() and (value > 0).all()


@pytest.mark.parametrize("on", ["code", "hidden"])
def test_kl_reaches_the_activity_that_is_asked(on):
    penalty = KLSparsity(1e-2, 0.05, on=on)
    if on == "code":
        _, activities = fitted(Deterministic(40, "sigmoid"), penalties=(penalty,), initial="xavier")
    else:
        net, _ = fitted(
            Deterministic(8),
            penalties=(penalty,),
            architecture=Dense((40,), activation="sigmoid"),
            initial="xavier",
        )
        with torch.no_grad():
            activities = net.encoder.blocks[1](net.encoder.blocks[0](DIGITS))
    assert float(activities.mean()) == pytest.approx(0.05, rel=0.1)


# ---------------------------------------------------------------- codes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_top_k_keeps_exactly_k_ties_included(dtype):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(50, 40, generator=generator).to(dtype).float()
    equal = torch.ones(3, 40)
    for h in (drawn, equal, drawn.round()):
        z = TopK(40, 7, activation="identity")(h + 0.01, QUIET, None).z
        assert ((z != 0).sum(1) == 7).all()
        kept, rest = torch.where(z != 0, h, torch.inf).amin(1), torch.where(z == 0, h, -torch.inf).amax(1)
        assert (kept >= rest).all()
        assert torch.equal(z[z != 0], (h + 0.01)[z != 0])


def test_top_k_keeps_more_at_inference_only_where_asked():
    h = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    code = TopK(12, 2, 6, activation="identity")
    assert ((code(h, noisy(), None).z != 0).sum(1) == 2).all()
    assert ((code(h, QUIET, None).z != 0).sum(1) == 6).all()


def test_rectified_top_k_of_a_row_by_hand():
    h = torch.tensor([[3.0, -1.0, 2.0, -5.0], [-1.0, -2.0, 4.0, -3.0]], requires_grad=True)
    z = TopK(4, 2)(h, QUIET, None).z
    assert z.tolist() == [[3.0, 0.0, 2.0, 0.0], [0.0, 0.0, 4.0, 0.0]]
    (gradient,) = torch.autograd.grad(z.sum(), h)
    assert gradient.tolist() == [[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]]


def test_more_than_there_is_cannot_be_kept():
    for code in (lambda: TopK(3, 4), lambda: TopK(3, 2, 4), lambda: BatchTopK(3, 4)):
        with pytest.raises(ParameterError, match="must be at most size=3, got 4"):
            code()


def test_winners_take_all_keeps_each_unit_in_a_share_of_the_rows():
    h = torch.rand(40, 6, generator=torch.Generator().manual_seed(0)) + 0.1
    code = WinnerTakeAll(6, 0.1)
    z = code(h, noisy(), code.state()).z
    assert ((z != 0).sum(0) == 4).all()
    assert torch.equal(z.sort(0).values[-4:], h.sort(0).values[-4:])


def test_winners_of_new_data_are_as_rare_as_in_training():
    net, z = fitted(WinnerTakeAll(60, 0.05))
    rate = (z != 0).float().mean().item()
    assert rate == pytest.approx(0.05, rel=0.25)
    assert activity_of(z).dead == 0
    with torch.no_grad():
        rectified = WinnerTakeAll(60, 0.05, "rectified")(net.encoder(DIGITS), QUIET, net.code_state).z
    assert (rectified != 0).float().mean().item() > 3 * rate
    assert torch.equal(rectified[z != 0], z[z != 0])


def activity_of(z):
    activity = UnitActivity()
    activity.update(z.numpy())
    return activity


@pytest.mark.parametrize("trained", [0.0, 0.8, 5.0])
def test_batch_top_k_keeps_the_largest_of_the_batch(trained):
    code = BatchTopK(30, 4)
    h = torch.randn(16, 30, generator=torch.Generator().manual_seed(1))
    state = code.state()
    state.update(torch.tensor(trained), 1)
    z = code(h, noisy(), state).z
    kept = z[z != 0]
    assert len(kept) == 4 * 16
    torch.testing.assert_close(kept.sort().values, h.flatten().sort().values[-64:])
    few = code(-h.abs() + torch.eye(16, 30) * 9, noisy(), state).z
    assert (few != 0).sum() == ((-h.abs() + torch.eye(16, 30) * 9) > 0).sum()


def test_batch_top_k_keeps_k_of_new_rows_on_average():
    _, z = fitted(BatchTopK(100, 8))
    assert active(z) == pytest.approx(8.0, rel=0.1)
    assert (z != 0).sum(1).float().std() > 0.5


def test_jump_relu_by_hand():
    code = JumpReLU(2, weight=0.5, bandwidth=1.0, threshold=1.0)
    h = torch.tensor([[1.2, 0.9], [3.0, 0.1]], requires_grad=True)
    state = code.state()
    width = float(h.detach().square().mean().sqrt())
    encoded = code(h, noisy(), state)
    assert encoded.z.tolist() == [[pytest.approx(1.2), 0.0], [3.0, 0.0]]
    assert encoded.terms["l0"].tolist() == [0.5, 0.5]
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    loss = (weights * encoded.z).sum() + encoded.terms["l0"].sum()
    of_h, of_log = torch.autograd.grad(loss, [h, state.log_threshold])
    assert of_h.tolist() == [[1.0, 0.0], [3.0, 0.0]]
    # Both numbers of the first row are near their threshold of 1, where d theta / d log theta = 1.
    assert 0.2 < 0.5 * width < 0.9
    expected = -(weights[0] + 0.5) / width
    torch.testing.assert_close(of_log, expected)


def test_jump_relu_estimates_the_slope_of_the_expected_count():
    # The rectangle's estimate against the density of h at the threshold, h ~ N(0, 1): -phi(theta).
    code = JumpReLU(1, weight=1.0, bandwidth=0.1, threshold=0.7)
    h = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    state = code.state()
    count = code(h, noisy(), state).terms["l0"].mean()
    (slope,) = torch.autograd.grad(count, state.log_threshold)
    density = math.exp(-0.5 * 0.7**2) / math.sqrt(2 * math.pi)
    assert slope.item() == pytest.approx(-0.7 * density, rel=0.05)


@pytest.mark.parametrize("weight", [1e-3, 1.0])
def test_jump_relu_reaches_the_l0_that_is_asked(weight):
    _, z = fitted(JumpReLU(100, 8.0, weight))
    assert active(z) == pytest.approx(8.0, rel=0.1)


def test_gated_begins_rectified_and_is_its_formula():
    code = Gated(3)
    state = code.state()
    h = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(code(h, QUIET, state).z, torch.relu(h))
    with torch.no_grad():
        state.log_scale.copy_(torch.tensor([0.5, 0.0, -1.0]))
        state.offset.copy_(torch.tensor([-0.1, 0.3, 0.2]))
    expected = torch.where(h > 0, torch.relu(state.log_scale.exp() * h + state.offset), 0.0)
    torch.testing.assert_close(code(h, QUIET, state).z, expected)


# ---------------------------------------------------------------- the gate's penalty


@pytest.mark.parametrize("tied", [False, True])
def test_the_gates_penalty_by_hand_and_its_frozen_decoder(tied):
    net = dictionary(Gated(4), penalties=(GatedAuxiliary(sparsity=0.3),), tied=tied)
    x = rows(5)
    value = Objective(net)(Batch(x), noisy())["gated_auxiliary"]
    frozen = copy.deepcopy(net)
    layer = frozen.decoder.blocks[0]
    matrix = (layer.source[0].weight.t() if tied else layer.weight).detach()
    gate = torch.relu(net.encoder(x))
    explicit = 0.5 * (gate @ matrix.t() + layer.bias.detach() - x).square().sum(1)
    explicit = explicit + 0.3 * (gate * matrix.square().sum(0).sqrt()).sum(1)
    torch.testing.assert_close(value, explicit)
    parameters = list(net.encoder.parameters())
    found, expected = (torch.autograd.grad(each.mean(), parameters) for each in (value, explicit))
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two)
    value = Objective(net)(Batch(x), noisy())["gated_auxiliary"]
    own = [parameter for name, parameter in net.decoder.named_parameters() if "source" not in name]
    assert all(gradient is None for gradient in torch.autograd.grad(value.mean(), own, allow_unused=True))


def test_the_gates_penalty_reaches_the_l0_that_is_asked():
    net, z = fitted(Gated(100), penalties=(GatedAuxiliary(l0=8.0),))
    with torch.no_grad():
        gates = (net.encoder(DIGITS) > 0).sum(1).float().mean()
    assert float(gates) == pytest.approx(8.0, rel=0.1)
    assert active(z) == pytest.approx(8.0, rel=0.15)


# ---------------------------------------------------------------- dead units


def test_no_dead_unit_no_auxiliary_loss():
    net = dictionary(TopK(8, 2), penalties=(AuxiliaryK(1.0, after=1000),))
    value = Objective(net)(Batch(rows(5)), noisy())["auxiliary_k"]
    assert value.tolist() == [0.0] * 5 and not value.requires_grad


def with_dead_units(penalty, *, architecture=LINEAR, size=8):
    net = dictionary(TopK(size, 2), penalties=(penalty,), architecture=architecture)
    with torch.no_grad():
        net.penalty_state(0).rows.fill_(0)
        net.penalty_state(0).rows[[1, 4, 6]] = 10_000
    return net


def test_dead_units_explain_the_residual_by_hand():
    net = with_dead_units(AuxiliaryK(1.0, k=2, after=100))
    x = rows(5)
    value = Objective(net)(Batch(x), noisy())["auxiliary_k"]
    h = net.encoder(x)[:, [1, 4, 6]]
    largest = h >= h.sort(1).values[:, 1:2]
    # The two largest, rectified; the gradient passes the rectifier.
    dead = torch.where(largest, h + (torch.relu(h) - h).detach(), 0.0)
    residual = x - net.decode(net.encode(x, noisy()).z).detach()
    matrix = net.decoder.blocks[0].weight[:, [1, 4, 6]]
    expected = 0.5 * (residual - dead @ matrix.t()).square().sum(1)
    torch.testing.assert_close(value, expected)
    weights = [net.encoder.blocks[0].weight, net.decoder.blocks[0].weight]
    found, wanted = (torch.autograd.grad(each.sum(), weights) for each in (value, expected))
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, two)
    alive = [0, 2, 3, 5, 7]
    assert not found[0][alive].any() and not found[1][:, alive].any()


def test_any_decoder_gives_what_the_product_gives(monkeypatch):
    results = []
    for short in (True, False):
        if not short:
            monkeypatch.setattr(auxiliary_k, "only_matrix", lambda decoder: None)
        net = with_dead_units(AuxiliaryK(1.0, after=100))
        value = Objective(net)(Batch(rows(5)), noisy())["auxiliary_k"]
        gradients = torch.autograd.grad(value.sum(), list(net.parameters()), allow_unused=True)
        parameters = zip(net.parameters(), gradients, strict=True)
        results.append([value, *(p * 0 if one is None else one for p, one in parameters)])
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)


def test_dead_units_of_a_deep_decoder_learn_too():
    net = with_dead_units(AuxiliaryK(1.0, after=100), architecture=Dense((7,)))
    value = Objective(net)(Batch(rows(5)), noisy())["auxiliary_k"]
    gradients = torch.autograd.grad(value.sum(), list(net.parameters()), allow_unused=True)
    assert all(torch.isfinite(one).all() for one in gradients if one is not None)
    assert gradients[0] is not None and gradients[0].any()


def test_units_that_are_shut_in_every_row_get_a_gradient():
    net = with_dead_units(AuxiliaryK(1.0, after=100))
    with torch.no_grad():
        net.encoder.blocks[0].bias[[1, 4, 6]] = -100.0
    value = Objective(net)(Batch(rows(5)), noisy())["auxiliary_k"]
    (gradient,) = torch.autograd.grad(value.sum(), net.encoder.blocks[0].bias)
    assert gradient[[1, 4, 6]].any() and not gradient[[0, 2, 3, 5, 7]].any()


def test_units_are_dead_after_the_rows_that_were_said():
    net = dictionary(TopK(8, 2), penalties=(AuxiliaryK(1.0, after=12),))
    objective, x = Objective(net), rows(5)
    with torch.no_grad():
        net.encoder.blocks[0].bias[3] = -100.0
    silent = [objective(Batch(x), noisy())["auxiliary_k"].any().item() for _ in range(5)]
    assert net.penalty_state(0).rows[3] == 25
    assert silent[:3] == [False] * 3


def test_a_code_that_doubles_its_numbers_is_refused():
    from isthmus.codes.gaussian import Gaussian

    for penalty in (AuxiliaryK(), GatedAuxiliary(), Resampling()):
        with pytest.raises(ParameterError, match="one number for each of the encoder's"):
            network(LINEAR, code=Gaussian(3), penalties=(penalty,))


@pytest.mark.parametrize("hidden", [(), (7,)])
def test_resampling_points_dead_units_at_bad_rows(hidden):
    net = dictionary(
        Deterministic(6, "relu"),
        penalties=(Resampling(every=2),),
        architecture=Dense(hidden, activation="tanh"),
    )
    last = next(layer for layer in reversed(net.encoder.blocks) if isinstance(layer, torch.nn.Linear))
    first = net.decoder.blocks[0]
    with torch.no_grad():
        last.bias.fill_(3.0)
        last.bias[[2, 5]] = -100.0
    optimizer = torch.optim.Adam(net.parameters())
    objective, x, context = Objective(net), rows(9), noisy()
    kept = [matrix.detach().clone() for matrix in (last.weight, first.weight)]
    for step in (1, 2):
        terms = objective(Batch(x), context)
        assert terms["resampling"].tolist() == [0.0] * 9
        optimizer.zero_grad()
        terms["reconstruction"].mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        optimizer.step()
        net.parts.penalties[0].between_steps(
            BetweenSteps(net, optimizer, context, step), net.penalty_state(0)
        )
        if step == 1:
            assert torch.equal(last.weight, kept[0])
    alive = [0, 1, 3, 4]
    assert torch.equal(last.weight[alive], kept[0][alive])
    assert torch.equal(first.weight[:, alive], kept[1][:, alive])
    assert first.weight[:, [2, 5]].norm(dim=0).tolist() == pytest.approx([1.0, 1.0])
    usual = last.weight[alive].norm(dim=1).mean().item()
    assert last.weight[[2, 5]].norm(dim=1).tolist() == pytest.approx([0.5 * usual] * 2)
    state = optimizer.state[last.weight]["exp_avg_sq"]
    assert not state[[2, 5]].any() and state[alive].any()
    assert (net.encode(x).z[:, [2, 5]] > 0).any(0).all()
    assert sum(value.numel() for value in net.penalty_state(0).state_dict().values()) == 6 + 1


def test_resampling_revives_units_in_training():
    def dead(penalties):
        net = network(LINEAR, code=Deterministic(60, "relu"), penalties=(L1(0.1), *penalties), features=64)
        plan = training(max_epochs=40, learning_rate=3e-3)
        outcome = train(net, feed(DIGITS, batch_size=128), plan, seed=0)
        with torch.no_grad():
            return activity_of(net.encode(DIGITS).z).dead, outcome.history[-1]["reconstruction"]

    (without, loss), (revived, better) = dead(()), dead((Resampling(every=40),))
    assert without > 0.1 and revived < 0.3 * without
    assert better < loss


@pytest.mark.parametrize("flat", [False, True])
def test_the_optimizer_forgets_the_rows_of_resampled_units(flat):
    layers = [torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)]
    parameters = [value for layer in layers for value in layer.parameters()]
    trained = list(parameters)
    if flat:
        whole = torch.nn.Parameter(torch.cat([value.detach().flatten() for value in parameters]))
        start = 0
        for value in parameters:
            value.data = whole.data[start : start + value.numel()].view_as(value)
            start += value.numel()
        trained = [whole]
    optimizer = torch.optim.Adam(trained)
    for value in trained:
        value.grad = torch.ones_like(value)
    optimizer.step()
    _forget(optimizer, layers[1].weight, torch.tensor([1, 3]), dim=1)
    moments = torch.cat([optimizer.state[value]["exp_avg"].flatten() for value in trained])
    expected = torch.cat([torch.ones(16), torch.tensor([1.0, 0.0] * 4), torch.ones(2)])
    assert torch.equal(moments != 0, expected != 0)


# ---------------------------------------------------------------- initial weights


def initialized(net, x, **fields):
    Transposed(**fields)(net, batch=Batch(x), generator=torch.Generator().manual_seed(0))
    return net


def test_the_decoder_begins_as_the_encoders_transpose():
    net = initialized(dictionary(TopK(9, 2)), rows())
    encoder, decoder = net.encoder.blocks[0], net.decoder.blocks[0]
    assert torch.equal(decoder.weight, encoder.weight.t())
    torch.testing.assert_close(encoder.weight.norm(dim=1), torch.ones(9))
    deep = initialized(network(Dense((8, 7)), code=Deterministic(3)), rows())
    downs = [block for block in deep.encoder.blocks if isinstance(block, torch.nn.Linear)]
    ups = [block for block in deep.decoder.blocks if isinstance(block, torch.nn.Linear)]
    for down, up in zip(downs, reversed(ups), strict=True):
        assert torch.equal(up.weight, down.weight.t())


@pytest.mark.parametrize("tied", [False, True])
def test_the_mean_gives_a_code_of_zeros_and_a_code_of_zeros_the_mean(tied):
    net = initialized(dictionary(Deterministic(9), tied=tied), rows())
    mean = rows().mean(0, keepdim=True)
    assert net.encode(mean).z.abs().max() < 1e-5
    torch.testing.assert_close(net.decode(torch.zeros(1, 9)), mean)


def test_unknown_entries_do_not_count_in_the_mean():
    x, mask = rows(30), torch.rand(30, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    net = dictionary(Deterministic(9))
    Transposed()(net, batch=Batch(x * mask, mask), generator=torch.Generator().manual_seed(0))
    expected = torch.stack([x[mask[:, place], place].mean() for place in range(6)])
    torch.testing.assert_close(net.decoder.blocks[0].bias, expected)


def test_the_mean_is_found_through_a_sigmoid():
    x = DIGITS[:, 20:28].clamp(0.1, 0.9)
    for architecture, loss in (
        (Dense((), output_activation="sigmoid"), SquaredError()),
        (Dense(()), BinaryCrossEntropy()),
    ):
        net = Composition(Parts(architecture, Deterministic(4), loss), Event((8,)))
        initialized(net, x)
        torch.testing.assert_close(net.mean(net.decode(torch.zeros(1, 4)))[0], x.mean(0))


def test_images_are_centered_by_channel():
    images = DIGITS[:50].reshape(50, 1, 8, 8)
    net = Composition(Parts(Conv((4, 6)), Deterministic(5), SquaredError()), Event((1, 8, 8)))
    initialized(net, images)
    transposed = net.decoder.blocks[-1].layer
    assert torch.equal(transposed.weight, net.encoder.blocks[0].weight)
    assert transposed.bias.item() == pytest.approx(float(images.mean()), abs=1e-6)


# ---------------------------------------------------------------- counting and predicting dead units


def test_activity_by_hand():
    activity = UnitActivity()
    assert math.isnan(activity.dead)
    activity.update(np.array([[0.0, 1.0, 0.0], [0.0, -2.0, 0.0]]))
    activity.update(np.array([[0.0, 1.0, 3.0]]))
    assert activity.dead == pytest.approx(1 / 3)
    assert activity.l0 == pytest.approx(4 / 3)
    net = dictionary(TopK(9, 2, activation="identity"))
    found = unit_activity(net, [Batch(rows(7)), Batch(rows(5, seed=1))])
    assert found.rows == 12 and found.l0 == pytest.approx(2.0)


def test_spread_by_hand():
    found = spread(np.array([[3.0, 4.0], [3.0, 6.0], [5.0, 4.0], [5.0, 6.0]]))
    assert (found.rows, found.offset, found.variance) == (4, pytest.approx(math.sqrt(41)), pytest.approx(2.0))
    assert found.dimension == pytest.approx(2.0)
    assert spread(np.array([[3.0, 4.0], [6.0, 8.0]]), normalized=True).variance == pytest.approx(0.0)


def measured_dead_fraction(X, *, units, k=None, seed=0):
    weights = np.random.default_rng(seed).normal(size=(units, X.shape[1])).astype(np.float32)
    code = Deterministic(units, "relu") if k is None else TopK(units, k, activation="identity")
    return activity_of(code(torch.from_numpy(X.astype(np.float32) @ weights.T), QUIET, None).z).dead


@pytest.mark.parametrize("centered", [False, True])
def test_dead_units_of_random_dictionaries_are_predicted(centered):
    differences = []
    for rows_seen in (200, 1797):
        X = DIGITS.numpy()[:rows_seen]
        for units, k in ((1000, None), (1000, 10), (2000, 50), (2000, 200)):
            predicted = predicted_dead_fraction(X, units=None if k is None else units, k=k, centered=centered)
            measured = measured_dead_fraction(X - X.mean(0) if centered else X, units=units, k=k)
            differences.append(measured - predicted)
    # Rows that are alike are worth fewer than they are, so there are more dead units than predicted, not fewer.
    assert min(differences) > -0.03 and max(differences) < 0.2
    assert np.mean(differences) < 0.06


def test_the_prediction_is_exact_for_normal_rows():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 200)) + 2.0 * generator.normal(size=200) / math.sqrt(2)
    for k in (None, 400):
        predicted = predicted_dead_fraction(X, units=None if k is None else 4000, k=k)
        assert predicted == pytest.approx(measured_dead_fraction(X, units=4000, k=k), abs=0.03)
        assert 0.02 < predicted < 0.9


def test_offsets_of_the_data_kill_units_and_centering_revives_them():
    X = DIGITS.numpy()
    fractions = [predicted_dead_fraction(X + offset, units=1000, k=10) for offset in (0.0, 1.0, 5.0)]
    assert fractions == sorted(fractions) and fractions[-1] > 0.9
    assert predicted_dead_fraction(X + 5.0, units=1000, k=10, centered=True) < 0.15


def test_half_a_top_k_code_is_refused():
    with pytest.raises(ParameterError, match="needs units and k"):
        predicted_dead_fraction(DIGITS.numpy(), units=10)
