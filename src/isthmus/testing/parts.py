"""Properties that belong to one family: what a code, a prior, a loss, a corruption or a penalty promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from isthmus import spec
from isthmus.codes.code import Code
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Parts
from isthmus.corruptions.corruption import Corruption
from isthmus.losses.loss import Loss
from isthmus.nn.normal import DiagonalNormal
from isthmus.objective import RECONSTRUCTION
from isthmus.penalties.penalty import Penalty
from isthmus.priors.prior import Prior
from isthmus.testing.examples import CODE_SIZE, EVENTS, Setup, noisy, rows, setups, spec_copy
from isthmus.testing.failure import (
    NotApplicable,
    require,
    require_close,
    require_same_bits,
    require_shape,
)
from isthmus.testing.networks import trained
from isthmus.types import Context, Event

DRAWS = 20_000
#: A mean of many draws may lie so many standard errors from what it estimates.
SIGMAS = 4.0


# ---------------------------------------------------------------- codes


def encodes_to_its_size(part: spec.Spec) -> None:
    """h (batch, encoder_width) becomes z (batch, size), the same bits each time without a generator."""
    code = cast(Code, part)
    state = code.state()
    for n in (5, 1, 0):
        h = torch.randn(n, code.encoder_width, generator=torch.Generator().manual_seed(n))
        encoded = code(h, Context(), state)
        require_shape(encoded.z, (n, code.size), "the code")
        require_same_bits(encoded.z, code(h, Context(), state).z, "codes without a generator")
        for name, value in encoded.terms.items():
            require_shape(value, (n,), f"term {name!r} of the code")


def survives_large_inputs(part: spec.Spec) -> None:
    """Encoder outputs as large as 1e4 give finite codes, terms and gradients."""
    code = cast(Code, part)
    h = torch.linspace(-1e4, 1e4, 8 * code.encoder_width).reshape(8, code.encoder_width).requires_grad_()
    encoded = code(h, noisy(), code.state())
    require(torch.isfinite(encoded.z).all(), "a code of large inputs is not finite.")
    for name, value in encoded.terms.items():
        require(torch.isfinite(value).all(), f"term {name!r} of large inputs is not finite.")
    (gradient,) = torch.autograd.grad(
        encoded.z.sum() + sum(value.sum() for value in encoded.terms.values()), h
    )
    require(torch.isfinite(gradient).all(), "the gradient of large inputs is not finite.")


def posterior_is_what_is_drawn(part: spec.Spec) -> None:
    """Codes of one row, drawn many times, have the posterior's mean, and the mean is what evaluation gives."""
    code = cast(Code, part)
    state = code.state()
    one = torch.randn(1, code.encoder_width, generator=torch.Generator().manual_seed(0))
    quiet = code(one, Context(), state)
    if quiet.posterior is None:
        raise NotApplicable(f"{type(code).__name__} is not stochastic")
    require_close(quiet.z, quiet.posterior.mean, "the code in evaluation and the posterior mean")
    drawn = code(one.expand(DRAWS, -1), noisy(), state).z
    _require_mean(drawn, quiet.posterior.mean[0], "the mean of codes drawn from the posterior")


def closed_form_kl_is_monte_carlo(part: spec.Spec) -> None:
    """The term ``kl`` is the mean of log q(z|x) - log p(z) over z drawn from q, within four sigma."""
    code: Code = Gaussian(CODE_SIZE, prior=part) if isinstance(part, Prior) else cast(Code, part)
    prior = getattr(code, "prior", None)
    state = code.state()
    for seed, scale in ((0, 0.5), (1, 1.5)):
        one = scale * torch.randn(1, code.encoder_width, generator=torch.Generator().manual_seed(seed))
        quiet = code(one, Context(), state)
        if prior is None or "kl" not in quiet.terms or not hasattr(quiet.posterior, "log_prob"):
            raise NotApplicable(f"{type(code).__name__} has no KL to a prior")
        encoded = code(one.expand(DRAWS, -1), noisy(seed), state)
        estimates = encoded.posterior.log_prob(encoded.z) - prior.log_prob(encoded.z, state)
        _require_mean(estimates[:, None], encoded.terms["kl"].mean()[None], "the KL by Monte Carlo")


