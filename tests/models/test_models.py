from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call, jvp

from bikd_core.config import ModelName
from bikd_core.models import MODELS, build
from tests.repeated import first_quick

SMALL = ["digits_mlp", "digits_cnn_s", "digits_cnn_l", "grey_cnn_s", "grey_cnn_l"]
BY_COST = [*SMALL, "resnet8", "resnet8x4"]
BY_COST += [name for name in MODELS if name not in BY_COST]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def built(name, num_classes=10):
    return build(name, num_classes, MODELS[name].channels, MODELS[name].size, generator())


def images(name, num_images, dtype=torch.float32):
    shape = (num_images, MODELS[name].channels, MODELS[name].size, MODELS[name].size)
    return torch.randn(shape, generator=generator(1), dtype=dtype)


def test_the_registry_holds_the_names_of_the_config():
    assert list(MODELS) == list(get_args(get_args(ModelName)[0]))


@pytest.mark.parametrize("name", first_quick(BY_COST, 7))
@pytest.mark.parametrize("num_classes", first_quick([100, 2, 10]))
def test_logits_have_one_column_per_class(name, num_classes):
    model = MODELS[name]
    with torch.device("meta"):  # shapes alone
        batch = torch.empty(3, model.channels, model.size, model.size)
        assert model.make(num_classes)(batch).shape == (3, num_classes)


@pytest.mark.parametrize("name", [*SMALL, "resnet8"])
def test_a_model_is_built_in_training_mode_and_its_forward_moves_the_statistics_once(name):
    model = built(name)
    assert all(module.training for module in model.modules())
    assert model(images(name, 4)).isfinite().all()
    counts = [v.item() for key, v in model.named_buffers() if key.endswith("num_batches_tracked")]
    assert counts
    assert set(counts) == {1}


@pytest.mark.parametrize("name", first_quick([*SMALL, "resnet8", "resnet32x4"], 6))
def test_runs_on_each_device_and_gives_the_same_logits(name, device):
    model, batch = built(name).eval(), images(name, 4)
    expected = model(batch)
    torch.testing.assert_close(
        model.to(device)(batch.to(device)).cpu(), expected, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("name", first_quick([*SMALL, "resnet8", "resnet8x4"], 6))
def test_forward_mode_derivative_equals_central_differences_in_training_mode(name, device):
    model = built(name).double().to(device)
    batch = images(name, 6, torch.float64).to(device)
    params = {key: value.detach() for key, value in model.named_parameters()}
    direction = {
        key: torch.randn(value.shape, generator=generator(i), dtype=torch.float64).to(device)
        for i, (key, value) in enumerate(params.items())
    }
    before = {key: value.clone() for key, value in model.named_buffers()}

    def logits(theta):
        buffers = {key: value.clone() for key, value in model.named_buffers()}
        return functional_call(model, theta | buffers, (batch,))

    exact = jvp(logits, (params,), (direction,))[1]
    step = 1e-10  # so small that no ReLU changes sides between the two points
    ends = [
        logits({key: params[key] + sign * step * direction[key] for key in params})
        for sign in (1, -1)
    ]
    numeric = (ends[0] - ends[1]) / (2 * step)
    assert (exact - numeric).norm() < 1e-5 * exact.norm()
    assert all(torch.equal(value, before[key]) for key, value in model.named_buffers())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_cnn_s", "digits_mlp"])
def test_a_few_steps_memorise_a_batch(name):
    model, batch = built(name), images(name, 16)
    labels = torch.arange(16) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(40):
        loss = F.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("name", "channels", "size", "message"),
    [
        ("digits_cnn_s", 3, 32, r"digits_cnn_s takes images of 1×8×8, not 3×32×32; .* resnet8x4"),
        ("resnet20", 1, 28, r"resnet20 takes images of 3×32×32, not 1×28×28; .* grey_cnn_s"),
        ("grey_cnn_l", 3, 65, r"grey_cnn_l .* not 3×65×65; models that fit: none"),
        ("resnet18", 3, 32, r"There is no model 'resnet18'; the models are digits_mlp"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_by_name(name, channels, size, message):
    with pytest.raises(ValueError, match=message):
        build(name, 10, channels, size, generator())


@pytest.mark.parametrize("num_classes", [1, 0, -3])
def test_fewer_than_two_classes_are_refused(num_classes):
    with pytest.raises(ValueError, match=f"num_classes = {num_classes} is not possible"):
        build("resnet8", num_classes, 3, 32, generator())
