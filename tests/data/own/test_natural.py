"""A natural split keeps the counts that classes have, and cuts D_val and test by class."""

from itertools import chain

import pytest

from bikd_core.config import (
    ConfigError,
    DataConfig,
    RunConfig,
    SourceFacts,
    check_read,
    remember_facts,
)
from bikd_core.data.counts import planned_counts, planned_starts, planned_test_counts
from bikd_core.data.image_set import load_source
from bikd_core.data.long_tail import load_split
from bikd_core.data.own.opening import open_pictures
from bikd_core.data.possible import check_possible
from bikd_core.data.small_classes import small_class_warning
from bikd_core.data.val_plan import planned_val_counts
from tests.data.own.own_pictures import make_folder


def facts(pool, test=(), val=(), **changes):
    return SourceFacts(
        **{
            "title": "pets",
            "class_names": tuple(f"c{label}" for label in range(len(pool))),
            "channels": 3,
            "size": 32,
            "pool_per_class": min(pool),
            "pool_counts": pool,
            "has_test": bool(test),
            "test_counts": test,
            "val_counts": val,
            "default_test_per_class": min(test) if test else max(1, min(pool) // 3),
            "download_mb": 0,
            "citation": "own",
            "terms": "own",
            "defaults": {"imbalance": "natural"},
        }
        | changes
    )


@pytest.fixture
def config(monkeypatch):
    monkeypatch.setattr("bikd_core.config.own_data._OWN_FACTS", {})

    def make(pool, test=(), val=(), **controls):
        remember_facts("own_pets_0123456789ab", facts(pool, test, val))
        return DataConfig(dataset="own_pets_0123456789ab", imbalance="natural", **controls)

    return make


def test_small_classes_give_a_third_to_each_set_at_most(config):
    data = config((1000, 90, 7, 3), val_per_class=10)
    assert planned_test_counts(data) == (100, 30, 2, 1)
    assert planned_val_counts(data) == (10, 10, 2, 1)
    assert planned_counts(data) == (890, 50, 3, 1)


def test_a_class_of_three_trains_validates_and_tests_on_one(config):
    data = config((3, 3, 3))
    assert planned_counts(data) == planned_val_counts(data) == planned_test_counts(data) == (1,) * 3


def test_what_is_asked_for_is_taken_where_there_is_enough(config):
    data = config((1000, 90, 7), val_per_class=50, test_per_class=200, head_count=300)
    assert planned_test_counts(data) == (200, 30, 2)
    assert planned_val_counts(data) == (50, 30, 2)
    assert planned_counts(data) == (300, 30, 3)


def test_sets_that_come_are_taken_as_they_are_and_leave_the_pool_alone(config):
    data = config((100, 20, 1), test=(50, 8, 2), val=(9, 9, 4), val_per_class=6)
    assert planned_counts(data) == (100, 20, 1)
    assert planned_test_counts(data) == (50, 8, 2)
    assert planned_val_counts(data) == (6, 6, 4)
    assert planned_starts(data) == (0, 0, 0)


def test_a_d_val_with_a_tail_falls_from_the_largest_class(config):
    data = config((40, 400, 90), val_per_class=20, val_imbalance_factor=10)
    assert planned_val_counts(data) == (2, 20, 6)  # 20, 20 / √10 and 20 / 10, by size


def test_a_test_set_that_comes_bounds_what_may_be_asked_for(config):
    data = config((100, 20, 1), test=(50, 8, 2), test_per_class=51)
    with pytest.raises(ConfigError, match=r"test_per_class = 51 .* at most 50, what pets's test"):
        planned_counts(data)


def test_other_profiles_reserve_nothing_of_the_pool_where_a_d_val_comes(config):
    data = config((40, 40, 40), val=(10, 10, 10)).model_copy(
        update={"imbalance": "exponential", "imbalance_factor": 2.0, "test_per_class": 10}
    )
    assert planned_counts(data) == (30, 21, 15)
    with pytest.raises(ConfigError, match=r"val_per_class = 11 .* at most 10, what pets's D_val"):
        planned_counts(data.model_copy(update={"val_per_class": 11}))


def test_the_factor_is_not_read_and_refused_where_it_is_given(config):
    flat = RunConfig(data=config((30, 20, 10))).flat()
    with pytest.raises(ConfigError, match="only with imbalance = exponential or step"):
        check_read({"imbalance_factor": 5.0}, [flat])
    one, other = (RunConfig(data=config((30, 20, 10), imbalance_factor=f)) for f in (2.0, 9.0))
    assert one == other


def test_halves_of_a_d_val_with_single_pictures_are_refused(config):
    run = RunConfig(data=config((300, 20, 3)), protocol={"hold_out_half": True})
    run = run.changed(teacher_model="resnet20", student="resnet8")
    with pytest.raises(ConfigError, match=r"imbalance = 'natural' .* has 1 image and needs 2"):
        check_possible(run)


def test_the_warning_names_the_class_and_the_number_that_would_do(config):
    assert small_class_warning(config((300, 75, 80))) == ""
    assert small_class_warning(config((300, 80, 3))) == (
        "The class 'c2' has 1 to train on, 1 in D_val and 1 to test: its accuracy is known only to "
        "± 50 points. 75 pictures of it in all would make that ± 10."
    )
    few = small_class_warning(config((300, 30, 3)))
    assert few.endswith(" 1 more class has fewer than 25 to test.")
    few = small_class_warning(config((300, 30, 20, 3)))
    assert few.endswith(" 2 more classes have fewer than 25 to test.")
    assert "25 pictures of it in the test set" in small_class_warning(
        config((9, 9, 9), (50, 50, 4))
    )


def test_digits_keep_their_own_counts():
    data = DataConfig(imbalance="natural")
    split = load_split(data, None)
    pool = load_source("digits", None).pool.labels.bincount().tolist()
    assert [len(x) for x in (split.train, split.val, split.test)] == [
        sum(planned_counts(data)),
        100,
        sum(count // 3 for count in pool),
    ]
    assert split.class_counts == tuple(count - 10 - count // 3 for count in pool)


def test_the_three_sets_share_no_picture_and_follow_the_split_seed(tmp_path):
    name = open_pictures(make_folder(tmp_path / "a", {"x": 30, "y": 9, "z": 3}), tmp_path)
    splits = [
        load_split(RunConfig(data={"dataset": name, "split_seed": seed}).data, tmp_path)
        for seed in (0, 0, 1)
    ]
    for split in splits:
        taken = [s.original_indices.tolist() for s in (split.train, split.val, split.test)]
        assert sorted(chain(*taken)) == list(range(42))  # all of them, each once
        assert split.test.labels.bincount().tolist() == [10, 3, 1]
    assert splits[0].fingerprint == splits[1].fingerprint != splits[2].fingerprint
