"""Hypergradients of images with shares, of predicted logits, in bfloat16, and of seeds together."""

import pytest
import torch

from bikd_core.hypergradients import (
    InnerBatch,
    Inside,
    OuterBatch,
    hypergradient,
    inner_gradient,
    pair_of,
    weighted_mean,
)
from bikd_core.losses import meta_loss
from bikd_core.models import build
from bikd_core.models.stack import Stack
from tests.bilevel_problem import (
    LR,
    NUM_CLASSES,
    TAU,
    assert_agrees_with_brute_force,
    drawn,
    outer_loss_at,
    problem,
    relative_difference,
    small_net,
)

BFLOAT16_LIMIT = 4e-2  # of the relative error; measured are up to 1.2e-2

# Images that do not all count the same, and logits that are predicted from others ---------------

SHARES = torch.tensor([0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05], dtype=torch.float64)


@pytest.mark.parametrize("shares", [None, SHARES])
def test_the_inner_loss_by_hand(shares):
    losses, weights = (
        torch.tensor([[1.0, 2.0], [4.0, 8.0]]),
        torch.tensor([[0.5, 1.0], [2.0, 0.25]]),
    )
    own = None if shares is None else torch.tensor([0.75, 0.25])
    expected = (2.5 + 10.0) / 2 if shares is None else 0.75 * 2.5 + 0.25 * 10.0
    assert weighted_mean(losses, weights, own).item() == expected


@pytest.mark.parametrize("has_slopes", [True, False], ids=["formula", "differentiated"])
@pytest.mark.parametrize("estimator", ["forward", "unrolled"])
def test_with_shares_each_weight_agrees_with_brute_force(device, estimator, has_slopes):
    net, inner, outer, inside = problem(small_net(torch.float64), (2, 6, 6), torch.float64, device)
    inner = inner._replace(shares=SHARES.to(device))
    if not has_slopes:
        inner = inner._replace(slopes=None)
    found = hypergradient(estimator, net, inner, outer, inside, LR).inside.weights
    assert_agrees_with_brute_force(found, net, inner, outer, inside)


@pytest.mark.parametrize("estimator", ["forward", "finite_difference", "unrolled"])
def test_what_is_predicted_from_the_logits_is_judged(device, estimator):
    net, inner, outer, inside = problem(small_net(torch.float64), (2, 6, 6), torch.float64, device)
    moved = torch.linspace(-1, 1, NUM_CLASSES, dtype=torch.float64, device=device)
    outer = outer._replace(predict=lambda logits: 2 * logits - moved)
    found = hypergradient(estimator, net, inner, outer, inside, LR)
    limit = 1e-5 if estimator != "finite_difference" else 1e-2
    assert_agrees_with_brute_force(found.inside.weights, net, inner, outer, inside, limit)
    expected = outer_loss_at(net, inner, outer, inside)
    assert found.outer_loss.item() == pytest.approx(expected, rel=1e-9)
    told = meta_loss("mix", found.outer_logits, outer.labels, outer.teacher_logits, TAU)
    assert told.item() == pytest.approx(expected, rel=1e-9)
    assert not found.outer_loss.requires_grad
    assert not found.outer_logits.requires_grad


@pytest.mark.parametrize("size", [1e-4, 1.0, 30.0])
def test_the_finite_difference_is_as_exact_however_steep_the_validation_loss_is(device, size):
    net, inner, outer, inside = problem(small_net(torch.float32), (2, 6, 6), torch.float32, device)
    outer = outer._replace(predict=lambda logits: size * logits, meta_loss="hard")
    found, exact = (
        hypergradient(name, net, inner, outer, inside, LR).inside.weights
        for name in ("finite_difference", "forward")
    )
    assert relative_difference(found, exact) < 1e-2


def test_a_finite_difference_needs_one_more_forward_pass_of_the_batch(device):
    net, inner, outer, inside = problem(small_net(torch.float32), (2, 6, 6), torch.float32, device)
    known, sizes = inner_gradient(net, inner, inside), []
    net.register_forward_pre_hook(lambda net, inputs: sizes.append(len(inputs[0])))
    hypergradient("finite_difference", net, inner, outer, inside, LR, known=known)
    assert sizes == [len(outer.images), len(inner.images)]


def test_the_inner_gradient_is_that_of_the_students_own_step(device):
    net, inner, _, inside = problem(small_net(torch.float64), (2, 6, 6), torch.float64, device)
    found = inner_gradient(net, inner, Inside(inside.weights.requires_grad_()))
    logits = net(inner.images)
    loss = (inside.weights.detach() * inner.losses(logits, None)).sum() / 9
    expected = torch.autograd.grad(loss, list(net.parameters()))
    torch.testing.assert_close(found.logits, logits.detach())
    assert not found.logits.requires_grad
    assert list(found.gradient) == [name for name, _ in net.named_parameters()]
    for one, other in zip(found.gradient.values(), expected, strict=True):
        torch.testing.assert_close(one, other)


