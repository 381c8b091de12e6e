"""BiKD over each objective: relative weights, class shifts, look-ahead, and when weights begin."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.func import functional_call
from torch.nn import functional as F

from bikd_core.config import METHOD_FACTS
from tests.methods.small_problem import B_VAL, COUNTS, LR, TAU, C, batch_of
from tests.methods.small_problem import plain as make
from tests.repeated import first_quick

LOG_PRIOR = np.log(np.array(COUNTS) / sum(COUNTS))
B = 8
OBJECTIVES = [name for name, facts in METHOD_FACTS.items() if not facts.has_weight_net]
SHARES = torch.tensor([1 / B] * B + [1 / B_VAL] * B_VAL, dtype=torch.float64)


GUIDE = batch_of(7, seed=2)


def relative(over, **options):
    return make("bikd", over=over, weight_scale="relative", **options)


def with_outputs(method, seed=5):
    """Give the weight net's last layer, which begins at zero, some values."""
    draw = torch.Generator().manual_seed(seed)
    last = method.weight_net.layers[-2]
    with torch.no_grad():
        for parameter in (last.weight, last.bias):
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    return method


def descend(method, batch):
    """Take one step of the student by plain SGD; return the step's result."""
    result = method.step(batch, LR)
    with torch.no_grad():
        for parameter in method.student.parameters():
            parameter -= LR * parameter.grad
    return result


# A run over an objective begins as that objective's own -----------------------------------------


@pytest.mark.parametrize("shares", [None, SHARES], ids=["one batch", "beside D_val"])
@pytest.mark.parametrize("over", first_quick(OBJECTIVES, 2))
def test_while_the_weight_net_stands_still_each_step_is_the_objectives_own_to_the_bit(over, shares):
    own = make(over, torch.float32)
    ours = relative(over, dtype=torch.float32, inner_steps=100, class_shifts="each")
    for seed in range(3):
        batch = batch_of(B + B_VAL, seed, torch.float32, shares)
        expected, found = descend(own, batch), descend(ours, batch)
        assert torch.equal(found.losses, expected.losses)
        assert torch.equal(found.logits, expected.logits)
        has_soft = METHOD_FACTS[over].needs_teacher
        assert found.weights.tolist() == [[1.0, 1.0 if has_soft else 0.0]] * (B + B_VAL)
    for name, value in own.student.state_dict().items():
        assert torch.equal(value, ours.student.state_dict()[name]), name


@pytest.mark.parametrize("over", OBJECTIVES)
def test_predictions_are_those_of_the_objective(over):
    logits = torch.randn(6, C, dtype=torch.float64)
    assert torch.equal(relative(over).predict(logits), make(over).predict(logits))


@pytest.mark.parametrize("over", ["prior_kd", "wsl", "balanced_softmax"])
def test_a_constant_weight_net_changes_nothing(over):
    constant, own = relative(over, inner_steps=100), make(over)
    with torch.no_grad():
        constant.weight_net.layers[-2].bias.fill_(1.3)
    batch = batch_of(B + B_VAL, 1, shares=SHARES)
    found, expected = constant.step(batch, LR), own.step(batch, LR)
    torch.testing.assert_close(found.losses, expected.losses, rtol=1e-12, atol=0)
    for a, b in zip(constant.student.parameters(), own.student.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-14)


# Relative weights by value ----------------------------------------------------------------------


def raw_weights(method, hard, batch):
    """The net's raw weights (B, 2), given the hard losses that it sees."""
    rows = range(len(hard))
    ce_teacher = -log_softmax(batch.teacher_logits.numpy(), axis=1)[rows, batch.labels]
    seen = torch.tensor(np.stack([hard, ce_teacher], axis=1))
    return method.weight_net(seen).detach().numpy()


