"""Trainings at the ends of what is possible: each ends well, or names what to change."""

import math

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.training.record import NonFiniteLoss, guessing_warning
from bikd_core.training.start import train

SMALL = {"student": "digits_mlp", "epochs": 2}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return Places.at(tmp_path_factory.mktemp("home"))


def epochs(places, **controls):
    config = RunConfig.from_flat(SMALL | controls)
    return [event for event in train(config, places=places) if isinstance(event, EpochDone)]


def test_a_learning_rate_beyond_its_range_is_refused_with_the_range():
    with pytest.raises(ConfigError, match=r"learning_rate = 1000000.0 .* at most 10"):
        RunConfig.from_flat({"learning_rate": 1e6})


def test_a_student_that_only_guesses_is_told_what_to_change(places):
    first, *later = epochs(places, method="kd", learning_rate=10, epochs=5)
    assert not first.warnings
    assert later[-1].accuracy < 0.2
    assert "no better than guessing" in later[-1].warnings[0]
    assert "learning_rate" in later[-1].warnings[0]


@pytest.mark.parametrize(
    ("epoch", "hard_loss", "accuracy", "is_warned"),
    [(2, 2.4, 0.1, True), (1, 9.0, 0.1, False), (2, 2.2, 0.1, False), (2, 9.0, 0.6, False)],
)
def test_who_learns_or_has_wrong_labels_is_not_warned(epoch, hard_loss, accuracy, is_warned):
    assert bool(list(guessing_warning(epoch, hard_loss, accuracy, 10))) == is_warned


@pytest.mark.slow
def test_finite_losses_with_an_infinite_mean_fail_with_advice(places):
    with pytest.raises(NonFiniteLoss, match="lower learning_rate"):
        epochs(places, temperature=100, learning_rate=10, epochs=12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "controls",
    [
        {"batch_size": 2, "epochs": 1},
        {"val_per_class": 1},
        {"imbalance_factor": 106},  # the last class has one image
        {"imbalance_factor": 106, "val_per_class": 1, "batch_size": 2, "epochs": 1},
        {"head_count": 1, "imbalance_factor": 1},  # each class has one
        {"temperature": 0.1},
        {"weight_net_learning_rate": 1.0},
        {"over": "prior_kd", "weight_scale": "relative", "weight_net_learning_rate": 1.0},
        {"method": "ltkd", "imbalance_factor": 106},
        {"over": "dkd", "weight_scale": "relative", "class_shifts": "each"},
    ],
    ids=str,
)
def test_small_sets_and_large_rates_train_to_the_end(controls, places):
    done = epochs(places, **controls)
    assert len(done) == (SMALL | controls)["epochs"]
    assert all(math.isfinite(event.test_loss) for event in done)
