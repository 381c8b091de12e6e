"""What takes the place of the learned weights in the student's own step, and in that step alone."""

import pytest
import torch

from bikd_core.methods.weights_used import Substitute
from bikd_core.models.weight_net import WeightNet
from tests.methods.small_problem import B_VAL, LR, SHARES, B, batch_of, make

FORMS = {
    "published": {},
    "relative": {"over": "kd", "weight_scale": "relative", "class_shifts": "one"},
    "relative over WSL": {"over": "wsl", "weight_scale": "relative"},
}
OTHERS = ["random", "shuffled", "class_means"]


def steps(method, num_steps=3):
    """The results of some steps, with the student's gradients, on batches beside D_val."""
    results = []
    for seed in range(num_steps):
        result = method.step(batch_of(B + B_VAL, seed, shares=SHARES), LR)
        results.append((result, [p.grad.clone() for p in method.student.parameters()]))
    return results


def mean_one(raw, method, batch, logits):
    """Relative weights as the student uses them: mean 1 by share and coefficient."""
    hard = method._inner_batch(batch).losses(logits, method._shifts())[:, 0]
    counts = SHARES[:, None] * method.objective.trusted_coefficients(hard, batch).expand_as(raw)
    return raw / ((counts * raw).sum(dim=0) / counts.sum(dim=0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("used", OTHERS)
def test_the_net_learns_as_if_the_student_had_used_its_weights(form, used):
    """The student stands still here, so that both nets meet the same students."""
    method, learned = (
        make(weights_used=w, inner_steps=2, **FORMS[form]) for w in (used, "learned")
    )
    for (found, _), (expected, _) in zip(steps(method), steps(learned), strict=True):
        assert torch.equal(found.weights_before, expected.weights_before)
        assert torch.equal(found.influence, expected.influence)
        assert found.weight_step == expected.weight_step
        assert not torch.equal(found.weights, expected.weights)
    for a, b in zip(method.weight_net.parameters(), learned.weight_net.parameters(), strict=True):
        assert torch.equal(a, b)
    if method.class_shifts is not None:
        assert torch.equal(method.class_shifts, learned.class_shifts)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("used", [*OTHERS, "learned"])
def test_the_student_descends_by_the_weights_that_are_recorded(form, used):
    method = make(weights_used=used, inner_steps=2, **FORMS[form])
    result, gradients = steps(method)[-1]  # which does not close a window: the shifts stay
    batch = batch_of(B + B_VAL, 2, shares=SHARES)
    losses = method._inner_batch(batch).losses(method.student(batch.images), method._shifts())
    coefficients = method.objective.trusted_coefficients(losses[:, 0].detach(), batch)
    loss = (SHARES * (coefficients * result.weights * losses).sum(dim=1)).sum()
    expected = torch.autograd.grad(loss, list(method.student.parameters()))
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
def test_shuffled_weights_are_the_learned_ones_on_other_images(form):
    method, learned = (make(weights_used=w, **FORMS[form]) for w in ("shuffled", "learned"))
    pairs = zip(steps(method), steps(learned), strict=True)
    for seed, ((found, _), (expected, _)) in enumerate(pairs):
        given, own = (
            r.weights if r.raw_weights is None else r.raw_weights for r in (found, expected)
        )
        assert sorted(given.tolist()) == sorted(own.tolist())  # whole rows: hard and soft together
        assert given.tolist() != own.tolist()
        if found.raw_weights is not None:
            batch = batch_of(B + B_VAL, seed, shares=SHARES)
            scaled = mean_one(found.raw_weights, method, batch, found.logits)
            if method.class_shifts is None:  # else they have moved since
                torch.testing.assert_close(found.weights, scaled)


@pytest.mark.parametrize("form", FORMS)
def test_class_means_are_those_of_the_images_of_a_label(form):
    method, learned = (make(weights_used=w, **FORMS[form]) for w in ("class_means", "learned"))
    pairs = zip(steps(method), steps(learned), strict=True)
    for seed, ((found, _), (expected, _)) in enumerate(pairs):
        labels = batch_of(B + B_VAL, seed, shares=SHARES).labels
        given, own = (
            r.weights if r.raw_weights is None else r.raw_weights for r in (found, expected)
        )
        means = [own[labels == label].mean(dim=0) for label in labels]
        torch.testing.assert_close(given, torch.stack(means))


@pytest.mark.parametrize(
    ("form", "columns"), [("free", 2), ("scale", 2), ("convex", 2), ("single", 1)]
)
def test_random_weights_have_the_nets_form_and_are_uniform(form, columns):
    net = WeightNet(1, torch.Generator(), form=form)
    substitute = Substitute("random", net, [torch.Generator().manual_seed(3)])
    raw = substitute.raw(torch.full((4000, columns), 0.9), torch.zeros(4000, dtype=torch.long))
    assert raw.shape == (4000, columns)
    for column in raw.T:
        expected = torch.linspace(0, 1, 4000)
        assert (column.sort().values - expected).abs().max() < 0.03
    if form == "scale":
        assert torch.equal(raw[:, 0], raw[:, 1])
    if form == "convex":
        torch.testing.assert_close(raw.sum(dim=1), torch.ones(4000))
    if form == "free":
        assert abs(float(torch.corrcoef(raw.T)[0, 1])) < 0.05


def test_random_relative_weights_are_exponential_with_mean_1_in_each_batch():
    net = WeightNet(1, torch.Generator(), scale="relative")
    substitute = Substitute("random", net, [torch.Generator().manual_seed(3)])
    raw = substitute.raw(torch.ones(4000, 2), torch.zeros(4000, dtype=torch.long))
    expected = -torch.log1p(-(torch.arange(4000) + 0.5) / 4000)
    middle = slice(100, 3900)
    assert (raw[:, 0].sort().values - expected)[middle].abs().max() < 0.2
    for result, _ in steps(make(weights_used="random", **FORMS["relative"])):
        means = (SHARES[:, None] * result.weights).sum(dim=0) / SHARES.sum()
        assert means.tolist() == pytest.approx([1.0, 1.0])
        assert result.weights.std() > 0.3


@pytest.mark.parametrize("used", OTHERS)
@pytest.mark.parametrize(
    ("late", "weight"),
    [({"warm_up": 1}, 0.5), ({"weight_scale": "relative", "outer_from": 0.1}, 1.0)],
)
def test_before_the_net_learns_the_student_has_the_weights_that_all_have(used, late, weight):
    method = make(weights_used=used, **late)
    for result, _ in steps(method):
        assert result.weights.tolist() == [[weight, weight]] * (B + B_VAL)
    method.end_epoch(1.0)
    [(result, _)] = steps(method, 1)
    assert result.weights.std() > 0.05


@pytest.mark.parametrize("used", OTHERS)
def test_between_hypergradients_the_weights_are_replaced_as_well(used):
    method, learned = (make(weights_used=w, outer_every=3) for w in (used, "learned"))
    for (found, _), (expected, _) in zip(steps(method), steps(learned), strict=True):
        assert not torch.equal(found.weights, expected.weights)
        assert torch.equal(found.weights_before, expected.weights_before)


@pytest.mark.parametrize("used", OTHERS)
def test_nothing_is_drawn_from_torchs_global_generator(used):
    method = make(weights_used=used)
    before = torch.get_rng_state()
    first = steps(method)
    assert torch.equal(torch.get_rng_state(), before)
    again = steps(make(weights_used=used))
    assert all(
        torch.equal(a.weights, b.weights) for (a, _), (b, _) in zip(first, again, strict=True)
    )


@pytest.mark.parametrize("used", OTHERS)
def test_seeds_that_train_together_draw_what_each_would_draw_alone(used):
    net, draw = WeightNet(1, torch.Generator()), torch.Generator().manual_seed(0)
    learned = torch.rand(3, 8, 2, generator=draw)
    labels = torch.randint(0, 3, (3, 8), generator=draw)

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (5, 6, 7)]

    together = Substitute(used, net, generators()).raw(learned, labels)
    for number, generator in enumerate(generators()):
        alone = Substitute(used, net, [generator]).raw(learned[number], labels[number])
        torch.testing.assert_close(together[number], alone)
