"""Each method's step, held against its definition written out once more."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bikd_core.config import METHOD_CONFIGS, choices
from bikd_core.losses import student_losses, weight_net_inputs
from bikd_core.methods import METHODS, Batch, Setting

NUM_CLASSES = 4
LR = 0.1


def make_student(device):
    torch.manual_seed(0)
    layers = (nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, NUM_CLASSES))
    return nn.Sequential(*layers).double().to(device).train()


def batches(size, device, seed=1):
    draw = torch.Generator().manual_seed(seed)
    while True:
        images = torch.randn(size, 6, generator=draw, dtype=torch.float64)
        labels = torch.randint(0, NUM_CLASSES, (size,), generator=draw)
        teacher = 2 * torch.randn(size, NUM_CLASSES, generator=draw, dtype=torch.float64)
        yield Batch(images.to(device), labels.to(device), teacher.to(device))


def make(name, device, **options):
    student = make_student(device)
    val = batches(5, device, seed=2)
    method = METHODS[name](
        Setting(
            options=METHOD_CONFIGS[name](**options),
            student=student,
            next_val_batch=lambda: next(val),
            class_counts=(4, 3, 2, 1),
            device=torch.device(device),
            generator=torch.Generator().manual_seed(0),
            num_epochs=10,
        )
    )
    if method.weight_net is not None:
        method.weight_net.double()
    return student, method


def weights_of(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def moved(net, before):
    return any(not torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_registry_is_what_the_config_offers():
    assert set(METHODS) == set(choices("method"))


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("ce", {}, (1.0, 0.0)),
        ("kd", {"kd_alpha": 0.5}, (0.5, 0.5)),
        ("kd", {"kd_alpha": 0.2, "temperature": 2.0}, (0.2, 0.8)),
    ],
)
def test_plain_methods_leave_the_gradient_of_their_weighted_losses(device, name, config, expected):
    student, method = make(name, device, **config)
    batch = next(batches(9, device))
    result = method.step(batch, LR)
    found = [parameter.grad.clone() for parameter in student.parameters()]

    logits = make_student(device)(batch.images)
    temperature = config.get("temperature", 4.0)
    log_p = F.log_softmax(logits / temperature, dim=1)
    log_q = F.log_softmax(batch.teacher_logits / temperature, dim=1)
    soft = temperature**2 * (log_q.exp() * (log_q - log_p)).sum(dim=1)
    hard = -F.log_softmax(logits, dim=1)[torch.arange(9), batch.labels]
    losses = expected[0] * hard + expected[1] * soft
    torch.testing.assert_close(result.losses, losses.detach())
    assert result.weights is None

    reference = make_student(device)
    reference.load_state_dict(weights_of(make_student(device)))
    logits = reference(batch.images)
    pair = student_losses(logits, batch.teacher_logits, batch.labels, temperature)
    (pair * torch.tensor(expected, device=device).double()).sum(dim=1).mean().backward()
    for gradient, parameter in zip(found, reference.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


@pytest.mark.parametrize("estimator", ["forward", "unrolled"])
def test_bikd_leaves_the_gradient_with_the_weights_of_the_moved_net(device, estimator):
    student, method = make("bikd", device, estimator=estimator)
    batch = next(batches(9, device))
    result = method.step(batch, LR)
    assert result.weight_step

    reference = make_student(device)
    logits = reference(batch.images)
    inputs = weight_net_inputs(logits, batch.teacher_logits, batch.labels)
    weights = method.weight_net(inputs).detach()
    torch.testing.assert_close(result.weights, weights)
    losses = student_losses(logits, batch.teacher_logits, batch.labels, 4.0)
    (weights * losses).sum().div(9).backward()
    for parameter, expected in zip(student.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)


def test_running_statistics_move_once_and_from_the_training_batch(device):
    student, method = make("bikd", device)
    batch = next(batches(9, device))
    method.step(batch, LR)
    reference = make_student(device)
    reference(batch.images)
    assert student[1].num_batches_tracked == 1
    torch.testing.assert_close(student[1].running_mean, reference[1].running_mean)
    torch.testing.assert_close(student[1].running_var, reference[1].running_var)


@pytest.mark.parametrize(("steps", "has_moved"), [(1, False), (2, False), (3, True), (4, True)])
def test_weight_net_moves_once_a_window(device, steps, has_moved):
    _, method = make("bikd", device, inner_steps=3)
    before = weights_of(method.weight_net)
    flags = [
        method.step(batch, LR).weight_step for batch in itertools.islice(batches(9, device), steps)
    ]
    assert moved(method.weight_net, before) is has_moved
    assert flags == [False, False, True, False][:steps]


def test_a_window_is_the_mean_of_its_hypergradients(device):
    # With the student standing still, k gradients and their mean must be the same Adam step.
    _, once = make("bikd", device, inner_steps=1)
    _, thrice = make("bikd", device, inner_steps=3)
    batch, val = next(batches(9, device)), next(batches(5, device, seed=2))
    for method, steps in ((once, 1), (thrice, 3)):
        method.next_val_batch = lambda: val
        for _ in range(steps):
            method.step(batch, LR)
    for name, value in once.weight_net.state_dict().items():
        torch.testing.assert_close(value, thrice.weight_net.state_dict()[name])
    norms = [method.end_epoch(1.0)["hypergradient_norm"] for method in (once, thrice)]
    assert norms[0] == pytest.approx(norms[1])


def test_an_unfinished_window_carries_on_into_the_next_epoch(device):
    _, method = make("bikd", device, inner_steps=3)
    source = batches(9, device)
    for _ in range(2):
        method.step(next(source), LR)
    # No window closed, so there is nothing to measure.
    assert not {"hypergradient_norm", "hypergradient_cosine"} & set(method.end_epoch(1.0))
    assert method.step(next(source), LR).weight_step


def test_cosine_of_a_repeated_window_is_one(device):
    _, method = make("bikd", device, weight_net_learning_rate=1e-12)
    batch, val = next(batches(9, device)), next(batches(5, device, seed=2))
    method.next_val_batch = lambda: val
    method.step(batch, LR)
    assert "hypergradient_cosine" not in method.end_epoch(1.0)
    method.step(batch, LR)
    assert method.end_epoch(1.0)["hypergradient_cosine"] == pytest.approx(1.0)


def test_weight_net_learning_rate_decays_where_the_loop_says(device):
    _, method = make("bikd", device, weight_net_learning_rate=1e-2)
    method.end_epoch(0.8)
    assert method.optimizer.param_groups[0]["lr"] == pytest.approx(8e-3)


@pytest.mark.parametrize("num_done", [0, 1, 2, 4])
def test_a_restored_bikd_goes_on_as_if_nothing_had_happened(device, num_done):
    def run(method, student, source, steps):
        for batch in itertools.islice(source, steps):
            method.step(batch, LR)
            with torch.no_grad():
                for parameter in student.parameters():
                    parameter -= LR * parameter.grad

    student, method = make("bikd", device, inner_steps=3)
    source = batches(9, device)
    run(method, student, source, num_done)
    other_student, other = make("bikd", device, inner_steps=3)
    other_student.load_state_dict(weights_of(student))
    other.load_state({name: value.clone() for name, value in method.state().items()})

    rest, val = list(itertools.islice(source, 5)), list(itertools.islice(batches(5, device, 7), 5))
    for this, net in ((method, student), (other, other_student)):
        supply = iter(val)
        this.next_val_batch = lambda supply=supply: next(supply)
        run(this, net, iter(rest), 5)
    for name, value in method.weight_net.state_dict().items():
        assert torch.equal(value, other.weight_net.state_dict()[name])
    for name, value in student.state_dict().items():
        assert torch.equal(value, other_student.state_dict()[name])
