import math

import pytest
import torch
from torch import nn

from bikd_core.models import MODELS, WeightNet, build
from bikd_core.models.initialisation import initialised

SEEDS = (0, 7)
NAMES = ["digits_mlp", "digits_cnn_s", "grey_cnn_l", "resnet20", "resnet8x4"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def values(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def built(name, seed=0, num_classes=10):
    return build(name, num_classes, MODELS[name].channels, MODELS[name].size, generator(seed))


@pytest.mark.parametrize("name", [*NAMES, "weight net"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_generator_alone_decides_and_the_global_state_stays(name, seed):
    def make():
        return WeightNet(2, generator(seed)) if name == "weight net" else built(name, seed)

    torch.manual_seed(1)
    first, state = values(make()), torch.get_rng_state()
    torch.manual_seed(2)
    second = values(make())
    assert torch.equal(first, second)
    assert torch.equal(state, torch.manual_seed(1).get_state())


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_other_values(name):
    assert not torch.equal(values(built(name, SEEDS[0])), values(built(name, SEEDS[1])))


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_set_and_a_fresh_batch_norm_has_no_memory(name):
    network = built(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.num_batches_tracked.item() == 0
            for values_, wanted in (
                (module.weight, 1),
                (module.bias, 0),
                (module.running_mean, 0),
                (module.running_var, 1),
            ):
                assert torch.equal(values_, torch.full_like(values_, wanted))
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


@pytest.mark.parametrize(("width_in", "width"), [(64, 128), (32, 64)])
def test_convolutions_have_the_spread_of_he(width_in, width):
    conv = initialised(lambda: nn.Conv2d(width_in, width, 3, bias=False), generator())
    # Fan-out is width * 9; n values give a standard error of std / sqrt(2n).
    std = math.sqrt(2 / (width * 9))
    error = std / math.sqrt(2 * conv.weight.numel())
    assert conv.weight.std().item() == pytest.approx(std, abs=4 * error)
    assert conv.weight.mean().item() == pytest.approx(0, abs=4 * std / conv.weight.numel() ** 0.5)


@pytest.mark.parametrize("num_inputs", [2, 100])
def test_linear_layers_fill_the_interval_of_pytorchs_default(num_inputs):
    linear = initialised(lambda: nn.Linear(num_inputs, 2000), generator())
    bound = 1 / math.sqrt(num_inputs)
    for drawn_values in (linear.weight, linear.bias):
        assert bound * 0.98 < drawn_values.max().item() <= bound
        assert -bound <= drawn_values.min().item() < -bound * 0.98


def test_a_layer_that_has_no_rule_is_not_left_empty():
    with pytest.raises(AssertionError, match="Embedding"):
        initialised(lambda: nn.Embedding(3, 2), generator())
