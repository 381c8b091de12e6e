"""The rivals' losses against their formulas, written out once more in float64 with numpy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from bikd_core.config import METHOD_CONFIGS
from bikd_core.methods import METHODS, Batch, Setting

COUNTS = np.array([40, 20, 9, 5, 2, 1])
TAU = 3.0
B, C = 8, len(COUNTS)
RNG = np.random.default_rng(0)
Z, T = 2 * RNG.normal(size=(B, C)), 3 * RNG.normal(size=(B, C))
Y = RNG.integers(0, C, B)
ROWS = np.arange(B)
LOG_PRIOR = np.log(COUNTS / COUNTS.sum())


def method(name, counts=COUNTS, **options):
    own = METHOD_CONFIGS[name]
    if "temperature" in own.model_fields:
        options["temperature"] = TAU
    return METHODS[name](
        Setting(
            options=own(**options),
            student=torch.nn.Linear(2, C).double(),
            next_val_batch=lambda: None,
            class_counts=tuple(int(count) for count in counts),
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
            num_epochs=10,
        )
    )


def losses(name, epochs_done=0, **config):
    made = method(name, **config)
    for _ in range(epochs_done):
        made.end_epoch(1.0)
    batch = Batch(torch.zeros(B, 2), torch.tensor(Y), torch.tensor(T))
    pair = made.losses(torch.tensor(Z), batch)
    return (made.coefficients(pair[:, 0], batch) * pair).sum(dim=1).numpy()


def cross_entropy(logits):
    return -log_softmax(logits, axis=1)[ROWS, Y]


def divergence(q, log_p):
    return (q * (np.log(q) - log_p)).sum(axis=1)


def soft(target, logits=Z):
    return TAU**2 * divergence(target, log_softmax(logits / TAU, axis=1))


def test_ce_kd_is_the_plain_sum():
    assert losses("ce_kd") == pytest.approx(cross_entropy(Z) + soft(softmax(T / TAU, axis=1)))


def test_balanced_softmax_adds_the_log_of_the_counts():
    assert losses("balanced_softmax") == pytest.approx(cross_entropy(Z + np.log(COUNTS)))


def test_logit_adjustment_trains_plainly_and_predicts_without_the_prior():
    assert losses("logit_adjustment") == pytest.approx(cross_entropy(Z))
    predicted = method("logit_adjustment").predict(torch.tensor(Z)).numpy()
    assert predicted == pytest.approx(Z - LOG_PRIOR)
    assert (method("ce").predict(torch.tensor(Z)).numpy() == Z).all()


@pytest.mark.parametrize("alpha", [0.5, 0.2])
def test_prior_kd_shifts_both_losses(alpha):
    shifted = Z + LOG_PRIOR
    expected = alpha * cross_entropy(shifted) + (1 - alpha) * soft(
        softmax(T / TAU, axis=1), shifted
    )
    assert losses("prior_kd", kd_alpha=alpha) == pytest.approx(expected)


def test_bkd_re_weights_the_teacher_by_the_effective_number():
    omega = (1 - 0.9999) / (1 - 0.9999**COUNTS)
    omega *= C / omega.sum()
    target = softmax(T / TAU, axis=1) * omega
    target /= target.sum(axis=1, keepdims=True)
    assert losses("bkd") == pytest.approx(cross_entropy(Z) + soft(target))


def test_dive_flattens_the_teacher_beside_balanced_softmax():
    target = softmax(T / TAU, axis=1) ** 0.5
    target /= target.sum(axis=1, keepdims=True)
    expected = 0.3 * cross_entropy(Z + np.log(COUNTS)) + 0.7 * soft(target)
    assert losses("dive", kd_alpha=0.3) == pytest.approx(expected)


def test_wsl_weights_the_soft_loss_by_how_far_the_student_is_behind():
    behind = 1 - np.exp(-cross_entropy(Z) / (cross_entropy(T) + 1e-7))
    soft_ce = -(softmax(T / TAU, axis=1) * log_softmax(Z / TAU, axis=1)).sum(axis=1)
    expected = cross_entropy(Z) + 2.5 * TAU**2 * behind * soft_ce
    assert losses("wsl") == pytest.approx(expected)


@pytest.mark.parametrize(("epochs_done", "share"), [(0, 0.05), (9, 0.5), (40, 1.0)])
def test_dkd_takes_target_and_others_apart_and_warms_up(epochs_done, share):
    p, q = softmax(Z / TAU, axis=1), softmax(T / TAU, axis=1)
    others = np.arange(C) != Y[:, None]
    binary = [np.stack([x[ROWS, Y], 1 - x[ROWS, Y]], axis=1) for x in (q, p)]
    p_hat, q_hat = (x[others].reshape(B, C - 1) / (1 - x[ROWS, Y])[:, None] for x in (p, q))
    parts = divergence(binary[0], np.log(binary[1])) + 8 * divergence(q_hat, np.log(p_hat))
    expected = cross_entropy(Z) + share * TAU**2 * parts
    assert losses("dkd", epochs_done) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "shift"), [("ltkd", 0.0), ("balanced_ltkd", LOG_PRIOR)])
def test_ltkd_evens_the_groups_out_over_the_batch(name, shift):
    groups = [[0, 1], [2, 3], [4, 5]]
    p, q = softmax(Z / TAU, axis=1), softmax(T / TAU, axis=1)
    p_groups, q_groups = (np.stack([x[:, g].sum(axis=1) for g in groups], axis=1) for x in (p, q))
    even = q_groups / q_groups.sum(axis=0)
    even /= even.sum(axis=1, keepdims=True)
    expected = cross_entropy(Z + shift) + TAU**2 * divergence(even, np.log(p_groups))
    for group, p_group, q_group in zip(groups, p_groups.T, q_groups.T, strict=True):
        inside_p, inside_q = p[:, group] / p_group[:, None], q[:, group] / q_group[:, None]
        expected += TAU**2 * divergence(inside_q, np.log(inside_p))
    assert losses(name) == pytest.approx(expected)


def test_a_class_without_images_has_no_prior():
    with pytest.raises(ValueError, match="each class needs an image"):
        method("balanced_softmax", counts=np.array([3, 2, 1, 1, 1, 0]))


def test_the_epoch_that_a_method_counts_is_kept_for_a_resume():
    before, after = method("dkd"), method("dkd")
    for _ in range(3):
        before.end_epoch(1.0)
    after.load_state(before.state())
    assert after.epoch == 3


# Bilevel methods and their variants -------------------------------------------------------------


def images(size, seed):
    draw = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randn(size, 2, generator=draw, dtype=torch.float64),
        torch.randint(0, C, (size,), generator=draw),
        2 * torch.randn(size, C, generator=draw, dtype=torch.float64),
    )


def bilevel(name, **config):
    torch.manual_seed(0)
    made = method(name, **config)
    made.weight_net.double()
    made.next_val_batch = lambda: images(7, seed=2)
    return made


@pytest.mark.parametrize("form", ["free", "scale", "convex"])
@pytest.mark.parametrize("prior", ["none", "hard", "both"])
def test_every_variant_of_bikd_descends_the_losses_that_it_says(form, prior):
    made = bilevel("bikd", weight_form=form, prior=prior, estimator="forward")
    batch = images(9, seed=1)
    result = made.step(batch, 0.1)
    z, t, y = (
        part.detach().numpy() for part in (result.logits, batch.teacher_logits, batch.labels)
    )
    rows = np.arange(9)
    hard = -log_softmax(z + (prior != "none") * LOG_PRIOR, axis=1)[rows, y]
    log_p = log_softmax((z + (prior == "both") * LOG_PRIOR) / TAU, axis=1)
    soft_losses = TAU**2 * divergence(softmax(t / TAU, axis=1), log_p)
    weights = result.weights.numpy()
    assert result.losses.numpy() == pytest.approx(
        weights[:, 0] * hard + weights[:, 1] * soft_losses
    )
    if form == "scale":
        assert (weights[:, 0] == weights[:, 1]).all()
    elif form == "convex":
        assert weights.sum(axis=1) == pytest.approx(1)
    seen = np.stack([hard, -log_softmax(t, axis=1)[rows, y]], axis=1)
    again = made.weight_net(torch.tensor(seen)).detach().numpy()
    assert again == pytest.approx(weights)


@pytest.mark.parametrize("name", ["bikd", "meta_weight_net"])
@pytest.mark.parametrize("form", ["free", "convex"])
def test_the_weight_net_moves_as_the_double_backward_says(name, form):
    config = {"weight_form": form, "prior": "both"} if name == "bikd" else {}
    moved = []
    for estimator in ("forward", "unrolled"):
        made = bilevel(name, estimator=estimator, **config)
        made.step(images(9, seed=1), 0.1)
        moved.append(torch.cat([p.detach().flatten() for p in made.weight_net.parameters()]))
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-9, atol=1e-12)


def test_meta_weight_net_needs_no_teacher_and_weighs_the_hard_loss_alone():
    made = bilevel("meta_weight_net")
    batch = images(9, seed=1)._replace(teacher_logits=None)
    result = made.step(batch, 0.1)
    hard = -log_softmax(result.logits.numpy(), axis=1)[np.arange(9), batch.labels.numpy()]
    assert result.losses.numpy() == pytest.approx(result.weights[:, 0].numpy() * hard)
    assert result.weight_step
