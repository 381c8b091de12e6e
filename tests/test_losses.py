"""The losses against arithmetic by hand and autograd."""

import math

import pytest
import torch

from bikd_core.losses import (
    hard_loss,
    loss_gradients,
    meta_loss,
    soft_loss,
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


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_gradients_with_respect_to_the_logits_are_those_of_autograd(batch, temperature):
    student, teacher, labels = batch
    student.requires_grad_()
    for column in (0, 1):
        total = student_losses(student, teacher, labels, temperature)[:, column].sum()
        (expected,) = torch.autograd.grad(total, student)
        found = loss_gradients(student.detach(), teacher, labels, temperature)[:, column]
        torch.testing.assert_close(found, expected)


def test_no_gradient_reaches_the_teacher_or_flows_through_weight_net_inputs(batch):
    student, teacher, labels = batch
    student.requires_grad_()
    teacher.requires_grad_()
    student_losses(student, teacher, labels, 4.0).sum().backward()
    assert student.grad is not None
    assert teacher.grad is None
    assert not weight_net_inputs(student, teacher, labels).requires_grad


def test_weight_net_sees_the_raw_cross_entropies(batch):
    student, teacher, labels = batch
    inputs = weight_net_inputs(student, teacher, labels)
    torch.testing.assert_close(inputs[:, 0], hard_loss(student, labels))
    torch.testing.assert_close(inputs[:, 1], hard_loss(teacher, labels))


def test_mixed_meta_loss_is_the_sum_of_the_two_others(batch):
    student, teacher, labels = batch
    hard, soft, mix = (
        meta_loss(kind, student, labels, teacher, 2.0) for kind in ("hard", "soft", "mix")
    )
    torch.testing.assert_close(mix, hard + soft)
    torch.testing.assert_close(soft, soft_loss(student, teacher, 2.0).mean())


def test_meta_loss_refuses_an_unknown_kind_and_missing_teacher_logits(batch):
    student, _, labels = batch
    with pytest.raises(ValueError, match="meta_loss = 'easy'"):
        meta_loss("easy", student, labels, None, 4.0)
    with pytest.raises(ValueError, match="needs the teacher's logits"):
        meta_loss("mix", student, labels, None, 4.0)
