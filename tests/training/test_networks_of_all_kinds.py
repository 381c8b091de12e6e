"""Students with dropout, group norm, layer norm, attention or no norm, with every estimator.

The reference is torch's double backward through the definition, in float64, with the masks of
dropout held: a network in which they are constants.
"""

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone, Frame
from bikd_core.hypergradients import Inside, OuterBatch, hypergradient, pair_of
from bikd_core.models.own import OwnNetwork, draws
from bikd_core.training import loop as training_loop
from bikd_core.training.measure import random_split

RATE, TAU, CLASSES = 0.2, 3.0, 5


class Attention(nn.Module):
    """Torch's fused attention over the rows of a picture, and a stochastic depth by picture."""

    def __init__(self):
        super().__init__()
        self.values, self.out = nn.Linear(6, 6), nn.Linear(36, CLASSES)

    def forward(self, images):
        rows = images[:, 0]
        seen = F.scaled_dot_product_attention(rows, rows, self.values(rows))
        kept = F.dropout(torch.ones_like(rows[:, :1, :1]), 0.3, self.training)
        return self.out((rows + kept * seen).flatten(1))


def body(*layers):
    return nn.Sequential(nn.Conv2d(1, 4, 3), *layers, nn.Flatten(), nn.Linear(64, CLASSES))


KINDS = {
    "dropout": lambda: body(nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)),
    "dropout of channels": lambda: body(nn.GELU(), nn.Dropout2d(0.3), nn.GroupNorm(2, 4)),
    "group norm": lambda: body(nn.GroupNorm(2, 4), nn.ReLU()),
    "layer norm": lambda: body(nn.LayerNorm((4, 4, 4)), nn.GELU()),
    "no norm": lambda: body(nn.ReLU()),
    "attention": Attention,
}
DRAWING = ("dropout", "dropout of channels", "attention")
LIMITS = {"forward": 1e-9, "unrolled": 1e-9, "finite_difference": 1e-3}


def own(kind, seed=0):
    torch.manual_seed(seed)
    net = OwnNetwork(KINDS[kind](), repeats_grey=False)
    net.draws = draws(net, torch.zeros(2, 1, 6, 6))
    return net


def batch(number, seed):
    draw = torch.Generator().manual_seed(seed)
    images = torch.randn(number, 1, 6, 6, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (number,), generator=draw)
    return images, labels, torch.randn(number, CLASSES, generator=draw, dtype=torch.float64)


def by_double_backward(net, inner, outer, weights):
    """The definition in torch alone; each pass begins at the state that a seed gives."""

    def logits(theta, images, seed):
        torch.manual_seed(seed)
        buffers = {name: value.clone() for name, value in net.net.named_buffers()}
        return functional_call(net.net, theta | buffers, (images,))

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        theta = dict(net.net.named_parameters())
        z, w = logits(theta, inner[0], net.seed), weights.detach().requires_grad_()
        hard = F.cross_entropy(z, inner[1], reduction="none")
        log_student, log_teacher = (F.log_softmax(v / TAU, dim=1) for v in (z, inner[2]))
        soft = TAU**2 * (log_teacher.exp() * (log_teacher - log_student)).sum(dim=1)
        loss = (w * torch.stack([hard, soft], dim=1)).sum() / len(z)
        slopes = torch.autograd.grad(loss, theta.values(), create_graph=True)
        moved = {n: p - RATE * g for (n, p), g in zip(theta.items(), slopes, strict=True)}
        val = F.cross_entropy(logits(moved, outer[0], net.seed ^ 1), outer[1])
    return torch.autograd.grad(val, w)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("estimator", LIMITS)
