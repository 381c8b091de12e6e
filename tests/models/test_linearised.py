"""A pass's own derivative against forward mode, and what it must not be trusted with."""

import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bikd_core.models import MODELS, build
from bikd_core.models.forward_mode import change_by_forward_mode
from bikd_core.models.in_place_of import standing_in, trained_parameters
from bikd_core.models.linearised import linearised
from bikd_core.models.own import OwnNetwork
from bikd_core.models.stack import Stack
from tests.repeated import first_quick

#: Pooling by maxima, and channels that are split and shuffled, have no rule.
NOT_FOLLOWED = {"vgg8", "vgg13", "shufflenet_v2"}
BY_COST = ["digits_mlp", "digits_cnn_s", "digits_cnn_l", "grey_cnn_s", "resnet8", "wrn_16_1"]
BY_COST += ["mobilenet_v2_half", "resnet20_a", "vgg8", "shufflenet_v2"]
BY_COST += [name for name in MODELS if name not in BY_COST]


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def direction_for(net, names=None):
    return {
        name: random(*value.shape, seed=number).to(value)
        for number, (name, value) in enumerate(trained_parameters(net).items())
        if names is None or name in names
    }


def by_forward_mode(net, direction, images):
    theta = {name: value.detach() for name, value in trained_parameters(net).items()}
    whole = {name: direction.get(name, torch.zeros_like(value)) for name, value in theta.items()}
    return change_by_forward_mode(net, theta, whole, images)


def assert_is_that_of_forward_mode(net, images, direction=None):
    direction = direction_for(net) if direction is None else direction
    expected = by_forward_mode(net, direction, images)
    logits, derivative = linearised(net, trained_parameters(net), images)
    assert derivative is not None
    found = derivative(direction)
    assert found.shape == logits.shape
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11 * expected.abs().max())


@pytest.mark.parametrize("name", first_quick(BY_COST, 8))
def test_the_products_networks_are_followed(name, device):
    model = MODELS[name]
    net = build(name, 7, model.channels, model.size, draw()).double().to(device)
    images = random(4, model.channels, model.size, model.size).to(device)
    if name in NOT_FOLLOWED:
        assert linearised(net, trained_parameters(net), images)[1] is None
    else:
        assert_is_that_of_forward_mode(net, images)


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn_s", "resnet8"])
def test_seeds_that_train_together_are_followed(name, device):
    model = MODELS[name]
    nets = [build(name, 7, model.channels, model.size, draw(seed)) for seed in range(3)]
    images = random(3, 4, model.channels, model.size, model.size).to(device)
    assert_is_that_of_forward_mode(Stack(nets).double().to(device), images)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_both_memory_formats_are_followed(layout, device):
    net = build("resnet8", 7, 3, 32, draw()).double().to(device, memory_format=layout)
    assert_is_that_of_forward_mode(net, random(4, 3, 32, 32).to(device, memory_format=layout))


def test_the_pass_is_that_of_the_network_and_its_gradient_too():
    net = build("digits_cnn_s", 7, 1, 8, draw())
    images = random(6, 1, 8, 8).float()
    plain = net(images)
    expected = torch.autograd.grad(plain.square().sum(), list(net.parameters()))
    logits, derivative = linearised(net, trained_parameters(net), images)
    found = torch.autograd.grad(logits.square().sum(), list(net.parameters()))
    assert torch.equal(logits, plain)
    assert all(map(torch.equal, found, expected))
    assert derivative is not None
    derivative(direction_for(net))  # what it needs is still there


def test_a_direction_may_lack_parameters_and_be_zero():
    net = build("digits_cnn_s", 7, 1, 8, draw()).double()
    images = random(6, 1, 8, 8)
    for name in ("convs.0.weight", "bns.0.weight", "bns.1.bias", "fc.weight", "fc.bias"):
        assert_is_that_of_forward_mode(net, images, direction_for(net, {name}))
    logits, derivative = linearised(net, trained_parameters(net), images)
    assert derivative is not None
    assert torch.equal(derivative({}), torch.zeros_like(logits))


def test_frozen_parameters_are_constants():
    net = build("digits_cnn_s", 7, 1, 8, draw()).double()
    net.convs[0].requires_grad_(False)
    net.bns[1].weight.requires_grad_(False)
    assert_is_that_of_forward_mode(net, random(6, 1, 8, 8))


def test_other_parameters_may_stand_in():
    net, images = build("digits_cnn_s", 7, 1, 8, draw()).double(), random(6, 1, 8, 8)
    other = build("digits_cnn_s", 7, 1, 8, draw(1)).double()
    params = trained_parameters(other)
    with standing_in(net, params, images.dtype):
        _, derivative = linearised(net, params, images)
    direction = direction_for(other)
    assert derivative is not None
    torch.testing.assert_close(derivative(direction), by_forward_mode(other, direction, images))


# Networks of other people ---------------------------------------------------------------------


class Written(nn.Module):
    """A network whose pass is a function of its layers and its images."""

    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, images):
        return self.run(self, images)


def conv(**options):
    return nn.Conv2d(2, 4, 3, padding=1, **options)


def pooled(values):
    return values.mean(dim=(2, 3))


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(values):
        return 2 * values

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, slope):
        return 2 * slope

    @staticmethod
    def jvp(ctx, change):
        return 2 * change


def _branch_without_gradient(net, images):
    values = net.conv(images)
    return pooled(values + values.detach().relu())


def _changed_in_part(net, images):
    values = net.conv(images) + 0.0
    values[:, :2].relu_()
    return pooled(values)


def _view_of_what_then_changes(net, images):
    values = net.conv(images) + 0.0
    view = values.flatten(2)
    values.add_(net.conv(images))
    return view.mean(dim=2)


