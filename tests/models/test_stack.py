"""A stack of networks computes what each of them computes alone."""

import pytest
import torch
from torch.func import functional_call, jvp

from bikd_core.models import WeightNet, build
from bikd_core.models.stack import Stack

NUM_NETS, BATCH = 3, 5
NETWORKS = [
    ("digits_mlp", 1, 8),
    ("digits_cnn_s", 1, 8),
    ("digits_cnn_l", 1, 8),
    ("grey_cnn_s", 1, 28),
    ("resnet8", 3, 32),  # 1×1 convolutions and shortcuts
]


@pytest.fixture(params=NETWORKS, ids=lambda network: network[0])
def nets(request, device):
    name, channels, size = request.param
    draw = torch.Generator().manual_seed(0)
    return [build(name, 10, channels, size, draw).double().to(device) for _ in range(NUM_NETS)]


@pytest.fixture
def images(nets, request, device):
    _, channels, size = request.node.callspec.params["nets"]
    draw = torch.Generator().manual_seed(1)
    shape = (NUM_NETS, BATCH, channels, size, size)
    return torch.randn(shape, generator=draw, dtype=torch.float64).to(device)


def test_logits_and_gradients_are_those_of_each_network(nets, images):
    stack = Stack(nets)
    logits = stack(images)
    slope = torch.randn_like(logits)
    found = torch.autograd.grad((logits * slope).sum(), list(stack.parameters()))
    for number, net in enumerate(nets):
        alone = net(images[number])
        torch.testing.assert_close(logits[number], alone, rtol=0, atol=1e-12)
        own = torch.autograd.grad((alone * slope[number]).sum(), list(net.parameters()))
        for of_stack, of_net in zip(found, own, strict=True):
            torch.testing.assert_close(of_stack[number], of_net, rtol=0, atol=1e-11)


def test_batch_norms_keep_the_statistics_of_each_network(nets, images):
    stack = Stack(nets)
    stack(images)
    for net, own in zip(nets, images, strict=True):
        net(own)
    for net, state in zip(nets, stack.members(), strict=True):
        for name, value in net.state_dict().items():
            torch.testing.assert_close(state[name], value, rtol=0, atol=1e-12)
    stack.eval()
    for net, own, logits in zip(nets, images, stack(images), strict=True):
        torch.testing.assert_close(logits, net.eval()(own), rtol=0, atol=1e-12)


def test_forward_mode_gives_the_change_of_each_network(nets, images):
    stack = Stack(nets)
    theta = {name: value.detach() for name, value in stack.named_parameters()}
    direction = {name: torch.randn_like(value) for name, value in theta.items()}

    def change(net, point, along, seen):
        def logits(params):
            buffers = {name: value.clone() for name, value in net.named_buffers()}
            return functional_call(net, params | buffers, (seen,))

        return jvp(logits, (point,), (along,))[1]

    together = change(stack, theta, direction, images)
    for number, net in enumerate(nets):
        point = {name: value.detach() for name, value in net.named_parameters()}
        along = {name: value[number] for name, value in direction.items()}
        alone = change(net, point, along, images[number])
        torch.testing.assert_close(together[number], alone, rtol=0, atol=1e-11)


def test_second_derivatives_go_through_the_windows_and_back(nets, images):
    stack, net = Stack(nets[:1]), nets[0]

    def curvature(module, seen):
        own = list(module.parameters())
        slopes = torch.autograd.grad(module(seen).square().mean(), own, create_graph=True)
        return torch.autograd.grad(sum(slope.square().sum() for slope in slopes), own)

    for of_stack, of_net in zip(
        curvature(stack, images[:1]), curvature(net, images[0]), strict=True
    ):
        torch.testing.assert_close(of_stack[0], of_net, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", ["free", "scale", "convex", "single"])
def test_weight_nets_in_a_stack_weigh_as_each_alone(form):
    draw = torch.Generator().manual_seed(2)
    alone = [WeightNet(2, draw, 8, form).double() for _ in range(NUM_NETS)]
    losses = torch.rand(NUM_NETS, BATCH, 2, generator=draw, dtype=torch.float64)
    weights = WeightNet.stack(alone)(losses)
    for net, own, found in zip(alone, losses, weights, strict=True):
        torch.testing.assert_close(found, net(own), rtol=0, atol=1e-14)