def _require_mean(drawn: Tensor, mean: Tensor, what: str) -> None:
    """drawn (n, k) has column means ``mean`` (k,), within four standard errors."""
    drawn = drawn.detach().double()
    error = drawn.std(0) / math.sqrt(len(drawn)) + 1e-6
    away = ((drawn.mean(0) - mean.detach().double()).abs() / error).max()
    require(away <= SIGMAS, f"{what} is {float(away):.1f} standard errors from what it must be.")


# ---------------------------------------------------------------- priors


def density_integrates_to_one(part: spec.Spec) -> None:
    """exp(log_prob) sums to 1 over a grid of one and of two dimensions."""
    prior = cast(Prior, part)
    for size, points in ((1, 20_001), (2, 501)):
        line = torch.linspace(-30, 30, points, dtype=torch.float64)
        grid = torch.cartesian_prod(*[line] * size).reshape(-1, size)
        step = float(line[1] - line[0])
        mass = (
            prior.log_prob(grid.to(torch.float32).double(), _double(prior.state(size))).exp().sum()
            * step**size
        )
        require(
            abs(float(mass) - 1) < 1e-3,
            f"the density over {size} dimensions integrates to {float(mass):.5f}.",
        )


def _double(state: torch.nn.Module | None) -> torch.nn.Module | None:
    return None if state is None else state.double()


def samples_follow_the_density(part: spec.Spec) -> None:
    """The mean of a narrower normal density over p, at samples of p, is 1 within four sigma."""
    prior = cast(Prior, part)
    state = prior.state(CODE_SIZE)
    with torch.no_grad():
        z = prior.sample(torch.empty(DRAWS, CODE_SIZE), noisy(), state)
        require_shape(z, (DRAWS, CODE_SIZE), "samples of the prior")
        require_same_bits(
            z, prior.sample(torch.empty(DRAWS, CODE_SIZE), noisy(), state), "samples of one seed"
        )
        narrow = DiagonalNormal(z.mean(0, keepdim=True), 2 * (0.6 * z.std(0, keepdim=True)).log())
        ratios = (narrow.log_prob(z) - prior.log_prob(z, state)).exp()
    _require_mean(ratios[:, None], torch.ones(1), "the importance-weighted mass of a normal density")


# ---------------------------------------------------------------- losses


def _outputs(loss: Loss, setup: Setup, *, masked: bool) -> tuple[Tensor, Any, dict[str, Any]]:
    batch = rows(setup.event, 4, masked=masked)
    shape = (4, *loss.output_shape(setup.event))
    output = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    return output, batch, {"mask": batch.mask, "event": setup.event, "state": loss.state(setup.event)}


def written_gradient_is_autograd(part: spec.Spec) -> None:
    """``with_gradient`` gives what the call gives, and the gradient that automatic differentiation finds."""
    loss = cast(Loss, part)
    for setup in setups(part):
        for masked in (False, True):
            output, batch, context = _outputs(loss, setup, masked=masked)
            flat, x = output.flatten(1), batch.x.flatten(1)
            leaf = flat.clone().requires_grad_()
            if context["mask"] is not None:
                context["mask"] = context["mask"].flatten(1)
            nats = loss(leaf, x, **context)
            (expected,) = torch.autograd.grad(nats.sum(), leaf)
            given, gradient = loss.with_gradient(flat, x, **context)
            require_close(given, nats.detach(), "the loss of with_gradient", tolerance=1e-6)
            require_close(gradient, expected, "the gradient of with_gradient", tolerance=1e-6)