# Small networks in bfloat16, and seeds that train together --------------------------------------


@pytest.mark.parametrize("estimator", ["forward", "finite_difference", "unrolled"])
def test_a_small_student_in_bfloat16_gives_nearly_the_same_float32_gradient(device, estimator):
    net = build("digits_cnn_s", NUM_CLASSES, 1, 8, torch.Generator().manual_seed(0)).train()
    case = problem(net, (1, 8, 8), torch.float32, device, "hard")
    exact = hypergradient("unrolled", *case, LR).inside.weights
    net.precision = "bfloat16"
    found = hypergradient(estimator, *case, LR).inside.weights
    assert found.dtype == torch.float32
    assert 1e-5 < relative_difference(found, exact) < BFLOAT16_LIMIT
    assert net.precision == "bfloat16"


NUM_SEEDS = 3


def seeds_apart(device):
    """A problem for each seed: its own student, batches, rates and temperature."""
    made = []
    for seed in range(NUM_SEEDS):
        net = build("digits_mlp", NUM_CLASSES, 1, 8, torch.Generator().manual_seed(seed))
        net.double().to(device).train()
        batches = [drawn(n, 10 * seed + n, (1, 8, 8), torch.float64, device) for n in (9, 7)]
        draw = torch.Generator().manual_seed(seed)
        weights = torch.rand(9, 2, generator=draw, dtype=torch.float64).to(device)
        rates = (0.1 * 2**seed, 0.5 + 0.25 * seed, 1.0 + seed)
        made.append((net, *batches, weights, rates))
    return made


def as_one(apart, device):
    """The same problems as one of a stack."""
    nets, train, val, weights, rates = zip(*apart, strict=True)
    inner, outer = ([torch.stack(part) for part in zip(*b, strict=True)] for b in (train, val))
    rate, step, temperature = (
        torch.tensor(own, dtype=torch.float64, device=device) for own in zip(*rates, strict=True)
    )
    case = (
        Stack(nets),
        pair_of(*inner, temperature),
        OuterBatch(*outer, temperature, "mix"),
        Inside(torch.stack(weights)),
        rate,
    )
    return case, step


@pytest.mark.parametrize("has_slopes", [True, False], ids=["formula", "differentiated"])
@pytest.mark.parametrize(("estimator", "limit"), [("forward", 1e-9), ("finite_difference", 1e-6)])
def test_seeds_that_train_together_have_the_gradients_of_each_alone(
    device, estimator, limit, has_slopes
):
    apart = seeds_apart(device)
    (stack, inner, *rest), step = as_one(apart, device)
    if not has_slopes:
        inner = inner._replace(slopes=None)
    found = hypergradient(estimator, stack, inner, *rest, virtual_step=step)
    for seed, (net, train, val, weights, (rate, own_step, temperature)) in enumerate(apart):
        batches = pair_of(*train, temperature), OuterBatch(*val, temperature, "mix")
        alone = hypergradient(
            estimator, net, *batches, Inside(weights), rate, virtual_step=own_step
        )
        assert relative_difference(found.inside.weights[seed], alone.inside.weights) < limit
        torch.testing.assert_close(found.outer_loss[seed], alone.outer_loss)
        torch.testing.assert_close(found.outer_logits[seed], alone.outer_logits)


def test_shares_of_seeds_that_train_together_are_those_of_each(device):
    apart = seeds_apart(device)
    (stack, inner, *rest), _ = as_one(apart, device)
    shares = torch.stack([SHARES.roll(seed) for seed in range(NUM_SEEDS)]).to(device)
    found = hypergradient("forward", stack, inner._replace(shares=shares), *rest)
    for seed, (net, train, val, weights, (rate, _, temperature)) in enumerate(apart):
        own = pair_of(*train, temperature)._replace(shares=shares[seed])
        outer = OuterBatch(*val, temperature, "mix")
        alone = hypergradient("forward", net, own, outer, Inside(weights), rate)
        assert relative_difference(found.inside.weights[seed], alone.inside.weights) < 1e-9


def test_seeds_that_train_together_are_not_unrolled(device):
    case, _ = as_one(seeds_apart(device), device)
    with pytest.raises(ValueError, match=r"^estimator = 'unrolled' is not .* together\.$"):
        hypergradient("unrolled", *case)


def test_a_loss_of_one_column_has_one_weight_an_image(device):
    net, inner, outer, _ = problem(small_net(torch.float64), (2, 6, 6), torch.float64, device)
    both, first = inner.losses, Inside(torch.rand(9, 1, dtype=torch.float64, device=device))
    one = InnerBatch(inner.images, lambda logits, shifts: both(logits, shifts)[:, :1])
    found = hypergradient("forward", net, one, outer, first, LR).inside.weights
    expected = hypergradient("unrolled", net, one, outer, first, LR).inside.weights
    assert found.shape == (9, 1)
    assert relative_difference(found, expected) < 1e-9