@pytest.mark.parametrize("shares", [None, SHARES], ids=["one batch", "beside D_val"])
def test_relative_weights_over_wsl_have_mean_1_in_each_column_by_share_and_coefficient(shares):
    method = with_outputs(relative("wsl", inner_steps=100))
    batch = batch_of(B + B_VAL, 1, shares=shares)
    result = method.step(batch, LR)
    rows, z, t = range(B + B_VAL), result.logits.numpy(), batch.teacher_logits.numpy()
    hard = -log_softmax(z, axis=1)[rows, batch.labels]
    behind = 1 - np.exp(-hard / (-log_softmax(t, axis=1)[rows, batch.labels] + 1e-7))
    coefficients = np.stack([np.ones(len(hard)), 2.5 * TAU**2 * behind], axis=1)
    soft = -(softmax(t / TAU, axis=1) * log_softmax(z / TAU, axis=1)).sum(axis=1)

    raw = raw_weights(method, hard, batch)
    share = np.full(len(hard), 1 / len(hard)) if shares is None else shares.numpy()
    counts = share[:, None] * coefficients
    factors = raw / ((counts * raw).sum(axis=0) / counts.sum(axis=0))
    assert result.raw_weights.numpy() == pytest.approx(raw)
    assert result.weights.numpy() == pytest.approx(factors)
    weighted = coefficients * factors
    assert result.losses.numpy() == pytest.approx(weighted[:, 0] * hard + weighted[:, 1] * soft)
    assert result.weights.std() > 0.1


@pytest.mark.parametrize("over", ["prior_kd", "balanced_softmax"])
@pytest.mark.parametrize("inputs", ["shifted", "plain"])
def test_the_net_sees_the_cross_entropy_that_the_objective_trains_on_or_the_plain_one(over, inputs):
    method = with_outputs(relative(over, inner_steps=100, weight_net_inputs=inputs))
    batch = batch_of(B, 1)
    result = method.step(batch, LR)
    z = result.logits.numpy() + LOG_PRIOR * (inputs == "shifted")
    raw = raw_weights(method, -log_softmax(z, axis=1)[range(B), batch.labels], batch)
    assert result.raw_weights[:, 0].numpy() == pytest.approx(raw[:, 0])


@pytest.mark.parametrize("over", ["ce", "balanced_softmax", "logit_adjustment"])
def test_over_a_hard_loss_alone_there_is_no_teacher_and_no_second_weight(over):
    method = with_outputs(relative(over))
    result = method.step(batch_of(B, 1)._replace(teacher_logits=None), LR)
    assert result.weight_step
    assert not result.weights[:, 1].any()
    assert not result.influence[:, 1].any()
    assert result.weights[:, 0].mean().item() == pytest.approx(1)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_loss_that_does_not_count_does_not_spoil_the_weights_of_the_other(alpha):
    method = with_outputs(relative("kd", kd_alpha=alpha, class_shifts="each"))
    for seed in range(3):
        result = descend(method, batch_of(B, seed))
        assert result.weights.isfinite().all()
        assert result.losses.isfinite().all()
        assert result.weights.mean(dim=0).tolist() == pytest.approx([1.0, 1.0])
    assert all(parameter.isfinite().all() for parameter in method.weight_net.parameters())


# The gradient of the weight net and of the shifts -----------------------------------------------


def outer_loss_of(method, net_values, batch, outer):
    """L_val after a virtual step of KD with relative weights, written out once more."""
    theta = {k: v.detach().requires_grad_() for k, v in method.student.named_parameters()}
    buffers = {k: v.clone() for k, v in method.student.named_buffers()}
    logits = functional_call(method.student, theta | buffers, batch.images)
    hard = F.cross_entropy(logits, batch.labels, reduction="none")
    log_q = F.log_softmax(batch.teacher_logits / TAU, dim=1)
    log_p = F.log_softmax(logits / TAU, dim=1)
    soft = TAU**2 * (log_q.exp() * (log_q - log_p)).sum(dim=1)
    teacher = F.cross_entropy(batch.teacher_logits, batch.labels, reduction="none")
    seen = torch.stack([hard.detach(), teacher], dim=1)
    raw = functional_call(method.weight_net, net_values, seen)
    factors = raw / raw.mean(dim=0)
    loss = (
        torch.tensor([0.3, 0.7], dtype=torch.float64) * factors * torch.stack([hard, soft], dim=1)
    ).sum() / B
    gradients = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
    virtual = {k: v - LR * g for (k, v), g in zip(theta.items(), gradients, strict=True)}
    predicted = functional_call(method.student, virtual | buffers, outer.images)
    return F.cross_entropy(predicted, outer.labels)