def unknown_entries_contribute_nothing(part: spec.Spec) -> None:
    """Output and target may be anything where the mask is False; no gradient comes from there."""
    loss = cast(Loss, part)
    for setup in setups(part):
        if setup.parts.loss.output_shape(setup.event) != setup.event.shape:
            continue
        output, batch, context = _outputs(loss, setup, masked=True)
        leaf = output.clone().requires_grad_()
        nats = loss(leaf, batch.x, **context)
        (gradient,) = torch.autograd.grad(nats.sum(), leaf)
        numeric = torch.ones(setup.event.shape, dtype=torch.bool)
        for column in setup.event.columns:
            numeric[column.entries] = column.kind == "numeric"
        unknown = ~batch.mask
        require((gradient[unknown] == 0).all(), "a gradient comes from unknown entries.")
        changed = torch.where(unknown & numeric, output + 1.0, output)
        require_close(
            loss(changed, batch.x, **context), nats, "the loss with other outputs at unknown entries"
        )
        target = torch.where(unknown, 0.5 * torch.ones_like(batch.x), batch.x)
        require_close(loss(output, target, **context), nats, "the loss with other targets at unknown entries")


def mean_is_in_model_space(part: spec.Spec) -> None:
    """``mean`` maps outputs to finite numbers of the event's shape and changes no output in place."""
    loss = cast(Loss, part)
    for setup in setups(part):
        output, _, _ = _outputs(loss, setup, masked=False)
        before = output.clone()
        mean = loss.mean(output, event=setup.event)
        require_shape(mean, (4, *setup.event.shape), "the mean")
        require(torch.isfinite(mean).all(), "the mean is not finite.")
        require_same_bits(output, before, "the output after mean")


# ---------------------------------------------------------------- corruptions


def _strength(part: spec.Spec) -> str | None:
    """The field that is the strength: named by ``strength``, else the first whose range begins with 0, inclusive."""
    if hasattr(part, "strength"):
        return str(part.strength)
    for name, (rule, _) in spec._rules(type(part)).items():
        if rule.startswith("a number in [0,"):
            return name
    return None


def _taken(corruption: Corruption) -> list[Event]:
    """The events without columns that a corruption takes."""
    return [event for event in EVENTS[:4] if not list(corruption.refusals(event))]


def damages_a_copy(part: spec.Spec) -> None:
    """x keeps its bits, the damaged copy its shape, type and unknown entries; one seed damages alike."""
    corruption = cast(Corruption, part)
    for event in _taken(corruption):
        for masked in (False, True):
            for n in (5, 1, 0):
                batch, again = (rows(event, n, masked=masked) for _ in range(2))
                first, second = (corruption(batch.x, noisy(), mask=batch.mask, event=event) for _ in range(2))
                require_same_bits(batch.x, again.x, "x after its corruption")
                require_shape(first, tuple(batch.x.shape), "the damaged x")
                require(first.dtype == batch.x.dtype, f"the damaged x has type {first.dtype}.")
                require_same_bits(first, second, "two corruptions from one seed")
                if batch.mask is not None:
                    require((first[~batch.mask] == 0).all(), "unknown entries of the damaged x must stay 0.")


def no_strength_is_no_corruption(part: spec.Spec) -> None:
    """With its strength at 0 a training ends where a training without the corruption ends."""
    name = _strength(part)
    if name is None:
        raise NotApplicable(f"{type(part).__name__} has no strength that may be 0")
    none = spec.clone(part).set_params(**{name: 0.0})
    batch = rows(EVENTS[0])
    require_same_bits(none(batch.x, noisy(), mask=None, event=EVENTS[0]), batch.x, f"x corrupted at {name}=0")
    _require_plain(setups(none)[0])


