"""Class biases against scikit-learn, statsmodels and scipy, and where D_val gives no optimum."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from statsmodels.discrete.conditional_models import ConditionalLogit

from bikd_core.calibration import cross_fitted, fit_class_biases
from bikd_core.evaluation import evaluate
from tests.repeated import first_quick


def made_up(num_images, num_classes, margin=1.0, seed=0):
    """Logits [M, C] of a student that favours the first classes, and labels [M]."""
    labels = np.arange(num_images) % num_classes
    noise = np.random.default_rng(seed).normal(0, 1.5, (num_images, num_classes))
    logits = noise + 2 * margin * np.eye(num_classes)[labels] + np.linspace(2, -2, num_classes)
    return logits.astype(np.float32), labels


def loss_at(fitted, logits, labels):
    log_p = log_softmax(logits.astype(np.float64) / fitted.temperature + fitted.biases, axis=1)
    return -log_p[np.arange(len(labels)), labels].mean()


def test_two_classes_are_scikit_learn_s_regression_on_the_difference_of_the_logits():
    logits, labels = made_up(200, 2)
    fitted = fit_class_biases(logits, labels)
    difference = (logits[:, 1] - logits[:, 0])[:, None].astype(np.float64)
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(difference, labels)
    assert 1 / fitted.temperature == pytest.approx(model.coef_[0, 0], rel=1e-6)
    assert fitted.biases[1] - fitted.biases[0] == pytest.approx(model.intercept_[0], rel=1e-6)


@pytest.mark.parametrize(("num_images", "num_classes"), first_quick([(90, 3), (400, 10)]))
def test_many_classes_are_the_conditional_logit_of_statsmodels(num_images, num_classes):
    logits, labels = made_up(num_images, num_classes)
    fitted = fit_class_biases(logits, labels)
    alternatives = np.tile(np.eye(num_classes)[:, 1:], (num_images, 1))
    features = np.column_stack([logits.astype(np.float64).ravel(), alternatives])
    chosen = np.eye(num_classes)[labels].ravel()
    groups = np.repeat(np.arange(num_images), num_classes)
    found = ConditionalLogit(chosen, features, groups=groups).fit(method="newton", disp=False)
    assert 1 / fitted.temperature == pytest.approx(found.params[0], rel=1e-5)
    assert fitted.biases[1:] - fitted.biases[0] == pytest.approx(found.params[1:], rel=1e-4)


@pytest.mark.parametrize("margin", [0.3, 1.0, 1.5])
def test_no_other_biases_and_temperature_have_a_lower_loss(margin):
    logits, labels = made_up(300, 10, margin)
    fitted = fit_class_biases(logits, labels)
    wide, rows = logits.astype(np.float64), np.arange(len(labels))

    def loss(point):
        return -log_softmax(point[0] * wide + point[1:], axis=1)[rows, labels].mean()

    start = np.concatenate([[1.0], np.zeros(10)])
    other = minimize(loss, start, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9})
    assert loss_at(fitted, logits, labels) == pytest.approx(other.fun, rel=1e-7)
    assert 1 / fitted.temperature == pytest.approx(other.x[0], rel=1e-3)
    assert fitted.biases == pytest.approx(other.x[1:] - other.x[1:].mean(), abs=1e-3)


def test_scikit_learn_s_whole_matrix_of_weights_fits_no_worse():
    logits, labels = made_up(400, 10)
    fitted = fit_class_biases(logits, labels)
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=5000).fit(logits, labels)
    log_p = model.predict_log_proba(logits)[np.arange(400), labels]
    plain = evaluate(logits, labels).loss
    assert -log_p.mean() < loss_at(fitted, logits, labels) < plain


def test_at_the_optimum_each_class_is_predicted_as_often_as_it_occurs():
    logits, labels = made_up(400, 10)
    fitted = fit_class_biases(logits, labels)
    p = np.exp(log_softmax(fitted.apply(logits), axis=1))
    assert p.mean(axis=0) == pytest.approx(np.full(10, 0.1), abs=1e-8)
    own = (p * logits).sum(axis=1).mean()
    assert own == pytest.approx(logits[np.arange(400), labels].mean(), abs=1e-7)
    assert fitted.biases.sum() == pytest.approx(0, abs=1e-10)


def test_the_order_of_images_and_a_constant_on_each_image_change_nothing():
    logits, labels = made_up(200, 10)
    first = fit_class_biases(logits, labels)
    order = np.random.default_rng(1).permutation(200)
    offset = np.linspace(-50, 50, 200)[:, None]
    for other in (
        fit_class_biases(logits[order], labels[order]),
        fit_class_biases(logits.astype(np.float64) + offset, labels),
    ):
        assert other.biases == pytest.approx(first.biases, abs=1e-9)
        assert other.temperature == pytest.approx(first.temperature, rel=1e-9)
    again = fit_class_biases(logits, labels)
    assert again.biases.tobytes() == first.biases.tobytes()


def test_predictions_are_the_largest_of_z_over_t_plus_b():
    logits, labels = made_up(400, 10)
    fitted = fit_class_biases(logits, labels)
    predicted = (logits.astype(np.float64) / fitted.temperature + fitted.biases).argmax(axis=1)
    by_class = [(predicted[labels == label] == label).mean() for label in range(10)]
    found = evaluate(fitted.apply(logits), labels)
    assert found.accuracy_per_class == pytest.approx(by_class)
    assert found.accuracy > evaluate(logits, labels).accuracy


# Without an optimum -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_a_student_that_has_fitted_d_val_keeps_temperature_1_and_it_is_said(size):
    labels = np.arange(40) % 4
    logits = size * (10 * np.eye(4)[labels] + np.linspace(6, -6, 4))
    fitted = fit_class_biases(logits, labels)
    assert fitted.temperature == 1.0
    assert "falls for ever" in fitted.caution
    assert np.isfinite(fitted.biases).all()
    assert evaluate(fitted.apply(logits), labels).accuracy == 1.0


def test_logits_that_say_nothing_or_the_contrary_stay_within_the_range_of_temperatures():
    labels = np.arange(40) % 4
    for logits in (np.zeros((40, 4)), -3 * np.eye(4)[labels], np.full((40, 4), 1e4)):
        fitted = fit_class_biases(logits, labels)
        assert fitted.temperature == 20.0
        assert fitted.caution == "The temperature is held at 20, the end of its range."
        assert fitted.biases == pytest.approx(np.zeros(4), abs=1e-8)


# Cross-fitting ----------------------------------------------------------------------------------


def test_each_image_is_judged_by_biases_fitted_to_the_four_other_folds():
    logits, labels = made_up(150, 10)
    order = np.random.default_rng(2).permutation(150)
    logits, labels = logits[order], labels[order]
    calibrated = np.empty((150, 10))
    for fold in range(5):
        own = np.zeros(150, dtype=bool)
        for label in range(10):
            own[np.flatnonzero(labels == label)[fold::5]] = True
        assert np.bincount(labels[own]).tolist() == [3] * 10
        calibrated[own] = fit_class_biases(logits[~own], labels[~own]).apply(logits[own])
    expected, found = evaluate(calibrated, labels), cross_fitted(logits, labels)
    assert (found.loss, found.accuracy) == (expected.loss, expected.accuracy)
    fitted = fit_class_biases(logits, labels)
    assert found.loss > loss_at(fitted, logits, labels)  # which has seen them


def test_few_images_in_a_class_make_fewer_folds_and_one_image_no_score():
    logits, labels = made_up(30, 10)
    assert cross_fitted(logits, labels) is not None
    assert cross_fitted(*made_up(20, 10)) is not None
    assert cross_fitted(*made_up(19, 10)) is None


def test_a_class_without_an_image_is_hardly_ever_predicted_and_leaves_the_others_alone():
    logits, labels = made_up(400, 4)
    kept = labels != 2
    fitted = fit_class_biases(logits[kept], labels[kept])
    without = fit_class_biases(logits[kept][:, [0, 1, 3]], labels[kept] - (labels[kept] == 3))
    assert np.isfinite(fitted.biases).all()
    assert not (fitted.apply(logits[kept]).argmax(axis=1) == 2).any()
    others = fitted.biases[[0, 1, 3]]
    assert others - others.mean() == pytest.approx(without.biases, abs=1e-5)
    assert fitted.temperature == pytest.approx(without.temperature, rel=1e-5)
    assert cross_fitted(logits[kept], labels[kept]) is None
