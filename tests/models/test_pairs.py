"""The pairs of the distillation literature besides ResNets: sizes, names and derivatives."""

import itertools

import pytest
import torch
from torch.func import functional_call, jvp

from bikd_core.config import models_taking
from bikd_core.models import MODELS, build
from tests.repeated import first_quick

#: Millions of parameters for 100 classes, as the papers that use these pairs print them.
PUBLISHED = {
    "wrn_40_2": 2.26,
    "wrn_40_1": 0.57,
    "wrn_16_2": 0.70,
    "wrn_16_1": 0.18,
    "vgg13": 9.46,
    "vgg8": 3.97,
    "shufflenet_v2": 1.36,
    "mobilenet_v2_half": 0.81,
    "resnet110": 1.74,
    "resnet32": 0.47,
    "resnet20": 0.28,
}
#: To the last parameter. That of wrn_40_2 is in print; the others are counted from the layers of
#: HobbitLong/RepDistiller at dc724420, and agree with the printed sizes to two decimals.
EXACT = {
    "wrn_40_2": 2_255_156,
    "wrn_40_1": 569_780,
    "wrn_16_2": 703_284,
    "vgg13": 9_462_180,
    "vgg8": 3_965_028,
    "shufflenet_v2": 1_355_528,
    "mobilenet_v2_half": 812_836,
}
BY_COST = ["wrn_16_1", "mobilenet_v2_half", "shufflenet_v2", "vgg8", "wrn_40_1"]
#: The layers that a published checkpoint has at its beginning, in a deep part and at its end.
LAYERS = {
    "wrn_40_2": "conv1 block1.layer.0.convShortcut block2.layer.5.bn2 block3.layer.0.conv1 bn1 fc",
    "vgg13": "block0.0 block0.1 block0.3 block0.4 block4.3 block4.4 classifier",
    "vgg8": "block0.0 block0.1 block4.0 block4.1 classifier",
    "shufflenet_v2": "conv1 bn1 layer1.0.conv5 layer2.7.bn3 layer3.3.conv2 conv2 bn2 linear",
    "mobilenet_v2_half": "conv1.0 conv1.1 blocks.0.0.conv.0 blocks.5.2.conv.7 conv2.1 classifier.0",
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def made(name):
    with torch.device("meta"):
        return MODELS[name].make(100)


def count(name):
    return sum(value.numel() for value in made(name).parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name):
    assert round(count(name) / 1e6, 2) == PUBLISHED[name]
    assert count(name) == EXACT.get(name, count(name))


@pytest.mark.parametrize(("depth", "widening"), [(16, 1), (40, 2)])
def test_the_size_of_a_wide_resnet_by_hand(depth, widening):
    def block(before, after):
        shortcut = before * after * (before != after)
        return 2 * before + 9 * before * after + 2 * after + 9 * after * after + shortcut

    widths, total = [16, 16 * widening, 32 * widening, 64 * widening], 3 * 16 * 9
    for before, after in itertools.pairwise(widths):
        total += block(before, after) + ((depth - 4) // 6 - 1) * block(after, after)
    total += 2 * widths[-1] + 100 * widths[-1] + 100
    assert count(f"wrn_{depth}_{widening}") == total


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_the_names_of_published_checkpoints(name):
    layers = {key.rpartition(".")[0] for key in made(name).state_dict()}
    assert {*LAYERS[name].split()} <= layers


@pytest.mark.parametrize("name", first_quick(BY_COST, 2))
@pytest.mark.parametrize("size", [17, 32, 64])
def test_images_of_other_sizes_are_taken_and_every_parameter_learns(name, size):
    assert name in models_taking(3, size)
    net = build(name, 10, 3, size, generator())
    net(torch.randn(4, 3, size, size)).logsumexp(1).sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in net.parameters())


def test_small_images_are_left_to_networks_that_keep_more_than_one_pixel_of_them():
    small = models_taking(3, 8)
    assert "wrn_16_1" in small
    assert not {"vgg8", "vgg13", "shufflenet_v2", "mobilenet_v2_half"} & {*small}


def test_shuffled_channels_are_those_of_both_branches_in_turn():
    block = build("shufflenet_v2", 10, 3, 32, generator()).eval().layer1[1]
    x = torch.randn(2, 116, 4, 4)
    kept = block(x)[:, ::2]
    assert torch.equal(kept, x[:, :58])


@pytest.mark.parametrize("name", first_quick(BY_COST, 1))
def test_forward_mode_derivative_equals_that_of_two_backward_passes(name):
    net = build(name, 10, 3, 32, generator()).double()
    batch = torch.randn(4, 3, 32, 32, generator=generator(1), dtype=torch.float64)
    params = {key: value.detach() for key, value in net.named_parameters()}
    direction = {
        key: torch.randn(value.shape, generator=generator(2), dtype=torch.float64)
        for key, value in params.items()
    }

    def logits(theta):
        buffers = {key: value.clone() for key, value in net.named_buffers()}
        return functional_call(net, theta | buffers, (batch,))

    forward = jvp(logits, (params,), (direction,))[1]
    leaves = {key: value.requires_grad_() for key, value in params.items()}
    out = logits(leaves)
    seed = torch.zeros_like(
        out, requires_grad=True
    )  # J^T u is linear in u: its slope along v is J v
    slopes = torch.autograd.grad(out, list(leaves.values()), seed, create_graph=True)
    inner = sum((slope * direction[key]).sum() for key, slope in zip(leaves, slopes, strict=True))
    [twice] = torch.autograd.grad(inner, seed)
    torch.testing.assert_close(forward, twice, rtol=1e-8, atol=1e-10)
