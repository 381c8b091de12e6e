"""A true unroll against the definition in plain torch: each image's gradient by itself, summed."""

import pytest
import torch
from torch.nn import functional as F

from bikd_core.methods.unroll import through_steps
from tests.methods.small_problem import B_VAL, LR, SHARES, TAU, B, batch_of, make

#: Each form with its own coefficients, losses and normalisation.
FORMS = {
    "published": {},
    "one hidden layer more": {"weight_net_layers": 2, "virtual_step": 0.5, "meta_loss": "mix"},
    "relative": {
        "over": "kd",
        "kd_alpha": 0.3,
        "weight_scale": "relative",
        "class_shifts": "each",
        "virtual_step": 2.0,
    },
    "weights that depend on the student": {"over": "wsl", "weight_scale": "relative"},
}


class Definition:
    """L_val after T virtual steps, written out for the student of `small_problem`.

    `net` and `shifts` may be replaced by other values, `added` (B, 2) comes on top of each step's
    weights.
    """

    def __init__(self, method, batch, outer):
        self.options, self.batch, self.outer = method.options, batch, outer
        self.theta = [p.detach().clone().requires_grad_() for p in method.student.parameters()]
        self.net = [p.detach().clone().requires_grad_() for p in method.weight_net.parameters()]
        shifts = method.class_shifts
        self.shifts = torch.zeros(2, 4, dtype=torch.float64) if shifts is None else shifts.detach()
        self.shifts = self.shifts.clone().requires_grad_()
        self.added = torch.zeros(len(batch.labels), 2, dtype=torch.float64, requires_grad=True)

    def logits(self, theta, images):
        first, bias, scale, offset, last, last_bias = theta
        hidden = F.linear(images, first, bias)
        mean, variance = hidden.mean(dim=0), hidden.var(dim=0, correction=0)
        hidden = (hidden - mean) / (variance + 1e-5).sqrt() * scale + offset
        return F.linear(torch.tanh(hidden), last, last_bias)

    def losses(self, logits, shifts):
        batch, over = self.batch, self.options.over
        hard = F.cross_entropy(logits + shifts[0], batch.labels, reduction="none")
        log_p = F.log_softmax((logits + shifts[1]) / TAU, dim=1)
        q = F.softmax(batch.teacher_logits / TAU, dim=1)
        if over == "wsl":
            return torch.stack([hard, -(q * log_p).sum(dim=1)], dim=1)
        return torch.stack([hard, TAU**2 * (q * (q.log() - log_p)).sum(dim=1)], dim=1)

    def weights(self, logits):
        options, batch = self.options, self.batch
        hard = F.cross_entropy(logits + self.shifts[0].detach(), batch.labels, reduction="none")
        teacher = F.cross_entropy(batch.teacher_logits, batch.labels, reduction="none")
        out = torch.stack([hard, teacher], dim=1)
        for weight, bias in list(zip(self.net[::2], self.net[1::2], strict=True))[:-1]:
            out = torch.tanh(F.linear(out, weight, bias))
        out = F.linear(out, *self.net[-2:])
        coefficients = torch.ones_like(out)
        if options.over == "kd":
            coefficients = torch.tensor([[0.3, 0.7]], dtype=torch.float64).expand_as(out)
        if options.over == "wsl":
            behind = 1 - torch.exp(-hard / (teacher + 1e-7))
            coefficients = torch.stack([torch.ones_like(behind), 2.5 * TAU**2 * behind], dim=1)
        if options.weight_scale == "sigmoid":
            return coefficients * torch.sigmoid(out)
        raw, counts = torch.exp(3 * torch.tanh(out / 3)), self.shares()[:, None] * coefficients
        return coefficients * raw / ((counts * raw).sum(dim=0) / counts.sum(dim=0))

    def shares(self):
        size = len(self.batch.labels)
        given = self.batch.shares
        return torch.full((size,), 1 / size, dtype=torch.float64) if given is None else given

    def outer_loss(self, num_steps):
        theta = self.theta
        for _ in range(num_steps):
            logits = self.logits(theta, self.batch.images)
            losses, weights = self.losses(logits, self.shifts), self.weights(logits) + self.added
            slope = [torch.zeros_like(p) for p in theta]
            for image, share in enumerate(self.shares()):
                for column in range(2):
                    own = torch.autograd.grad(losses[image, column], theta, create_graph=True)
                    factor = share * weights[image, column]
                    slope = [s + factor * g for s, g in zip(slope, own, strict=True)]
            rate = self.options.virtual_step * LR
            theta = [p - rate * s for p, s in zip(theta, slope, strict=True)]
        predicted, outer = self.logits(theta, self.outer.images), self.outer
        loss = F.cross_entropy(predicted, outer.labels)
        if self.options.meta_loss == "hard":
            return loss
        q = F.softmax(outer.teacher_logits / TAU, dim=1)
        log_p = F.log_softmax(predicted / TAU, dim=1)
        return loss + TAU**2 * (q * (q.log() - log_p)).sum(dim=1).mean()


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("shares", [None, SHARES], ids=["one batch", "beside D_val"])
@pytest.mark.parametrize("form", FORMS)
def test_the_gradients_are_those_of_the_definition_in_plain_torch(form, shares):
    method = make(estimator="unrolled", unroll=3, inner_steps=2, **FORMS[form])
    batch, outer = batch_of(B if shares is None else B + B_VAL, 1, shares=shares), batch_of(7, 2)
    definition = Definition(method, batch, outer)
    result = method.step(batch, LR)

    loss = definition.outer_loss(3)
    wanted = [definition.added, definition.shifts, *definition.net]
    of_weights, of_shifts, *of_net = (
        gradient / definition.options.virtual_step for gradient in torch.autograd.grad(loss, wanted)
    )
    assert_close(result.outer_loss, loss.detach())
    assert_close(result.influence * LR * definition.shares()[:, None], of_weights)
    for parameter, gradient in zip(method.weight_net.parameters(), of_net, strict=True):
        assert_close(2 * parameter.grad, gradient)  # half of a window of two
    if method.class_shifts is not None:
        assert_close(2 * method.class_shifts.grad, of_shifts)


