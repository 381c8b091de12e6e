"""Networks of timm, torchvision and somebody's own code: made, tried out, refused in a sentence."""

import sys

import pytest
import torch
from torch import nn

from bikd_core.config import ConfigError, RunConfig, own_networks
from bikd_core.config.together import size_limit, why_alone
from bikd_core.models import build
from bikd_core.training.compute import resolve
from tests.repeated import first_quick

LIBRARIES = [
    ("torchvision:shufflenet_v2_x0_5", 3, 32),
    ("timm:test_convnext", 3, 32),
    ("timm:test_vit", 3, 32),
    ("torchvision:resnet18", 1, 28),
    ("timm:resnet18", 1, 8),
    ("torchvision:googlenet", 3, 32),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def code(monkeypatch, tmp_path):
    """Write a module of somebody's own; this process may import its functions."""
    monkeypatch.setattr(own_networks, "_allowed", own_networks.AllowedCode())
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text, *functions):
        (tmp_path / "somebodys_nets.py").write_text(f"from torch import nn\n{text}\n")
        sys.modules.pop("somebodys_nets", None)
        own_networks.allow_code([f"somebodys_nets:{name}" for name in functions], tmp_path)

    yield write
    sys.modules.pop("somebodys_nets", None)


@pytest.mark.parametrize(("name", "channels", "size"), first_quick(LIBRARIES, 3))
def test_a_network_of_a_library_is_made_for_the_classes_and_pictures(name, channels, size):
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="no timm: no network of it was made")
    net = build(name, 7, channels, size, generator())
    logits = net(torch.randn(4, channels, size, size))
    assert logits.shape == (4, 7)
    assert all(module.training for module in net.modules())
    logits.logsumexp(1).sum().backward()
    assert all(value.grad is not None for value in net.parameters())


def test_its_parameters_follow_from_the_generator_alone_and_nothing_else_is_drawn():
    before = torch.get_rng_state()
    first, again, other = (
        build("torchvision:resnet18", 10, 3, 32, generator(seed)).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["net.fc.weight"], other["net.fc.weight"])


def test_a_grey_picture_is_seen_three_times_by_a_network_for_colours():
    net = build("torchvision:resnet18", 10, 1, 28, generator()).eval()
    grey = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(net(grey), net.net(grey.repeat(1, 3, 1, 1)))


def test_a_function_of_a_module_makes_a_network(code):
    code("def wide(c):\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, c))", "wide")
    net = build("somebodys_nets:wide", 5, 1, 8, generator())
    assert isinstance(net.net[1], nn.Linear)
    assert net(torch.randn(3, 1, 8, 8)).shape == (3, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("net = 3", "has no function 'net'"),
        ("def net(c):\n    return 3", "returned a int; it must be a function of the number of"),
        ("def net(c):\n    return nn.Flatten()", r"returned \(2, 64\); it must be logits of the"),
        ("def net(c):\n    return nn.Linear(9, c)", "does not take images of 1×8×8: mat1 and"),
        ("import no_such_module", "there is no module 'no_such_module' here"),
    ],
)
def test_code_that_makes_no_classifier_is_refused_in_a_sentence(code, text, words):
    code(text, "net")
    with pytest.raises(ConfigError, match=words):
        build("somebodys_nets:net", 10, 1, 8, generator())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision:resnet7", "torchvision has no such classifier"),
        ("torchvision:fcn_resnet50", "torchvision has no such classifier"),
        ("torchvision:alexnet", "does not take images of 1×8×8: "),
        ("timm:resnet7", "timm has no such network"),
    ],
)
def test_a_name_that_a_library_does_not_know_is_refused_in_a_sentence(name, words):
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="no timm: no network of it was asked for")
    with pytest.raises(ConfigError, match=words):
        build(name, 10, 1, 8, generator())


@pytest.mark.parametrize("name", ["timm:../x", "a:b:c", "os.system", "a b:c", "x:y;z", "1a:b"])
def test_what_has_not_the_form_of_a_name_is_no_network(name):
    with pytest.raises(ConfigError, match="or timm:NAME, torchvision:NAME or module:function for"):
        RunConfig.from_flat({"student": name})


def test_a_library_that_is_not_installed_is_a_sentence_with_the_command(monkeypatch):
    monkeypatch.setattr(own_networks.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'bikd[networks]'" in own_networks.network_refusal(
        "student", "timm:resnet18"
    )


def test_such_a_student_trains_alone_and_says_why_and_is_trained_exactly():
    name = "torchvision:resnet18"
    config = RunConfig.from_flat({"student": name})
    assert size_limit(config) == 1
    assert why_alone(config) == f"student = {name!r}: a network that is not the project's"
    resolved = resolve(config, torch.device("cpu"))
    assert resolved.method.estimator == "forward"
    assert resolved.training.precision == "float32"
