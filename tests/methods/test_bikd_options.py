"""BiKD where D_val is trained on beside D_tr, in its warm-up, and with other inputs."""

import pytest
import torch
from scipy.special import log_softmax
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from bikd_core.config import METHOD_CONFIGS
from bikd_core.methods import METHODS, Batch, Setting
from bikd_core.methods.prior import log_prior

COUNTS = (40.0, 9.5, 1.0)
C, B, B_VAL, LR, TAU = len(COUNTS), 6, 4, 0.3, 3.0


def batch_of(size, seed):
    draw = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randn(size, 5, generator=draw, dtype=torch.float64),
        torch.randint(0, C, (size,), generator=draw),
        2 * torch.randn(size, C, generator=draw, dtype=torch.float64),
    )


BOTH = batch_of(B + B_VAL, seed=1)._replace(
    shares=torch.tensor([1 / B] * B + [1 / B_VAL] * B_VAL, dtype=torch.float64)
)
GUIDE = batch_of(7, seed=2)


def make(name="bikd", **options):
    torch.manual_seed(0)
    own = METHOD_CONFIGS[name]
    if "temperature" in own.model_fields:
        options["temperature"] = TAU
    setting = Setting(
        options=own(**options),
        student=nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, C)).double(),
        next_val_batch=lambda: GUIDE,
        class_counts=COUNTS,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
        num_epochs=10,
    )
    method = METHODS[name](setting)
    method.weight_net.double()
    return method


def pair_of(logits, prior):
    """Hard and soft loss of each image of BOTH, by the formulas."""
    shift = log_prior(COUNTS, torch.device("cpu"))
    hard = F.cross_entropy(logits + (prior != "none") * shift, BOTH.labels, reduction="none")
    log_p = F.log_softmax((logits + (prior == "both") * shift) / TAU, dim=1)
    log_q = F.log_softmax(BOTH.teacher_logits / TAU, dim=1)
    return torch.stack([hard, TAU**2 * (log_q.exp() * (log_q - log_p)).sum(dim=1)], dim=1)


@pytest.mark.parametrize("prior", ["none", "both"])
@pytest.mark.parametrize("estimator", ["forward", "unrolled"])
def test_beside_a_d_val_batch_the_hypergradient_is_that_of_the_sum_of_both_means(estimator, prior):
    method = make(estimator=estimator, prior=prior)
    theta = {k: v.detach().clone().requires_grad_() for k, v in method.student.named_parameters()}
    result = method.step(BOTH, LR)

    weights = result.weights_before.clone().requires_grad_()
    weighted = (weights * pair_of(functional_call(method.student, theta, BOTH.images), prior)).sum(
        1
    )
    loss = weighted[:B].mean() + weighted[B:].mean()
    gradients = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
    virtual = {k: v - LR * g for (k, v), g in zip(theta.items(), gradients, strict=True)}
    outer = F.cross_entropy(functional_call(method.student, virtual, GUIDE.images), GUIDE.labels)
    [expected] = torch.autograd.grad(outer, weights)

    assert result.outer_loss.item() == pytest.approx(outer.item())
    found = result.influence * LR * BOTH.shares[:, None]
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-12)


def test_the_student_descends_the_sum_of_both_means():
    method = make(prior="hard")
    result = method.step(BOTH, LR)
    found = [parameter.grad.clone() for parameter in method.student.parameters()]
    weighted = (result.weights * pair_of(method.student(BOTH.images), "hard")).sum(dim=1)
    expected = torch.autograd.grad(
        weighted[:B].mean() + weighted[B:].mean(), list(method.student.parameters())
    )
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, other)


@pytest.mark.parametrize("inputs", ["shifted", "plain"])
def test_the_weight_net_sees_the_cross_entropy_that_it_is_told_to(inputs):
    method = make(prior="both", weight_net_inputs=inputs)
    result = method.step(BOTH, LR)
    shift = log_prior(COUNTS, torch.device("cpu")) * (inputs == "shifted")
    rows = range(B + B_VAL)
    student = -log_softmax((result.logits + shift).numpy(), axis=1)[rows, BOTH.labels]
    teacher = -log_softmax(BOTH.teacher_logits.numpy(), axis=1)[rows, BOTH.labels]
    seen = torch.stack([torch.tensor(student), torch.tensor(teacher)], dim=1)
    torch.testing.assert_close(method.weight_net(seen).detach(), result.weights)


@pytest.mark.parametrize(
    ("name", "weights"), [("bikd", [0.5, 0.5]), ("meta_weight_net", [0.5, 0.0])]
)
def test_in_its_warm_up_every_weight_is_a_half_and_the_net_stands_still(name, weights):
    method = make(name, warm_up=2)
    before = [parameter.detach().clone() for parameter in method.weight_net.parameters()]
    for _ in range(2):
        result = method.step(BOTH, LR)
        assert result.weights.tolist() == [weights] * (B + B_VAL)
        assert not result.weight_step
        assert result.influence.abs().sum() > 0
        assert "hypergradient_norm" not in method.end_epoch(1.0)
    after = list(method.weight_net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    result = method.step(BOTH, LR)
    assert result.weight_step
    assert result.weights[:, 0].std() > 0


@pytest.mark.parametrize(("drops", "moves"), [(False, True), (True, False)])
def test_a_left_over_window_goes_on_unless_it_is_dropped(drops, moves):
    method = make(inner_steps=2)
    method.step(BOTH, LR)
    method.end_epoch(1.0)
    if drops:
        method.drop_window()
    assert method.step(BOTH, LR).weight_step is moves


def test_a_dropped_window_leaves_no_gradient_behind():
    dropped, fresh = make(inner_steps=2), make(inner_steps=2)
    dropped.step(BOTH, LR)
    dropped.end_epoch(1.0)
    dropped.drop_window()
    for method in (dropped, fresh):
        for _ in range(2):
            method.step(BOTH, LR)
    for a, b in zip(dropped.weight_net.parameters(), fresh.weight_net.parameters(), strict=True):
        torch.testing.assert_close(a, b)
