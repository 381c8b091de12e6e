"""Each estimator goes its own way: what it needs of a network, and what it does not."""

import pytest
import torch
from torch import nn

from bikd_core.hypergradients import hypergradient
from tests.bilevel_problem import LR, problem, relative_difference, small_net


class Doubled(torch.autograd.Function):
    """2·x, differentiable once and backwards alone."""

    @staticmethod
    def forward(ctx, values):
        return 2 * values

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Double(nn.Module):
    def forward(self, values):
        return Doubled.apply(values)


class Twice(nn.Module):
    def forward(self, values):
        return 2 * values


class Idle(nn.Module):
    """A parameter that the logits do not read."""

    def __init__(self):
        super().__init__()
        self.unread = nn.Parameter(torch.ones(3))

    def forward(self, values):
        return values


def case_with(layer):
    torch.manual_seed(0)
    net = small_net(torch.float64)
    return problem(nn.Sequential(*net, layer.double()), (2, 6, 6), torch.float64, "cpu")


def test_finite_difference_needs_no_forward_mode_of_a_layer_and_forward_does():
    expected = hypergradient("forward", *case_with(Twice()), LR).inside.weights
    found = hypergradient("finite_difference", *case_with(Double()), LR).inside.weights
    assert relative_difference(found, expected) < 1e-2
    with pytest.raises(ValueError, match="it must be finite_difference or unrolled"):
        hypergradient("forward", *case_with(Double()), LR)


@pytest.mark.parametrize("estimator", ["forward", "finite_difference", "unrolled"])
def test_a_parameter_that_the_logits_do_not_read_changes_nothing(estimator):
    expected = hypergradient(estimator, *case_with(nn.Identity()), LR).inside.weights
    found = hypergradient(estimator, *case_with(Idle()), LR).inside.weights
    assert relative_difference(found, expected) < (
        1e-2 if estimator == "finite_difference" else 1e-9
    )
