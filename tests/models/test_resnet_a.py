import pytest
import torch
import torch.nn.functional as F

from bikd_core.models import MODELS, build
from bikd_core.models.resnet_a import Subsample


def built(name, num_classes=10):
    return build(name, num_classes, 3, 32, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "parameters"), [("resnet20_a", 269_722), ("resnet56_a", 853_018)])
def test_sizes_are_the_published_ones(name, parameters):
    with torch.device("meta"):
        model = MODELS[name].make(10)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert not any("downsample" in key for key in model.state_dict())


def test_a_shortcut_keeps_every_second_pixel_between_channels_of_zeros():
    x = torch.arange(1.0, 2 * 4 * 4 + 1).view(1, 2, 4, 4)
    y = Subsample()(x)
    assert y.shape == (1, 4, 2, 2)
    assert y[0, 0].eq(0).all()
    assert y[0, 3].eq(0).all()
    assert y[0, 1].tolist() == [[1, 3], [9, 11]]
    assert y[0, 2].tolist() == [[17, 19], [25, 27]]


def published_forward(state, images):
    """Logits (B, C) of a resnet20 in eval mode, written down from the published code's layout."""

    def norm(x, name):
        values = (
            state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, *values)

    x = F.relu(norm(F.conv2d(images, state["conv1.weight"], padding=1), "bn1"))
    for stage, width in ((1, 16), (2, 32), (3, 64)):
        for block in range(3):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = F.conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            y = F.conv2d(F.relu(norm(y, f"{name}.bn1")), state[f"{name}.conv2.weight"], padding=1)
            if stride == 2:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, width // 4, width // 4))
            x = F.relu(norm(y, f"{name}.bn2") + x)
    x = F.avg_pool2d(x, x.shape[3]).flatten(1)
    return x @ state["fc.weight"].T + state["fc.bias"]


def test_logits_are_those_of_the_published_layout():
    model = built("resnet20_a")
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    model(images)  # moves the statistics of the batch norms
    expected = published_forward(model.state_dict(), images)
    torch.testing.assert_close(model.eval()(images), expected)
