"""Other tensors stand in for a network's own: against `torch.func.functional_call`."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from bikd_core.models.in_place_of import standing_in, trained_parameters


class Tied(nn.Module):
    """Two layers that share their weight, a batch norm, and a buffer that two modules share."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 5), nn.Linear(5, 5, bias=False)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(5)
        offset = torch.arange(5.0)
        self.register_buffer("offset", offset)
        self.norm.register_buffer("offset", offset)
        self.frozen = nn.Parameter(torch.full((5,), 0.5), requires_grad=False)

    def forward(self, x):
        hidden = self.norm(self.first(x)) + self.offset - self.norm.offset
        return self.second(hidden) * self.frozen


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Tied()


@pytest.fixture
def other(net):
    return {name: torch.randn_like(value) for name, value in net.named_parameters()}


X = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))


def copied(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_a_pass_is_that_of_functional_call_and_leaves_the_network_as_it_was(net, other):
    before, own = copied(net), list(net.parameters())
    buffers = {name: value.clone() for name, value in net.named_buffers()}
    expected = functional_call(net, other | buffers, (X,))
    with standing_in(net, other, torch.float32):
        found = net(X)
    assert torch.equal(found, expected)
    assert all(new is old for new, old in zip(net.parameters(), own, strict=True))
    after = net.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert net.first.weight is net.second.weight
    assert net.offset is net.norm.offset


def test_only_trained_parameters_are_named_each_once(net):
    names = [name for name, value in net.named_parameters() if value.requires_grad]
    assert list(trained_parameters(net)) == names
    assert "frozen" not in names
    net.first.bias.requires_grad_(False)
    assert list(trained_parameters(net)) == [name for name in names if name != "first.bias"]


def test_a_parameter_that_was_replaced_is_found(net, other):
    net(X)
    with standing_in(net, other, torch.float32):
        net(X)
    net.first.bias = nn.Parameter(torch.ones(5))
    assert trained_parameters(net)["first.bias"] is net.first.bias


def test_parameters_that_are_not_given_stay(net):
    with standing_in(net, {"norm.weight": torch.zeros(5)}, torch.float32):
        found = net(X)
    bias = net.norm.bias.expand(7, 5)
    assert torch.allclose(found, nn.functional.linear(bias, net.second.weight) * net.frozen)


def test_a_pass_that_fails_leaves_the_network_as_it_was(net, other):
    own = list(net.parameters())
    with (
        pytest.raises(RuntimeError, match="shapes cannot be multiplied"),
        standing_in(net, other, torch.float32),
    ):
        net(torch.zeros(7, 4))
    assert all(new is old for new, old in zip(net.parameters(), own, strict=True))


def test_copies_of_buffers_have_the_type_asked_for(net, other):
    wide = {name: value.double() for name, value in other.items()}
    with standing_in(net, wide, torch.float64):
        assert net(X.double()).dtype == torch.float64
        assert net.norm.num_batches_tracked.dtype == torch.int64
    assert net.norm.running_mean.dtype == torch.float32
