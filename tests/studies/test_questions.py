"""The questions: grids that can be told apart, and verdicts that follow from the rows."""

import pytest

from bikd_core.studies.executors import Outcome
from bikd_core.studies.questions import NAMES, study_named
from bikd_core.studies.questions.falsification import CONSTANT
from bikd_core.studies.questions.search_budget import METHODS, draws
from bikd_core.studies.study import grid_of
from tests.studies.results_of import filled, outcome

GRIDS = [(name, dataset) for name in NAMES for dataset in study_named(name).designs]


@pytest.mark.parametrize(("name", "dataset"), GRIDS)
def test_cells_have_labels_of_their_own_and_every_verdict_can_be_said(name, dataset):
    study = study_named(name)
    grid = grid_of(study, (), {"dataset": dataset})
    labels = [cell.label for cell in grid.cells]
    assert len(set(labels)) == len(labels) == len(study.cells(dataset))
    assert study.name == name
    results = filled(study, lambda cell, seed: 0.5, dataset=dataset)
    assert results.is_complete
    assert results.verdict().count(".") > 1
    assert results.points()
    nothing = filled(study, lambda cell, seed: None, dataset=dataset)
    assert nothing.verdict().startswith("There is no answer yet.")
    assert not nothing.points()


@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_without_any_difference_says_what_could_have_been_shown(name):
    said = filled(name, lambda cell, seed: 0.5).verdict()
    if name != "search_budget":
        assert "would have shown" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_that_always_fails_is_named_and_leaves_the_rest_a_verdict(name):
    study = study_named(name)
    bad = grid_of(study).cells[-1]
    failed = Outcome.failed("The loss is not finite in epoch 1.", diverged=True)
    said = filled(study, lambda cell, seed: failed if cell == bad else 0.5).verdict()
    assert f"Missing: {bad.label}" in said
    assert "The loss is not finite" in said


def test_learned_weights_that_lead_all_that_is_blind_to_pictures_are_said_to_adapt():
    said = filled("falsification", lambda cell, seed: 0.7 if cell.x == "learned" else 0.5).verdict()
    assert said.startswith("The adaptation to each picture helps")


def test_learned_weights_that_class_means_equal_are_not_said_to_adapt():
    said = filled(
        "falsification", lambda cell, seed: 0.7 if cell.x in ("learned", "class_means") else 0.5
    ).verdict()
    assert said.startswith("That the adaptation to each picture helps is not shown")


def test_d_val_alone_chooses_the_best_constant():
    def value_of(cell, seed):
        if cell.x == CONSTANT:  # the one of the lowest D_val loss is not the best on the test set
            is_chosen = "kd_alpha 0.3" in cell.label
            return outcome(0.5 if is_chosen else 0.9, val_loss=0.1 if is_chosen else 0.2)
        return 0.7

    said = filled("falsification", value_of).verdict()
    assert "BiKD: the best constant weights (+2" in said


def test_constant_weights_are_one_row_of_the_figure_chosen_by_d_val_for_each_seed():
    def value_of(cell, seed):
        if cell.x != CONSTANT:
            return outcome(0.5)
        is_best = f"kd_alpha {'0.3' if seed % 2 else '0.7'}" in cell.label
        return outcome(0.6 + seed / 1000 if is_best else 0.9, val_loss=0.1 if is_best else 0.2)

    results = filled("falsification", value_of)
    rows = [point for point in results.points() if "constant" in point.label]
    assert [row.label for row in rows] == [
        "BiKD: the best constant weights",
        "Relative BiKD: the best constant weights",
    ]
    assert rows[0].values == {seed: 0.6 + seed / 1000 for seed in results.grid.seeds}
    assert len(results.points()) == 16


def test_faults_say_what_the_choice_by_test_accuracy_is_worth():
    results = filled(
        "faults", lambda cell, seed: outcome(0.5 + seed / 1e4, accuracy_by_test=0.53 + seed / 1e4)
    )
    assert "To report the best epoch on the test set is worth +3.0 ± 0.0 for" in results.verdict()
    worth = {(point.series, point.x): point.mean for point in results.points()}
    assert worth["epoch chosen on the test set", "kd"] == pytest.approx(0.03)
    assert worth["unequal recipes", "kd"] == 0
    assert worth["meta loss mix", 100.0] == 0


def test_a_larger_budget_finds_the_best_trial_more_often():
    best = {title: number for number, title in enumerate(METHODS)}

    def value_of(cell, seed):
        quality = 0.5 + cell.x / 1000 + best[cell.series] / 100
        return outcome(quality, val_accuracy=quality)

    results = filled("search_budget", value_of)
    found = [draws(results, budget) for budget in (4, 64)]
    assert found[0].order == found[1].order == [*reversed(METHODS)]
    assert found[0].share < found[1].share
    assert found[0].accuracies["KD"].mean() < found[1].accuracies["KD"].mean()
