"""Which runs train together follows from their configs and their order alone."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.config.together import FREE, MOST_TOGETHER, batches_of, check_together, why_alone


def configs(seeds, **controls):
    return [RunConfig.from_flat({**controls, "seed": s, "split_seed": s}) for s in seeds]


def sizes(groups):
    return [len(group) for group in groups]


def test_seeds_of_a_config_share_groups_of_at_most_the_tables_size():
    most = MOST_TOGETHER["digits_cnn_s"]
    assert sizes(batches_of(configs(range(most + 2)))) == [most, 2]


def test_a_group_may_be_smaller_than_the_table_says_and_never_larger():
    assert sizes(batches_of(configs(range(6)), most=4)) == [4, 2]
    most = MOST_TOGETHER["digits_cnn_s"]
    assert sizes(batches_of(configs(range(most + 1)), most=99)) == [most, 1]


def test_methods_do_not_mix_and_keep_their_order():
    mixed = [c for s in range(3) for c in (*configs([s], method="kd"), *configs([s]))]
    groups = batches_of(mixed)
    assert [[c.method.method for c in group] for group in groups] == [["kd"] * 3, ["bikd"] * 3]
    assert [c.training.seed for c in groups[0]] == [0, 1, 2]


@pytest.mark.parametrize("control", FREE)
def test_numbers_may_differ_within_a_group(control):
    value = {"seed": 5, "split_seed": 5}.get(control, 0.25 if control == "kd_alpha" else 0.3)
    value = 2.0 if control == "temperature" else value
    base = RunConfig.from_flat({"method": "kd"})
    assert sizes(batches_of([base, base.changed(**{control: value})])) == [2]


@pytest.mark.parametrize(
    ("controls", "why"),
    [
        ({"dataset": "cifar10", "student": "resnet8", "teacher_model": "resnet20"}, "student"),
        ({"estimator": "unrolled"}, "unrolled"),
        ({"estimator": "unrolled", "unroll": 3}, "unrolled"),
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"teacher_views": 2, "augmentation": "crop"}, "teacher_views"),
        ({"method": "ltkd", "label_noise": 0.2}, "groups"),
        ({"method": "ltkd", "val_label_noise": 0.2, "train_on_val": "mixed"}, "groups"),
        ({"val_from": "train", "label_noise": 0.2}, "size of D_val"),
        ({"val_label_noise": 0.2, "hold_out_half": True}, "halves"),
        ({"over": "balanced_ltkd", "weight_scale": "relative", "shuffle_classes": True}, "groups"),
    ],
)
def test_what_cannot_or_need_not_train_together_is_alone(controls, why):
    runs = configs(range(3), **controls)
    assert why in why_alone(runs[0])
    assert sizes(batches_of(runs)) == [1, 1, 1]
    check_together(runs[:1])
    with pytest.raises(ValueError, match="cannot train together"):
        check_together(runs)


@pytest.mark.parametrize(
    "controls",
    [
        {"weights_used": "random"},
        {"val_label_noise": 1.0, "val_corruption": "noise"},
        {"val_from": "train", "val_imbalance_factor": 5.0, "shuffle_classes": True},
    ],
)
def test_other_weights_and_another_d_val_do_not_part_the_seeds(controls):
    assert sizes(batches_of(configs(range(3), **controls))) == [3]


def test_different_methods_are_refused():
    with pytest.raises(ValueError, match="may differ only in"):
        check_together([*configs([0]), *configs([1], method="kd")])