def test_each_estimator_is_the_double_backward(kind, estimator):
    net = own(kind).double()
    net.seed = 7
    assert net.draws is (kind in DRAWING)
    inner, outer = batch(9, 1), batch(6, 2)
    weights = torch.rand(9, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = hypergradient(
        estimator,
        net,
        pair_of(*inner, TAU),
        OuterBatch(*outer, TAU, "hard"),
        Inside(weights),
        RATE,
    ).inside.weights
    expected = by_double_backward(net, inner, outer, weights)
    assert ((found - expected).norm() / expected.norm()).item() < LIMITS[estimator]


class Doubled(torch.autograd.Function):
    """Somebody's own function, with a backward pass and nothing else."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Doubling(nn.Module):
    def forward(self, x):
        return Doubled.apply(x)


@pytest.mark.parametrize(
    ("layer", "lacking", "words"),
    [
        (Doubling, "forward", "it must be finite_difference or unrolled"),
        (nn.Hardsigmoid, "unrolled", "it must be forward or finite_difference"),
    ],
)
def test_a_layer_without_a_derivative_leaves_the_other_estimators(layer, lacking, words):
    torch.manual_seed(0)
    net = OwnNetwork(body(layer()), repeats_grey=False).double()
    inner, outer = batch(9, 1), batch(6, 2)
    case = pair_of(*inner, TAU), OuterBatch(*outer, TAU, "hard"), Inside(torch.ones(9, 2).double())
    with pytest.raises(ValueError, match=f"estimator = '{lacking}' is not possible .* {words}"):
        hypergradient(lacking, net, *case, RATE)
    first, second = (
        hypergradient(estimator, net, *case, RATE).inside.weights
        for estimator in LIMITS
        if estimator != lacking
    )
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-6)


def trained(monkeypatch, kind, estimator, *, epochs=1, state=None):
    """The loop of a run that has trained some epochs, and the events of the last one."""
    config = RunConfig.from_flat(
        {"method": "meta_weight_net", "estimator": estimator, "batch_size": 8, "inner_steps": 1}
    )
    monkeypatch.setattr(training_loop, "build", lambda *_: own_for_digits(kind))
    loop = training_loop.Loop(
        config, random_split(config, num_batches=4), None, torch.device("cpu")
    )
    if state is not None:
        loop.load_state(state)
    events = []
    for _ in range(epochs):
        events = [*loop.run_epoch(Control())]
    return loop, events


def own_for_digits(kind):
    torch.manual_seed(0)
    layers = {
        "dropout": [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)],
        "layer norm": [nn.Conv2d(1, 4, 3), nn.LayerNorm((4, 6, 6)), nn.ReLU()],
    }[kind]
    net = OwnNetwork(nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, 10)), repeats_grey=False)
    net.draws = draws(net, torch.zeros(2, 1, 8, 8))
    return net


def numbers(events):
    [frame] = [event for event in events if isinstance(event, Frame)]
    [done] = [event for event in events if isinstance(event, EpochDone)]
    return torch.tensor(frame.influence), done.train_hard_loss


@pytest.mark.parametrize("kind", ["dropout", "layer norm"])
def test_a_runs_estimators_agree_on_what_d_val_wants(monkeypatch, kind):
    """Where masks differed between the passes of a step, nothing would agree."""
    exact, loss = numbers(trained(monkeypatch, kind, "unrolled")[1])
    for estimator, limit in (("forward", 1e-3), ("finite_difference", 0.1)):
        found, other = numbers(trained(monkeypatch, kind, estimator)[1])
        assert ((found - exact).norm() / exact.norm()).item() < limit
        assert other == pytest.approx(loss, rel=1e-3)


def test_dropout_draws_anew_in_each_step_and_a_resumed_run_draws_the_same(monkeypatch):
    first, _ = trained(monkeypatch, "dropout", "forward")
    torch.rand(3)  # whatever the process draws besides
    whole, expected = trained(monkeypatch, "dropout", "forward", epochs=2)
    resumed, found = trained(monkeypatch, "dropout", "forward", state=first.state())
    for name, value in whole.student.state_dict().items():
        assert torch.equal(value, resumed.student.state_dict()[name])
    assert torch.equal(numbers(found)[0], numbers(expected)[0])
    net, images = first.student.train(), torch.randn(3, 1, 8, 8)
    one, same = net(images), net(images)
    training_loop.draw_anew([net], 0, 5)
    assert torch.equal(one, same)
    assert not torch.equal(one, net(images))