def test_the_nets_gradient_is_the_slope_of_the_loss_after_the_steps():
    method = make(estimator="unrolled", unroll=3, inner_steps=2)
    batch, outer = batch_of(B, 1), batch_of(7, 2)
    definition = Definition(method, batch, outer)
    method.step(batch, LR)
    for number, position in [(0, (3, 0)), (2, (1, 20)), (3, (0,))]:
        losses = []
        for change in (1e-5, -2e-5):
            with torch.no_grad():
                definition.net[number][position] += change
            losses.append(definition.outer_loss(3).item())
        parameter = list(method.weight_net.parameters())[number]
        numeric = (losses[0] - losses[1]) / 2e-5
        assert 2 * parameter.grad[position].item() == pytest.approx(numeric, rel=1e-5)
        with torch.no_grad():
            definition.net[number][position] += 1e-5


@pytest.mark.parametrize("form", FORMS)
def test_one_step_is_the_published_hypergradient(form):
    plain = make(estimator="unrolled", inner_steps=2, **FORMS[form])
    method = make(estimator="unrolled", inner_steps=2, **FORMS[form])
    batch, outer = batch_of(B + B_VAL, 1, shares=SHARES), batch_of(7, 2)
    expected = plain.step(batch, LR)
    inner = method._inner_batch(batch)
    found, of_net = through_steps(
        1,
        method.student,
        inner,
        method._outer_batch(outer),
        lambda logits: method._weights_at(batch, inner, logits),
        method.weight_net,
        method.class_shifts,
        LR,
        method.virtual_step,
    )
    assert_close(found.inside.weights / (LR * SHARES[:, None]), expected.influence)
    assert_close(found.outer_loss, expected.outer_loss)
    for gradient, parameter in zip(of_net, plain.weight_net.parameters(), strict=True):
        assert_close(gradient, 2 * parameter.grad)


def test_the_look_ahead_leaves_the_students_own_step_as_it_is():
    ahead, plain = (make(estimator="unrolled", unroll=n, inner_steps=2) for n in (4, 1))
    batch = batch_of(B, 1)
    found, expected = ahead.step(batch, LR), plain.step(batch, LR)
    assert torch.equal(found.weights, expected.weights)
    assert not torch.equal(found.influence, expected.influence)
    for a, b in zip(ahead.student.parameters(), plain.student.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a.grad, b.grad)
    for a, b in zip(ahead.student.buffers(), plain.student.buffers(), strict=True):
        assert torch.equal(a, b)


def test_in_its_warm_up_the_net_learns_nothing_from_several_steps_either():
    method = make("meta_weight_net", estimator="unrolled", unroll=3, warm_up=1)
    result = method.step(batch_of(B, 1), LR)
    assert result.weights[:, 0].tolist() == [0.5] * B
    assert result.influence[:, 0].abs().min() > 0
    assert all(parameter.grad is None for parameter in method.weight_net.parameters())
    method.end_epoch(1.0)
    assert method.step(batch_of(B, 2), LR).weight_step