def statistics_are_as_declared(part: spec.Spec) -> None:
    """A ``rate`` is the share of entries changed, a ``std`` the standard deviation of the change: four sigma."""
    corruption = cast(Any, part)
    if getattr(corruption, "level", "fixed") != "fixed":
        raise NotApplicable("a strength that differs from row to row has no one rate")
    event = _taken(corruption)[0]
    x = rows(event, DRAWS).x
    change = corruption(x, noisy(), mask=None, event=event) - x
    count = change.numel()
    found = False
    if hasattr(corruption, "rate"):
        found = True
        share, rate = float((change != 0).double().mean()), corruption.rate
        sigma = math.sqrt(rate * (1 - rate) / count) + 1e-9
        require(abs(share - rate) <= SIGMAS * sigma, f"a share of {share:.4f} was changed, rate is {rate}.")
    if hasattr(corruption, "std"):
        found = True
        std, wanted = float(change.double().std()), corruption.std
        require(
            abs(std - wanted) <= SIGMAS * wanted / math.sqrt(2 * count) + 1e-9,
            f"the change has standard deviation {std:.5f}, std is {wanted}.",
        )
        require(
            abs(float(change.double().mean())) <= SIGMAS * wanted / math.sqrt(count) + 1e-9, "the mean moved."
        )
    if not found:
        raise NotApplicable(f"{type(part).__name__} declares neither rate nor std")


def shards_are_cut_from_the_whole(part: spec.Spec) -> None:
    """The rows that a process has get the damage they would get in the whole batch."""
    corruption = cast(Corruption, part)
    if corruption.couples_rows:
        raise NotApplicable(f"{type(part).__name__} takes from the other rows of its process")
    for event in _taken(corruption):
        x = rows(event, 5).x
        whole = corruption(x, noisy(), mask=None, event=event)
        for first, count in ((0, 2), (2, 3)):
            piece = corruption(
                x[first : first + count], noisy(shard=(first, count, 5)), mask=None, event=event
            )
            require_same_bits(piece, whole[first : first + count], "the damage of a process's rows")


# ---------------------------------------------------------------- penalties


def weight_scales_the_term(part: spec.Spec) -> None:
    """Twice the weight is twice the term."""
    penalty = cast(Penalty, part)
    penalty = spec.clone(penalty).set_params(weight=penalty.weight or 1.0)
    double = spec.clone(penalty).set_params(weight=2 * penalty.weight)
    for setup, twice in zip(setups(penalty), setups(double), strict=True):
        batch = rows(setup.event)
        terms, doubled = (one.objective().eval()(batch, noisy()) for one in (setup, twice))
        (name,) = set(terms) - {RECONSTRUCTION}
        require_close(doubled[name], 2 * terms[name], "the term at twice the weight", tolerance=1e-6)


def no_weight_is_no_penalty(part: spec.Spec) -> None:
    """With weight 0 a training ends where a training without the penalty ends."""
    _require_plain(setups(spec.clone(part).set_params(weight=0.0))[0])


def _require_plain(setup: Setup) -> None:
    """A training of the setup ends within 1e-6 of one without corruption and penalties."""
    plain = spec_copy(setup.parts)
    plain = Parts(plain.architecture, plain.code, plain.loss)
    with_it, without = (trained(one, seed=0) for one in (setup, Setup(plain, setup.event)))
    states = with_it.state_dict()
    for name, value in without.state_dict().items():
        require_close(
            states[name], value, f"{name} trained with a part of no strength and without it", tolerance=1e-6
        )


Property = Callable[[spec.Spec], None]
CODES: tuple[Property, ...] = (
    encodes_to_its_size,
    survives_large_inputs,
    posterior_is_what_is_drawn,
    closed_form_kl_is_monte_carlo,
)
PRIORS: tuple[Property, ...] = (
    density_integrates_to_one,
    samples_follow_the_density,
    closed_form_kl_is_monte_carlo,
)
LOSSES: tuple[Property, ...] = (
    written_gradient_is_autograd,
    unknown_entries_contribute_nothing,
    mean_is_in_model_space,
)
CORRUPTIONS: tuple[Property, ...] = (
    damages_a_copy,
    no_strength_is_no_corruption,
    statistics_are_as_declared,
    shards_are_cut_from_the_whole,
)
PENALTIES: tuple[Property, ...] = (weight_scales_the_term, no_weight_is_no_penalty)
