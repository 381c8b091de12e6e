"""The hypergradient of somebody's own loop against torch's double backward, in float64.

Network and losses are none that the product has: a recurrent network that predicts two numbers and
a frozen layer, a smooth absolute error and a pull on the outputs.
"""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from bikd_core import hypergradient

RATE, NUM_IMAGES = 0.3, 7


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(3, 5)
        self.cell = nn.GRUCell(5, 6)
        self.norm = nn.LayerNorm(6)
        self.out = nn.Linear(6, 2)
        self.unused = nn.Parameter(torch.ones(4))
        self.frozen.requires_grad_(False)

    def forward(self, sequences):
        state = sequences.new_zeros(len(sequences), 6)
        for step in sequences.unbind(dim=1):
            state = self.cell(torch.tanh(self.frozen(step)), state)
        return self.out(self.norm(state))


@pytest.fixture
def problem(device):
    torch.manual_seed(0)
    network = Recurrent().to(device, torch.float64)
    draw = torch.Generator().manual_seed(1)

    def drawn(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(device)

    x, y, val_x, val_y = drawn(NUM_IMAGES, 4, 3), drawn(NUM_IMAGES, 2), drawn(5, 4, 3), drawn(5, 2)

    def losses(outputs):
        error = F.huber_loss(outputs, y, reduction="none").sum(dim=1)
        return torch.stack([error, outputs.square().sum(dim=1)], dim=1)

    weights = torch.rand(NUM_IMAGES, 2, generator=draw, dtype=torch.float64).to(device)
    return network, x, losses, weights, val_x, lambda z: (z - val_y).abs().pow(1.5).mean()


def by_torch_alone(network, x, losses, weights, val_x, val_loss, step=1.0):
    """The definition: D_val's loss after one SGD step, as a function of the weights."""
    w = weights.detach().requires_grad_()
    theta = {n: p for n, p in network.named_parameters() if p.requires_grad and "unused" not in n}
    inner = (w * losses(functional_call(network, theta, x))).sum() / len(x)
    slopes = torch.autograd.grad(inner, theta.values(), create_graph=True)
    moved = {n: p - step * RATE * g for (n, p), g in zip(theta.items(), slopes, strict=True)}
    outer = val_loss(functional_call(network, moved, val_x))
    return torch.autograd.grad(outer, w)[0], outer.detach()


@pytest.mark.parametrize(
    ("estimator", "limit"), [("forward", 1e-9), ("unrolled", 1e-9), ("finite_difference", 1e-3)]
)
def test_it_is_torchs_own_double_backward(problem, estimator, limit):
    expected, val_loss = by_torch_alone(*problem)
    found = hypergradient(*problem, learning_rate=RATE, estimator=estimator)
    assert ((found.gradient - expected).norm() / expected.norm()).item() < limit
    torch.testing.assert_close(found.val_loss, val_loss)
    torch.testing.assert_close(found.influence, found.gradient * NUM_IMAGES / RATE)
    assert found.val_outputs.shape == (5, 2)


def test_one_loss_has_weights_of_one_dimension(problem):
    network, x, losses, weights, val_x, val_loss = problem
    one = (network, x, lambda z: losses(z)[:, 0], weights[:, 0], val_x, val_loss)
    expected, _ = by_torch_alone(*one)
    found = hypergradient(*one, learning_rate=RATE)
    assert found.gradient.shape == (NUM_IMAGES,)
    torch.testing.assert_close(found.gradient, expected, rtol=1e-8, atol=1e-12)


def test_a_longer_look_ahead_is_the_gradient_at_that_point(problem):
    expected, val_loss = by_torch_alone(*problem, step=5.0)
    found = hypergradient(*problem, learning_rate=RATE, virtual_step=5.0)
    torch.testing.assert_close(found.gradient, expected / 5, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(found.val_loss, val_loss)


def test_it_goes_on_through_a_weight_net_and_changes_nothing_else(problem):
    network, x, losses, _, val_x, val_loss = problem
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weight_net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid()).to(x.device, torch.float64)
    with torch.no_grad():
        seen = losses(network(x))
    weights = weight_net(seen)
    found = hypergradient(network, x, losses, weights, val_x, val_loss, learning_rate=RATE)
    weights.backward(found.gradient)
    w = weight_net(seen)
    theta = {n: p for n, p in network.named_parameters() if p.requires_grad and n != "unused"}
    inner = (w * losses(functional_call(network, theta, x))).sum() / len(x)
    slopes = torch.autograd.grad(inner, theta.values(), create_graph=True)
    moved = {n: p - RATE * g for (n, p), g in zip(theta.items(), slopes, strict=True)}
    outer = val_loss(functional_call(network, moved, val_x))
    expected = torch.autograd.grad(outer, list(weight_net.parameters()))
    for parameter, gradient in zip(weight_net.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-8, atol=1e-12)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("estimator", "limit"), [("forward", 1e-9), ("unrolled", 1e-9), ("finite_difference", 1e-3)]
)
def test_dropout_has_the_same_masks_in_all_passes_over_a_batch(problem, estimator, limit):
    network, x, losses, weights, val_x, val_loss = problem
    masks: dict[int, torch.Tensor] = {}  # by the number of images, which tells the batches apart
    found = []

    class Dropping(nn.Module):
        """Its masks are read as it first draws them; then they are the definition's."""

        def __init__(self):
            super().__init__()
            self.network, self.drop, self.is_fixed = network, nn.Dropout(0.4), False

        def forward(self, sequences):
            ones = torch.ones_like(sequences)
            mask = masks[len(sequences)] if self.is_fixed else self.drop(ones)
            found.append((len(sequences), mask.detach()))
            return self.network(sequences * mask)

    dropping, before = Dropping().to(x.device), torch.get_rng_state()
    arguments = (dropping, x, losses, weights, val_x, val_loss)
    given = hypergradient(*arguments, learning_rate=RATE, estimator=estimator)
    assert torch.equal(before, torch.get_rng_state())
    for number, mask in found:
        assert torch.equal(mask, masks.setdefault(number, mask))
    assert not torch.equal(masks[7][:5], masks[5])
    assert 0.2 < (masks[7] == 0).double().mean() < 0.6
    dropping.is_fixed = True
    expected, _ = by_torch_alone(*arguments)
    assert ((given.gradient - expected).norm() / expected.norm()).item() < limit
    dropping.is_fixed = False
    torch.rand(1)  # the caller draws, so the next step has other masks
    found.clear()
    hypergradient(*arguments, learning_rate=RATE, estimator=estimator)
    assert not torch.equal(found[0][1], masks[7])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": torch.ones(7, 3)}, r"weights has the shape \(7, 3\)"),
        ({"weights": torch.ones(7, dtype=torch.float64)}, r"losses returns the shape \(7, 2\)"),
        ({"val_loss": lambda z: z}, r"val_loss returns the shape \(5, 2\)"),
        ({"learning_rate": 0}, r"learning_rate = 0 is not possible"),
        ({"virtual_step": -1}, r"virtual_step = -1 is not possible"),
        ({"estimator": "auto"}, r"estimator = 'auto' is not possible: it must be forward or"),
    ],
)
def test_what_is_not_possible_is_named(problem, change, sentence):
    names = ("network", "inputs", "losses", "weights", "val_inputs", "val_loss")
    values = dict(zip(names, problem, strict=True)) | {"learning_rate": RATE} | change
    device = problem[1].device
    values["weights"] = values["weights"].to(device)
    with pytest.raises(ValueError, match=sentence):
        hypergradient(**values)


def test_it_is_the_function_whatever_was_imported_before():
    code = (
        "import bikd_core.hypergradients, bikd_core.methods\n"
        "from bikd_core import hypergradient\n"
        "from bikd_core import hypergradient as again\n"
        "assert callable(hypergradient) and again is hypergradient"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
