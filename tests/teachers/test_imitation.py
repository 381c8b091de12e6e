"""What a soft loss on D_val asks of the student, from the teacher's card."""

import pytest

from bikd_core.config import DataConfig, RunConfig
from bikd_core.places import ASSETS
from bikd_core.teachers.card import TeacherCard, list_teachers
from bikd_core.teachers.imitation import card_for, imitation, imitations

MIX = RunConfig.from_flat({"meta_loss": "mix"})
SHARES = (0.25, 0.25, 0.15, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05)
ACCURACIES = (0.9,) * 3 + (0.6,) * 4 + (0.2,) * 3


def card(data=MIX.data, **changes):
    values = {
        "model": "digits_cnn_l",
        "num_classes": 10,
        "data": data,
        "training": RunConfig().training,
        "seen": "eJwDAAAAAAE=",
        "train_fingerprint": "0" * 16,
        "accuracy_per_class": ACCURACIES,
        "predicted_share_per_class": SHARES,
        "made_by": "a test",
        "versions": {},
    }
    return TeacherCard(**values | changes)


def test_the_head_s_share_of_the_teacher_s_predictions_is_said():
    assert imitation(MIX, card()) == (
        "Meta loss mix asks the student to predict classes 0, 1 and 2 as often as the teacher "
        "does: for 65 % of balanced images, where 30 % would be right."
    )
    assert imitation(MIX.changed(meta_loss="soft"), card()).startswith("Meta loss soft asks")


def test_a_card_of_an_earlier_version_gives_what_it_knows():
    old = card(predicted_share_per_class=None)
    assert imitation(MIX, old) == (
        "Meta loss mix asks the student to agree with the teacher on D_val: it is right on 90 % "
        "of images of classes 0, 1 and 2, and on 20 % of classes 7, 8 and 9 (57 % balanced)."
    )


def test_the_head_is_that_of_the_run_s_own_counts():
    shuffled = MIX.changed(shuffle_classes=True)
    said = imitation(shuffled, card(data=shuffled.data))
    assert "classes 0, 1 and 2" not in said
    assert "30 % would be right" in said


def test_many_classes_are_counted_instead_of_named():
    config = RunConfig.from_flat({"dataset": "cifar100", "meta_loss": "mix"})
    hundred = {"num_classes": 100, "accuracy_per_class": (0.5,) * 100}
    one = card(data=config.data, predicted_share_per_class=(0.01,) * 100, **hundred)
    assert "predict the 33 most frequent classes as often" in imitation(config, one)


@pytest.mark.parametrize(
    "controls",
    [{}, {"method": "kd", "meta_loss": "mix"}, {"over": "ce", "meta_loss": "mix"}],
)
def test_nothing_is_said_where_no_soft_loss_is_read(controls):
    assert imitation(RunConfig.from_flat(controls), card()) == ""


def test_the_card_is_that_of_the_named_teacher_or_of_one_that_fits_the_split():
    cards = {"other": card(data=DataConfig(imbalance_factor=10)), "mine": card()}
    assert card_for(MIX, cards) is cards["mine"]
    assert card_for(MIX.changed(teacher="other"), cards) is cards["other"]
    assert card_for(MIX.changed(teacher="/a/file.pth"), cards) is None
    assert card_for(MIX.changed(imbalance_factor=20), cards) is None
    assert card_for(MIX.changed(teacher_model="digits_mlp"), cards) is None
    assert imitations([MIX, RunConfig(), MIX.changed(seed=1)], cards) == (imitation(MIX, card()),)


def test_a_fold_s_teacher_is_the_card_only_of_a_run_that_asks_it():
    cards = {
        f"fold {number}": card(accuracy_per_class=(accuracy,) * 10, without_fold=(number, 2))
        for number, accuracy in ((1, 0.5), (2, 0.75))
    }
    assert card_for(MIX, cards) is None
    assert card_for(MIX.changed(teacher_folds=3), cards) is None
    folds = MIX.changed(teacher_folds=2)
    assert card_for(folds, cards).accuracy_per_class == pytest.approx((0.625,) * 10)
    assert card_for(folds, cards).predicted_share_per_class == pytest.approx(SHARES)
    assert card_for(folds.changed(out_of_fold="inputs"), cards) is None
    assert card_for(folds.changed(out_of_fold="inputs"), cards | {"all": card()}) == card()


def test_the_project_s_own_teacher_says_its_shares():
    [(_, own)] = list_teachers([ASSETS / "teachers"])
    assert own.predicted_share_per_class is not None
    assert imitation(MIX, own).endswith("for 35 % of balanced images, where 30 % would be right.")