@pytest.mark.parametrize("estimator", ["forward", "unrolled"])
def test_the_nets_gradient_goes_through_the_normalisation(estimator):
    method = with_outputs(relative("kd", kd_alpha=0.3, estimator=estimator, inner_steps=2))
    batch = batch_of(B, 1)
    values = {k: v.detach().requires_grad_() for k, v in method.weight_net.named_parameters()}
    expected = torch.autograd.grad(
        outer_loss_of(method, values, batch, GUIDE), list(values.values())
    )
    method.next_val_batch = lambda: GUIDE
    method.step(batch, LR)
    for parameter, gradient in zip(method.weight_net.parameters(), expected, strict=True):
        torch.testing.assert_close(2 * parameter.grad, gradient, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("over", first_quick(OBJECTIVES, 2))
@pytest.mark.parametrize("shifts", ["one", "each"])
def test_net_and_shifts_move_as_the_double_backward_says_over_each_objective(over, shifts):
    moved = []
    for estimator in ("forward", "unrolled"):
        method = with_outputs(relative(over, class_shifts=shifts, estimator=estimator))
        method.step(batch_of(B + B_VAL, 1, shares=SHARES), LR)
        assert method.class_shifts.abs().sum() > 0
        parts = [*method.weight_net.parameters(), method.class_shifts]
        moved.append(torch.cat([part.detach().flatten() for part in parts]))
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-8, atol=1e-11)


def test_the_student_takes_its_step_with_the_shifts_that_were_just_learned():
    method = relative("prior_kd", class_shifts="each", class_shift_learning_rate=0.5)
    batch = batch_of(B, 1)
    result = method.step(batch, LR)
    shifts = method.class_shifts.detach()
    assert shifts.abs().min() > 0.1
    z = result.logits.numpy() + LOG_PRIOR
    rows = range(B)
    hard = -log_softmax(z + shifts[0].numpy(), axis=1)[rows, batch.labels]
    q = softmax(batch.teacher_logits.numpy() / TAU, axis=1)
    log_p = log_softmax((z + shifts[1].numpy()) / TAU, axis=1)
    soft = TAU**2 * (q * (np.log(q) - log_p)).sum(axis=1)
    weights = result.weights.numpy()
    expected = 0.5 * (weights[:, 0] * hard + weights[:, 1] * soft)
    assert result.losses.numpy() == pytest.approx(expected)
    numbers = method.end_epoch(1.0)
    for row, name in enumerate(("shift_hard_per_class", "shift_soft_per_class")):
        assert numbers[name] == pytest.approx(LOG_PRIOR + shifts[row].numpy())


def test_a_shift_for_a_class_without_images_is_refused():
    with pytest.raises(ValueError, match=r"^class_shifts = 'one' is not possible: class 2 has no"):
        relative("kd", class_shifts="one", counts=(9, 5, 0, 1))


@pytest.mark.parametrize("num_done", first_quick([3, 0, 1, 4]))
def test_a_restored_method_with_shifts_goes_on_as_if_nothing_had_happened(num_done):
    def fresh():
        return relative("balanced_ltkd", class_shifts="one", inner_steps=2, outer_every=2)

    whole, rest = fresh(), fresh()
    for seed in range(num_done):
        descend(whole, batch_of(B, seed))
    whole.end_epoch(0.8)
    rest.student.load_state_dict({k: v.clone() for k, v in whole.student.state_dict().items()})
    rest.load_state({name: value.clone() for name, value in whole.state().items()})
    for method in (whole, rest):
        guides = itertools.count(50)
        method.next_val_batch = lambda guides=guides: batch_of(7, next(guides))
        for seed in range(20, 25):
            descend(method, batch_of(B, seed))
    assert torch.equal(whole.class_shifts, rest.class_shifts)
    for name, value in whole.weight_net.state_dict().items():
        assert torch.equal(value, rest.weight_net.state_dict()[name])
    for name, value in whole.student.state_dict().items():
        assert torch.equal(value, rest.student.state_dict()[name])


def test_over_logit_adjustment_d_val_judges_what_the_student_predicts_from():
    method = relative("logit_adjustment")
    method.next_val_batch = lambda: GUIDE
    result = method.step(batch_of(B, 1), LR, under_lens=True)
    logits = make("ce").student(GUIDE.images).detach()  # the same student, before its step
    expected = F.cross_entropy(logits - torch.tensor(LOG_PRIOR), GUIDE.labels)
    assert result.outer_loss_before.item() == pytest.approx(expected.item())


