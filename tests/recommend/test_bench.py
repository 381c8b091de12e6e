"""The benchmark of the choice: its rows, from files that are written by hand."""

import json

import pytest

from bikd_core.recommend.bench import CONDITIONS, rows


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
