import pytest
import torch

from bikd_core.models import MODELS
from bikd_core.models.resnet import NARROW, RESNETS, ResNet


def state(name, num_classes=100):
    with torch.device("meta"):
        return MODELS[name].make(num_classes).state_dict()


def num_parameters(name, num_classes=100):
    with torch.device("meta"):
        return sum(p.numel() for p in MODELS[name].make(num_classes).parameters())


@pytest.mark.parametrize(("name", "millions"), [("resnet32x4", 7.43), ("resnet8x4", 1.23)])
def test_wide_sizes_are_the_published_ones(name, millions):
    assert num_parameters(name) / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize("num_classes", [10, 100])
@pytest.mark.parametrize(("name", "blocks"), [("resnet8", 1), ("resnet20", 3), ("resnet110", 18)])
def test_narrow_sizes_by_hand(name, blocks, num_classes):
    stem = 3 * 16 * 9 + 2 * 16
    first = blocks * 2 * (16 * 16 * 9 + 2 * 16)
    rest = 0
    for width_in, width in ((16, 32), (32, 64)):
        shortcut = width_in * width + 2 * width
        entry = (width_in + width) * width * 9 + 4 * width
        rest += shortcut + entry + (blocks - 1) * 2 * (width * width * 9 + 2 * width)
    classifier = 64 * num_classes + num_classes
    assert num_parameters(name, num_classes) == stem + first + rest + classifier


@pytest.mark.parametrize("name", RESNETS)
def test_depth_counts_the_weighted_layers_on_the_main_path(name):
    depth = RESNETS[name][0]
    convs = [k for k in state(name) if "conv" in k]
    assert len(convs) + 1 == depth


def block(prefix, *, downsample):
    layers = ["conv1", "bn1", "conv2", "bn2"] + (["downsample.0", "downsample.1"] * downsample)
    return [f"{prefix}.{layer}" for layer in layers]


@pytest.mark.parametrize(("name", "is_wide"), [("resnet8", False), ("resnet8x4", True)])
def test_layers_have_the_names_of_published_checkpoints(name, is_wide):
    expected = {"conv1", "bn1", "fc", *block("layer1.0", downsample=is_wide)}
    expected |= {*block("layer2.0", downsample=True), *block("layer3.0", downsample=True)}
    assert {key.rpartition(".")[0] for key in state(name)} == expected


@pytest.mark.parametrize(("name", "last"), [("resnet20", 2), ("resnet32x4", 4)])
def test_only_the_first_block_of_a_stage_changes_the_shape(name, last):
    keys = state(name)
    assert f"layer3.{last}.conv2.weight" in keys
    assert f"layer3.{last + 1}.conv1.weight" not in keys
    assert not any(".1.downsample" in key for key in keys)


def test_each_later_stage_halves_the_image():
    with torch.device("meta"):
        model = ResNet(8, NARROW, 10)
        x = torch.empty(2, 16, 32, 32)
        x = model.layer1(x)
        assert x.shape == (2, 16, 32, 32)
        x = model.layer2(x)
        assert x.shape == (2, 32, 16, 16)
        assert model.layer3(x).shape == (2, 64, 8, 8)


@pytest.mark.parametrize("depth", [2, 9, 18])
def test_a_depth_that_is_not_6n_plus_2_is_refused(depth):
    with pytest.raises(ValueError, match=rf"depth = {depth} is not possible: it must be 6n \+ 2"):
        ResNet(depth, NARROW, 10)
