"""What one method gains over another, picture by picture, and how its weights lie."""

import numpy as np
import pytest

from bikd_core.answer import pictures
from bikd_core.answer.pictures import Judged, by_answer, by_group, by_margin
from bikd_core.config import ConfigError, RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.store import create_run
from bikd_core.studies.entries import read_entry
from bikd_core.studies.splits import split_controls
from bikd_core.worker.process import load_training
from bikd_core.worker.recording import record

OWN, RIVAL = "bikd:over=kd,weight_scale=relative,meta_loss=hard", "kd"


def _judged(*rows):
    """Return one split from rows of own, rival, margin, group; own and rival: 1 right, 2 next."""
    own, rival, margins, groups = (np.array(column) for column in zip(*rows, strict=True))
    return Judged(own == 1, rival == 1, own == 2, rival == 2, margins, groups)


SPLIT = _judged((1, 2, -0.2, 2), (0, 1, 0.7, 0), (1, 1, 1.0, 0), (1, 2, 0.0, 2))
OTHER = _judged((1, 0, -0.2, 2), (1, 1, 0.7, 0), (1, 1, 1.0, 1), (1, 1, -1.0, 1))


def test_what_moved_lies_in_the_bin_of_its_margin():
    rows = {row["low"]: row for row in by_margin([SPLIT, OTHER])}
    assert [row["pictures"] for row in rows.values()] == [0.125, 0.25, 0.125, 0.5]
    assert [row["gained"] for row in rows.values()] == [0, 0.25, 0.125, 0]
    assert [row["lost"] for row in rows.values()] == [0, 0, 0, 0.125]
    assert rows[0.5]["net"]["mean"] == -0.125
    assert rows[-0.5]["net"]["low"] == rows[-0.5]["net"]["high"] == 0.25  # the same in both splits


def test_groups_are_many_medium_and_few():
    rows = {row["group"]: row for row in by_group([SPLIT, OTHER])}
    assert {name: row["net"]["mean"] for name, row in rows.items()} == {
        "many": -0.125,
        "medium": 0.0,
        "few": 0.375,
    }


def test_answers_are_right_the_next_class_or_another():
    rows = {row["answer"]: row for row in by_answer([SPLIT, OTHER])}
    assert {name: (row["own"], row["rival"]) for name, row in rows.items()} == {
        "right": (0.875, 0.625),
        "next class": (0.0, 0.25),
        "another": (0.125, 0.125),
    }
    assert rows["next class"]["difference"]["mean"] == -0.25


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return a base, places, and the accuracies of two short runs of each of two methods."""
    places = Places.at(tmp_path_factory.mktemp("home"))
    base = RunConfig.from_flat({"student": "digits_mlp", "epochs": 3, "train_on_val": "no"})
    found = {}
    for entry in (OWN, RIVAL):
        for seed in (5, 6):
            found[entry, seed] = _train(entry, seed, base, places)
    return base, places, found


def _train(entry, seed, base, places):
    """Train and store a run, and return its last accuracy."""
    config = read_entry(entry, base.flat()).config(base, seed, **split_controls("follow", seed))
    folder = create_run(places.runs, config)
    record(folder, places, Control(), load_training(), num_threads=1)
    return [event for event in folder.events() if isinstance(event, EpochDone)][-1].accuracy


@pytest.mark.slow
def test_all_that_moved_is_the_difference_of_the_accuracies(stored):
    """The test set of the digits is balanced, so both are the same share of it."""
    base, places, accuracies = stored
    found = pictures.result(base, OWN, RIVAL, (5, 6), places.runs, places)
    lead = np.mean([accuracies[OWN, seed] - accuracies[RIVAL, seed] for seed in (5, 6)])
    assert "by_answer" not in found  # no label is wrong
    for kind in ("by_margin", "by_group"):
        assert sum(row["net"]["mean"] for row in found[kind]) == pytest.approx(lead)
        assert sum(row["pictures"] for row in found[kind]) == pytest.approx(1)
    for name, value in found["weights"].items():
        assert (0 if name.startswith("between") else -1) <= value["mean"] <= 1


@pytest.mark.slow
def test_with_wrong_labels_it_says_what_is_answered_instead_and_what_the_weights_know(tmp_path):
    places = Places.at(tmp_path)
    noise = {"label_noise": 0.3, "label_noise_kind": "pairs"}
    base = RunConfig.from_flat({"student": "digits_mlp", "epochs": 1, "train_on_val": "no"} | noise)
    for entry in (OWN, RIVAL):
        _train(entry, 5, base, places)
    found = pictures.result(base, OWN, RIVAL, (5,), places.runs, places)
    answers = {row["answer"]: row for row in found["by_answer"]}
    for side in ("own", "rival"):
        assert sum(row[side] for row in answers.values()) == pytest.approx(1)
    lead = sum(row["net"]["mean"] for row in found["by_group"])
    assert answers["right"]["difference"]["mean"] == pytest.approx(lead)
    assert {name for name in found["weights"] if name.startswith("right_above_wrong")} == {
        f"right_above_wrong_{name}" for name in ("hard", "soft", "student", "teacher")
    }


@pytest.mark.slow
def test_a_run_that_is_missing_is_named(stored):
    base, places, _ = stored
    with pytest.raises(ConfigError, match="kd with seed 7 is missing"):
        pictures.result(base, RIVAL, RIVAL, (5, 7), places.runs, places)


@pytest.mark.slow
def test_a_method_against_itself_moves_nothing(stored):
    base, places, _ = stored
    found = pictures.result(base, RIVAL, RIVAL, (5, 6), places.runs, places)
    assert {row["gained"] + row["lost"] for row in found["by_margin"]} == {0}
    assert found["weights"] == {}


def test_a_rival_without_a_teacher_has_no_margins(tmp_path):
    base, places = RunConfig(), Places.at(tmp_path)
    with pytest.raises(ConfigError, match="rival = 'ce' is not possible: it must have a teacher"):
        pictures.result(base, OWN, "ce", (5,), places.runs, places)