def _set_by_index(net, images):
    values = torch.zeros(len(images), 4, dtype=images.dtype)
    values[:, 1:3] = pooled(net.conv(images))[:, 1:3]
    return values


def _by_keywords(net, images):
    values = F.conv2d(images, net.conv.weight, bias=net.conv.bias, stride=1, padding=1)
    return pooled(torch.add(values, values.relu(), alpha=3))


FOLLOWED = {
    "a convolution with a bias": (lambda net, x: pooled(net.conv(x)), {"conv": conv()}),
    "groups and dilation": (
        lambda net, x: pooled(net.conv(x)),
        {"conv": conv(groups=2, dilation=2, stride=2)},
    ),
    "a layer used twice": (
        lambda net, x: pooled(net.inner(net.inner(net.conv(x)).relu())),
        {"conv": conv(), "inner": nn.Conv2d(4, 4, 1)},
    ),
    "a value added to itself": (
        lambda net, x: pooled((v := net.conv(x)) + v),
        {"conv": conv()},
    ),
    "a parameter of its own": (
        lambda net, x: pooled(net.conv(x)) + net.shift + 1.0,
        {"conv": conv(), "shift": nn.Parameter(random(4))},
    ),
    "a branch without a gradient": (_branch_without_gradient, {"conv": conv()}),
    "poolings": (
        lambda net, x: F.adaptive_avg_pool2d(F.avg_pool2d(net.conv(x), 2), 1)[:, :, 0, 0],
        {"conv": conv()},
    ),
    "pads with values and without": (
        lambda net, x: pooled(F.pad(F.pad(net.conv(x), (1, 0), value=2.0), (0, 1, 0, 2))),
        {"conv": conv()},
    ),
    "pads that repeat the image": (
        lambda net, x: pooled(F.pad(net.conv(x), (1, 1, 2, 1), "circular")),
        {"conv": conv()},
    ),
    "a sequence": (
        lambda net, x: net.layers(x),
        {
            "layers": nn.Sequential(
                conv(), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 5)
            )
        },
    ),
    "batch norm without statistics of its own": (
        lambda net, x: net.norm(net.conv(x)).relu().flatten(1),
        {"conv": conv(), "norm": nn.BatchNorm2d(4, track_running_stats=False)},
    ),
}
LEFT_TO_FORWARD_MODE = {
    "another activation": (lambda net, x: pooled(F.silu(net.conv(x))), {"conv": conv()}),
    "a product of values": (
        lambda net, x: pooled((v := net.conv(x)) * v),
        {"conv": conv()},
    ),
    "another norm": (
        lambda net, x: pooled(net.norm(net.conv(x))),
        {"conv": conv(), "norm": nn.GroupNorm(2, 4)},
    ),
    "batch norm without parameters": (
        lambda net, x: pooled(net.norm(net.conv(x))),
        {"conv": conv(), "norm": nn.BatchNorm2d(4, affine=False)},
    ),
    "a function that torch does not see": (
        lambda net, x: pooled(Twice.apply(net.conv(x))),
        {"conv": conv()},
    ),
    "a part changed in place": (_changed_in_part, {"conv": conv()}),
    "a view of what then changes": (_view_of_what_then_changes, {"conv": conv()}),
    "a part set by index": (_set_by_index, {"conv": conv()}),
    "a sum with a factor": (_by_keywords, {"conv": conv()}),
    "a constant bias by keyword": (
        lambda net, x: pooled(F.conv2d(x, net.conv.weight, bias=torch.ones(4).to(x), padding=1)),
        {"conv": conv()},
    ),
    "weights made in the pass": (
        lambda net, x: pooled(F.conv2d(x, net.conv.weight * 2, padding=1)),
        {"conv": conv()},
    ),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_a_network_of_these_functions_is_followed(case, device):
    run, layers = FOLLOWED[case]
    net = Written(run, **layers).double().to(device)
    assert_is_that_of_forward_mode(net, random(5, 2, 6, 6).to(device))


@pytest.mark.parametrize("case", LEFT_TO_FORWARD_MODE)
def test_a_network_of_other_functions_is_left_to_forward_mode(case):
    run, layers = LEFT_TO_FORWARD_MODE[case]
    net = Written(run, **layers).double()
    assert linearised(net, trained_parameters(net), random(5, 2, 6, 6))[1] is None


def test_a_batch_norm_in_evaluation_is_left_to_forward_mode():
    net = build("digits_cnn_s", 7, 1, 8, draw()).double()
    net.bns.eval()
    assert linearised(net, trained_parameters(net), random(5, 1, 8, 8))[1] is None


def test_dropout_is_left_to_forward_mode_with_the_masks_of_the_pass():
    layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Dropout(0.5), nn.Linear(20, 7))
    net = OwnNetwork(layers.double(), repeats_grey=False)
    net.draws = True
    logits, derivative = linearised(net, trained_parameters(net), random(5, 1, 8, 8))
    assert derivative is None
    assert torch.equal(logits, net(random(5, 1, 8, 8)))


def test_bfloat16_is_left_to_forward_mode():
    net = build("digits_cnn_s", 7, 1, 8, draw())
    net.precision = "bfloat16"
    assert linearised(net, trained_parameters(net), random(5, 1, 8, 8).float())[1] is None


def test_what_only_linear_functions_read_is_freed():
    freed = []

    def run(net, images):
        values = net.conv(images)
        padded = F.pad(values, (1, 1, 1, 1))
        weakref.finalize(padded.untyped_storage(), freed.append, "padded")
        return padded.mean(dim=(2, 3))

    net = Written(run, conv=conv()).double()
    _, derivative = linearised(net, trained_parameters(net), random(5, 2, 6, 6))
    assert freed == ["padded"]
    assert derivative is not None
