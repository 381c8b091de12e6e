"""What a network may hold that its logits do not read."""

import pytest
import torch
from torch import nn

from bikd_core.hypergradients import hypergradient
from tests.bilevel_problem import LR, problem, relative_difference, small_net


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


@pytest.mark.parametrize("estimator", ["forward", "finite_difference", "unrolled"])
def test_a_parameter_that_the_logits_do_not_read_changes_nothing(estimator):
    expected = hypergradient(estimator, *case_with(nn.Identity()), LR).inside.weights
    found = hypergradient(estimator, *case_with(Idle()), LR).inside.weights
    assert relative_difference(found, expected) < (
        1e-2 if estimator == "finite_difference" else 1e-9
    )