# When there is a hypergradient ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "num_epochs", "first"), [(0.0, 5, 0), (0.5, 5, 2), (0.7, 10, 7), (0.29, 100, 29)]
)
def test_until_the_weights_begin_an_epoch_has_no_hypergradient(share, num_epochs, first):
    method = relative("kd", outer_from=share, num_epochs=num_epochs)
    method.next_val_batch = lambda: pytest.fail("D_val is not needed yet")
    for _ in range(first):
        result = method.step(batch_of(B, 1), LR, under_lens=True)
        assert result.influence.isnan().all()
        assert result.outer_loss is result.outer_loss_before is None
        assert not result.weight_step
        assert result.weights.tolist() == result.raw_weights.tolist() == [[1.0, 1.0]] * B
        numbers = method.end_epoch(1.0)
        assert not {"pull_hard_per_class", "hypergradient_norm"} & set(numbers)
    method.next_val_batch = lambda: GUIDE
    result = method.step(batch_of(B, 1), LR)
    assert result.weight_step
    assert result.influence.isfinite().all()


@pytest.mark.parametrize(("every", "window"), [(1, 1), (2, 1), (3, 1), (2, 2)])
def test_only_one_step_in_so_many_has_a_hypergradient(every, window):
    method = with_outputs(relative("kd", outer_every=every, inner_steps=window))
    results = [method.step(batch_of(B, seed), LR) for seed in range(2 * every * window)]
    due = [n % every == 0 for n in range(len(results))]
    assert [not result.influence.isnan().any() for result in results] == due
    assert [result.outer_loss is not None for result in results] == due
    closing = [n % (every * window) == every * (window - 1) for n in range(len(results))]
    assert [result.weight_step for result in results] == closing
    assert all(result.weights[:, 0].std() > 0 for result in results)  # weighted all the same


def test_a_longer_look_ahead_moves_only_the_point_where_d_val_is_asked():
    found = {}
    for factor in (0.0, 1.0, 3.0):
        method = relative("kd", virtual_step=factor, inner_steps=100)
        method.next_val_batch = lambda: GUIDE
        found[factor] = method.step(batch_of(B, 1), LR, under_lens=True)
    assert found[0.0].outer_loss.item() == pytest.approx(found[0.0].outer_loss_before.item())
    assert found[3.0].outer_loss != found[1.0].outer_loss != found[0.0].outer_loss
    scales = [result.influence.abs().mean().item() for result in found.values()]
    assert max(scales) < 3 * min(scales)  # not multiplied by the factor


# The pull of D_val ------------------------------------------------------------------------------


@pytest.mark.parametrize("meta_loss", ["hard", "soft", "mix"])
def test_the_pull_is_the_mean_gradient_of_l_val_on_each_logit(meta_loss):
    method = relative("kd", virtual_step=0.0, meta_loss=meta_loss)
    method.next_val_batch = lambda: GUIDE
    logits = make("ce").student(GUIDE.images).detach().numpy()
    method.step(batch_of(B, 1), LR)
    numbers = method.end_epoch(1.0)
    share = np.bincount(GUIDE.labels, minlength=C) / 7
    hard = softmax(logits, axis=1).mean(axis=0) - share
    teacher = softmax(GUIDE.teacher_logits.numpy() / TAU, axis=1)
    soft = TAU * (softmax(logits / TAU, axis=1) - teacher).mean(axis=0)
    for kind, expected in (("hard", hard), ("soft", soft)):
        name = f"pull_{kind}_per_class"
        assert (name in numbers) == (meta_loss in (kind, "mix"))
        if name in numbers:
            assert numbers[name] == pytest.approx(expected)


def test_influence_does_not_depend_on_the_objectives_coefficient():
    found = []
    for alpha in (0.2, 0.8):
        method = relative("kd", kd_alpha=alpha, virtual_step=0.0)
        method.next_val_batch = lambda: GUIDE
        found.append(method.step(batch_of(B, 1), LR).influence)
    torch.testing.assert_close(found[0], found[1])
    assert not math.isclose(float(found[0].abs().sum()), 0.0)
