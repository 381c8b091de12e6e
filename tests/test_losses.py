"""The losses against arithmetic by hand and autograd."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from bikd_core.losses import (
    NO_SHIFT,
    Shift,
    hard_loss,
    loss_gradients,
    meta_loss,
    per_seed,
    soft_loss,
    spread,
    student_losses,
    weight_net_inputs,
)


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(3)
    student = torch.randn(5, 4, generator=draw, dtype=torch.float64)
    teacher = 2 * torch.randn(5, 4, generator=draw, dtype=torch.float64)
    return student, teacher, torch.tensor([0, 3, 1, 1, 2])


def test_soft_loss_is_zero_when_the_student_copies_the_teacher_up_to_a_shift():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    assert soft_loss(logits, logits + 7.0, temperature=4.0).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_soft_loss_by_hand(temperature):
    # Softened by τ, the teacher is (3/4, 1/4) and the student (1/2, 1/2) for every τ.
    teacher = temperature * torch.tensor([[math.log(3.0), 0.0]])
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    loss = soft_loss(torch.zeros(1, 2), teacher, temperature)
    assert loss.item() == pytest.approx(temperature**2 * divergence, rel=1e-5)


def test_hard_loss_by_hand():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]))
    expected = [-math.log(0.25), -math.log(0.1)]
    assert hard_loss(logits, torch.tensor([1, 0])).tolist() == pytest.approx(expected)


SHIFT = Shift(torch.tensor([0.5, -1.0, 0.0, 2.0]), torch.tensor([-0.5, 3.0, 1.0, 0.0]))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_each_shift_is_added_inside_its_own_loss_alone(batch, temperature):
    student, teacher, labels = batch
    found = student_losses(student, teacher, labels, temperature, SHIFT)
    for image, label in enumerate(labels.tolist()):
        of_hard, of_soft = (student[image] + shift for shift in SHIFT)
        log_s, log_t = (log_softmax(z.numpy() / temperature) for z in (of_soft, teacher[image]))
        divergence = float(np.sum(np.exp(log_t) * (log_t - log_s)))
        expected = [-log_softmax(of_hard.numpy())[label], temperature**2 * divergence]
        assert found[image].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("shift", [NO_SHIFT, SHIFT, Shift(hard=SHIFT.hard)], ids=str)
def test_gradients_with_respect_to_the_logits_are_those_of_autograd(batch, temperature, shift):
    student, teacher, labels = batch
    student.requires_grad_()
    for column in (0, 1):
        total = student_losses(student, teacher, labels, temperature, shift)[:, column].sum()
        (expected,) = torch.autograd.grad(total, student)
        found = loss_gradients(student.detach(), teacher, labels, temperature, shift)[:, column]
        torch.testing.assert_close(found, expected)


def test_no_gradient_reaches_the_teacher_or_flows_through_weight_net_inputs(batch):
    student, teacher, labels = batch
    student.requires_grad_()
    teacher.requires_grad_()
    student_losses(student, teacher, labels, 4.0).sum().backward()
    assert student.grad is not None
    assert teacher.grad is None
    assert not weight_net_inputs(student, teacher, labels).requires_grad


@pytest.mark.parametrize("shift", [NO_SHIFT, SHIFT], ids=["no shift", "shift"])
def test_weight_net_sees_the_cross_entropies_and_the_shift_of_the_student_alone(batch, shift):
    student, teacher, labels = batch
    inputs = weight_net_inputs(student, teacher, labels, shift)
    moved = student if shift is NO_SHIFT else student + shift.hard
    torch.testing.assert_close(inputs[:, 0], hard_loss(moved, labels))
    torch.testing.assert_close(inputs[:, 1], hard_loss(teacher, labels))


def test_without_a_teacher_the_weight_net_sees_one_column(batch):
    student, _, labels = batch
    inputs = weight_net_inputs(student, None, labels)
    torch.testing.assert_close(inputs, hard_loss(student, labels)[:, None])


def test_learned_shifts_are_added_to_the_constant_ones():
    learned = torch.tensor([[1.0, 2.0], [10.0, 20.0]])
    assert NO_SHIFT.moved(None) is NO_SHIFT
    one, each = NO_SHIFT.moved(learned[:1]), NO_SHIFT.moved(learned)
    assert [part.tolist() for part in one] == [[[1.0, 2.0]], [[1.0, 2.0]]]
    assert [part.tolist() for part in each] == [[[1.0, 2.0]], [[10.0, 20.0]]]
    constant = Shift(torch.tensor([0.25, 0.5], dtype=torch.float64), None)
    both = constant.moved(learned)
    assert [part.tolist() for part in both] == [[[1.25, 2.5]], [[10.0, 20.0]]]
    assert both.hard.dtype == learned.dtype
    assert constant.moved(None) is constant


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_have_the_type_of_the_logits(dtype, batch):
    student, teacher, labels = (
        part.to(dtype) if part.is_floating_point() else part for part in batch
    )
    temperature = torch.tensor(2.0, dtype=torch.float64)
    shift = Shift(*(part.double() for part in SHIFT))
    for made in (student_losses, loss_gradients):
        assert made(student, teacher, labels, 2.0, shift).dtype == dtype
    assert soft_loss(student[None], teacher[None], temperature[None]).dtype == dtype
    assert weight_net_inputs(student, teacher, labels, shift).dtype == dtype


# Seeds that train together


def test_a_number_is_given_for_each_seed_only_where_they_differ():
    assert per_seed([0.1, 0.1, 0.1], torch.device("cpu")) == 0.1
    assert isinstance(per_seed([2], torch.device("cpu")), float)
    each = per_seed([0.1, 0.2], torch.device("cpu"))
    assert each.dtype == torch.float64
    assert each.tolist() == [0.1, 0.2]
    assert per_seed([0.1, 0.2], torch.device("meta")).is_meta


def test_the_numbers_of_seeds_go_with_tensors_of_any_shape():
    each = torch.tensor([0.1, 0.2], dtype=torch.float64)
    for shape in ((2,), (2, 3), (2, 3, 4), (2, 3, 4, 5)):
        found = spread(each, torch.zeros(shape))
        assert found.shape == (2, *(1,) * (len(shape) - 1))
        assert found.dtype == torch.float32
        assert found.flatten().tolist() == pytest.approx([0.1, 0.2])
    assert spread(0.5, torch.zeros(2, 3)) == 0.5


@pytest.mark.parametrize("has_shift", [False, True])
def test_seeds_that_train_together_have_the_losses_of_each_alone(has_shift):
    draw = torch.Generator().manual_seed(7)
    student, teacher = torch.randn(2, 3, 5, 4, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 4, (3, 5), generator=draw)
    temperature = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    shifts = torch.randn(2, 3, 1, 4, generator=draw, dtype=torch.float64)
    together = Shift(*shifts) if has_shift else NO_SHIFT
    found = [
        student_losses(student, teacher, labels, temperature, together),
        loss_gradients(student, teacher, labels, temperature, together),
        weight_net_inputs(student, teacher, labels, together),
        *(meta_loss(kind, student, labels, teacher, temperature) for kind in ("hard", "mix")),
    ]
    for k, own in enumerate(zip(student, teacher, labels, temperature.tolist(), strict=True)):
        z, t, y, tau = own
        shift = Shift(*shifts[:, k, 0]) if has_shift else NO_SHIFT
        alone = [
            student_losses(z, t, y, tau, shift),
            loss_gradients(z, t, y, tau, shift),
            weight_net_inputs(z, t, y, shift),
            *(meta_loss(kind, z, y, t, tau) for kind in ("hard", "mix")),
        ]
        for stacked, expected in zip(found, alone, strict=True):
            torch.testing.assert_close(stacked[k], expected, rtol=1e-12, atol=1e-12)


def test_mixed_meta_loss_is_the_sum_of_the_two_others(batch):
    student, teacher, labels = batch
    hard, soft, mix = (
        meta_loss(kind, student, labels, teacher, 2.0) for kind in ("hard", "soft", "mix")
    )
    torch.testing.assert_close(mix, hard + soft)
    torch.testing.assert_close(soft, soft_loss(student, teacher, 2.0).mean())
    torch.testing.assert_close(hard, hard_loss(student, labels).mean())
    torch.testing.assert_close(meta_loss("hard", student, labels, None, 2.0), hard)


def test_meta_loss_refuses_an_unknown_kind_and_missing_teacher_logits(batch):
    student, _, labels = batch
    with pytest.raises(ValueError, match=r"^meta_loss = 'easy' .* must be hard, soft or mix\.$"):
        meta_loss("easy", student, labels, None, 4.0)
    for kind in ("soft", "mix"):
        with pytest.raises(ValueError, match=f"^meta_loss = '{kind}' needs the teacher's logits"):
            meta_loss(kind, student, labels, None, 4.0)


def test_learned_shifts_are_added_to_those_that_are_there():
    learned = torch.tensor([[1.0, 2.0, 3.0, 4.0], [-1.0, 0.0, 1.0, 0.5]])
    each, both = SHIFT.moved(learned), SHIFT.moved(learned[:1])
    for found, rows in ((each, (0, 1)), (both, (0, 0))):
        for shift, before, row in zip(found, SHIFT, rows, strict=True):
            torch.testing.assert_close(shift.squeeze(0), before + learned[row])
    assert NO_SHIFT.moved(learned[:1]).soft.tolist() == learned[:1].tolist()
    assert SHIFT.moved(None) is SHIFT
