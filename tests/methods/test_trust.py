"""Trust in labels: coefficients by the out-of-fold teacher, against plain numpy."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from bikd_core.config import METHOD_CONFIGS, METHOD_FACTS
from bikd_core.methods import METHODS, Batch, Setting
from bikd_core.methods.trust import trust_in_labels
from tests.methods.test_bikd_over import B_VAL, LR, SHARES, B, batch_of, make, relative

WITH_TEACHER = [
    name for name, facts in METHOD_FACTS.items() if facts.needs_teacher and not facts.has_weight_net
]


def judged(batch, seed=9):
    """Give a batch the logits of out-of-fold teachers."""
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch.teacher_logits.shape, generator=draw, dtype=torch.float64)
    return batch._replace(out_of_fold_logits=logits.to(batch.images.dtype))


def trust_by_hand(batch, power):
    """p(y)^power over its mean in the image's class, each image with its share."""
    labels, size = batch.labels.numpy(), len(batch.labels)
    p = softmax(batch.out_of_fold_logits.numpy(), axis=1)[range(size), labels] ** power
    shares = np.ones(size) if batch.shares is None else batch.shares.numpy()
    means = [np.average(p[labels == y], weights=shares[labels == y]) for y in labels]
    return p / means


@pytest.mark.parametrize("shares", [None, SHARES], ids=["one batch", "beside D_val"])
@pytest.mark.parametrize("power", [0.5, 2.0])
def test_trust_is_the_power_of_p_y_with_mean_1_in_each_class(power, shares):
    batch = judged(batch_of(B + B_VAL, 1, shares=shares))
    found = trust_in_labels(batch, power).numpy()
    assert found == pytest.approx(trust_by_hand(batch, power))
    weights = np.ones(B + B_VAL) if shares is None else shares.numpy()
    for label in set(batch.labels.tolist()):
        members = batch.labels.numpy() == label
        assert np.average(found[members], weights=weights[members]) == pytest.approx(1)


def test_a_label_that_the_teacher_finds_impossible_gives_no_nan():
    logits = torch.tensor([[0.0, 90.0], [0.0, 200.0], [0.0, 80.0], [300.0, 0.0]])
    batch = Batch(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]), logits, None, logits)
    found = trust_in_labels(batch, 2.0)
    assert found.tolist() == pytest.approx([2.0, 0.0, 2.0, 0.0], rel=1e-4)
    alone = Batch(torch.zeros(1, 2), torch.tensor([0]), logits[1:2], None, logits[1:2])
    assert trust_in_labels(alone, 2.0).tolist() == [1.0]


@pytest.mark.parametrize("name", WITH_TEACHER)
def test_both_coefficients_of_each_objective_are_multiplied(name):
    plain, trusting = make(name), make(name, teacher_folds=5, trust=1.5)
    batch = judged(batch_of(B, 1))
    hard = torch.linspace(0.1, 2, B, dtype=torch.float64)
    own = plain.coefficients(hard, batch).expand(B, 2).numpy()
    found = trusting.trusted_coefficients(hard, batch).numpy()
    assert found == pytest.approx(own * trust_by_hand(batch, 1.5)[:, None])
    result = trusting.step(batch, LR)
    pair = trusting.losses(result.logits, batch).numpy()
    coefficients = trusting.coefficients(torch.tensor(pair[:, 0]), batch).expand(B, 2).numpy()
    expected = (coefficients * trust_by_hand(batch, 1.5)[:, None] * pair).sum(axis=1)
    assert result.losses.numpy() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["kd", "wsl"])
def test_without_trust_not_a_bit_changes(name):
    batch = batch_of(B, 1, torch.float32)
    plain = make(name, torch.float32).step(batch, LR)
    folded = make(name, torch.float32, teacher_folds=5).step(judged(batch), LR)
    assert torch.equal(plain.losses, folded.losses)


def test_the_soft_loss_goes_by_the_teacher_and_trust_by_the_out_of_fold_one():
    batch = judged(batch_of(B, 1))
    trusting = make("kd", teacher_folds=5, trust=1.0, out_of_fold="inputs", kd_alpha=0.0)
    result = trusting.step(batch, LR)
    soft = make("kd", kd_alpha=0.0).step(batch_of(B, 1), LR).losses.numpy()
    assert result.losses.numpy() == pytest.approx(soft * trust_by_hand(batch, 1.0))


@pytest.mark.parametrize("over", ["prior_kd", "wsl"])
def test_bikd_over_an_objective_begins_as_that_objective_with_trust(over):
    options = {"teacher_folds": 5, "trust": 1.0}
    own = make(over, torch.float32, **options)
    ours = relative(over, dtype=torch.float32, inner_steps=100, **options)
    for seed in range(2):
        batch = judged(batch_of(B, seed, torch.float32))
        expected, found = own.step(batch, LR), ours.step(batch, LR)
        assert torch.equal(found.losses, expected.losses)
        assert torch.equal(found.weights, torch.ones_like(found.weights))


@pytest.mark.parametrize("estimator", ["forward", "unrolled"])
def test_learned_weights_multiply_on_top_of_trust_and_see_the_out_of_fold_teacher(estimator):
    method = relative("kd", teacher_folds=5, trust=1.0, estimator=estimator, kd_alpha=0.3)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in method.weight_net.layers[-2].parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    batch, net = judged(batch_of(B, 1)), method.weight_net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    result = method.step(batch, LR, under_lens=True)
    assert result.weight_step
    trust = trust_by_hand(batch, 1.0)
    assert result.coefficients.numpy() == pytest.approx(np.array([[0.3, 0.7]]) * trust[:, None])

    net.load_state_dict(before)
    hard = torch.nn.functional.cross_entropy
    seen = [hard(z, batch.labels, reduction="none") for z in (result.logits, batch[4])]
    raw = net(torch.stack(seen, dim=1)).detach().numpy()
    expected = raw / ((trust[:, None] * raw).sum(axis=0) / trust.sum())
    assert result.weights_before.numpy() == pytest.approx(expected)


def test_an_objective_without_a_teacher_has_no_trust():
    options = METHOD_CONFIGS["bikd"](over="ce", trust=1.0)
    method = METHODS["bikd"](
        Setting(
            options=options,
            student=torch.nn.Linear(5, 4).double(),
            next_val_batch=lambda: batch_of(7, 2),
            class_counts=(4, 3, 2, 1),
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
            num_epochs=3,
        )
    )
    assert method.objective.trusted_coefficients(torch.ones(3), batch_of(3, 1)).tolist() == [1.0]
