"""The benchmark of the choice: its rows, from files that are written by hand."""

import json

import pytest

from bikd_core.answer.ledger import MEASURES, Ledger, Result, Run
from bikd_core.config import ConfigError
from bikd_core.recommend.bench import CHOSEN, CONDITIONS, PEEKING, base_of, measure, rows
from bikd_core.recommend.record import controls_of


def write(folder, split, *candidates, condition="digits"):
    listed = [
        {"recipe": recipe, "entry": recipe, "val_accuracy": 0, "val_loss": 0, "test_accuracy": test}
        for recipe, test in candidates
    ]
    content = {"condition": condition, "split": split, "trials": 8, "candidates": listed}
    (folder / f"recommend-{condition[:6]}-{split}.json").write_text(json.dumps(content))


def test_the_choice_is_the_first_and_beside_it_stands_what_a_fixed_one_would_give(tmp_path):
    write(tmp_path, 2000, ("kd", 0.80), ("ltkd", 0.805))
    write(tmp_path, 2001, ("ltkd", 0.70), ("kd", 0.74))
    choice, *fixed = rows(tmp_path)
    assert choice["recipe"] == "chosen by D_val"
    assert choice["within_1_point_of_the_best"] == 1
    assert choice["mean_loss_to_the_best"] == pytest.approx(2.25)
    assert choice["largest_loss"] == pytest.approx(4.0)
    by_name = {row["recipe"]: row for row in fixed}
    assert by_name["kd"]["within_1_point_of_the_best"] == 2
    assert by_name["ltkd"]["within_1_point_of_the_best"] == 1
    assert [row["recipe"] for row in fixed] == ["kd", "ltkd"]  # the least loss first


def test_conditions_are_told_apart_and_absent_ones_left_out(tmp_path):
    wrong = [*CONDITIONS][1]
    write(tmp_path, 2000, ("kd", 0.8), condition="digits")
    (first, _) = rows(tmp_path)
    assert first["condition"] == "digits"
    write(tmp_path, 2003, ("kd", 0.5), ("ltkd", None), condition=wrong)
    assert [row["condition"] for row in rows(tmp_path)] == ["digits"] * 2 + [wrong] * 2


def test_a_choice_that_peeks_is_judged_by_other_seeds(tmp_path):
    write(tmp_path, 2000, ("kd", 0.8), ("ltkd", 0.7))
    ledger = Ledger(
        tmp_path / "recommend-digits-2000-runs.jsonl", controls_of(base_of("digits", 2000))
    )
    # With the first seed LTKD looks best; with the two others it is five points behind.
    for recipe, values in {"kd": (0.70, 0.80, 0.80), "ltkd": (0.71, 0.75, 0.75)}.items():
        for seed, value in enumerate(values):
            own = dict.fromkeys(MEASURES, value)
            ledger.add([(Run(recipe, seed), Result(own, own, 0.1))])
    rows_of = {row["recipe"]: row for row in rows(tmp_path)}
    assert rows_of[PEEKING]["mean_loss_to_the_best"] == pytest.approx(5.0)
    assert rows_of[CHOSEN]["mean_loss_to_the_best"] == 0


def test_an_unknown_condition_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="condition = 'pets' is not possible"):
        measure(tmp_path, 1, 2, None, 1, print, "pets")
