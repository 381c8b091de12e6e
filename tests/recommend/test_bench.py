"""The benchmark of the choice: its rows, from files that are written by hand."""

import json

import pytest

from bikd_core.config import ConfigError
from bikd_core.data.counts import long_tail_counts
from bikd_core.data.long_tail import load_split
from bikd_core.places import ROOT
from bikd_core.recommend.bench import CHOSEN, CONDITIONS, PEEKING, PNGS, base_of, measure, rows
from tests.data.own.real_pictures import cifar_folder

PUBLISHED = ROOT / "benchmarks"


def write(folder, split, *candidates, condition="digits"):
    listed = [{"recipe": recipe, "test_accuracies": by_seed} for recipe, *by_seed in candidates]
    content = {"condition": condition, "split": split, "trials": 8, "candidates": listed}
    (folder / f"recommend-{condition[:6]}-{split}.json").write_text(json.dumps(content))


def test_the_choice_is_the_first_and_beside_it_stands_what_a_fixed_one_would_give(tmp_path):
    write(tmp_path, 2000, ("kd", 0.80, 0.80), ("ltkd", 0.805, 0.805))
    write(tmp_path, 2001, ("ltkd", 0.70, 0.70), ("kd", 0.74, 0.74))
    choice, _, *fixed = rows(tmp_path)
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
    write(tmp_path, 2000, ("kd", 0.8, 0.8), condition="digits")
    assert [row["condition"] for row in rows(tmp_path)] == ["digits"] * 3
    write(tmp_path, 2003, ("kd", 0.5, 0.5), ("ltkd",), condition=wrong)
    assert [row["condition"] for row in rows(tmp_path)] == ["digits"] * 3 + [wrong] * 3


def test_a_choice_that_peeks_is_judged_by_other_seeds(tmp_path):
    # With the first seed LTKD looks best; with the two others it is five points behind.
    write(tmp_path, 2000, ("kd", 0.70, 0.80, 0.80), ("ltkd", 0.71, 0.75, 0.75))
    rows_of = {row["recipe"]: row for row in rows(tmp_path)}
    assert rows_of[PEEKING]["mean_loss_to_the_best"] == pytest.approx(5.0)
    assert rows_of[CHOSEN]["mean_loss_to_the_best"] == 0


def test_the_published_table_is_that_of_the_files():
    found = {(row["condition"], row["recipe"]): row for row in rows(PUBLISHED / "recommend")}
    text = (PUBLISHED / "README.md").read_text("utf-8")
    section = text.split("## Is the recommended recipe the best?")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"][2:]
    assert {condition for condition, *_ in cells} == {condition for condition, _ in found}
    for condition, recipe, *numbers in cells:
        row = found[condition, recipe.removeprefix("always ")]
        assert numbers == [
            f"{row['within_1_point_of_the_best']} of {row['splits']}",
            f"{row['mean_loss_to_the_best']:.1f}",
            f"{row['largest_loss']:.1f}",
            row["balanced"],
        ]


def test_an_unknown_condition_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="condition = 'pets' is not possible"):
        measure(tmp_path, 1, 2, None, 1, print, "pets")


@pytest.mark.slow
def test_the_folder_of_pngs_is_long_tailed_and_each_split_has_its_own(tmp_path):
    data = cifar_folder()
    own = tmp_path / "data"  # the cache of opened pictures stays out of the shared folder
    own.mkdir()
    (own / "cifar-10-batches-py").symlink_to(data / "cifar-10-batches-py")
    one, other = (base_of(PNGS, split, tmp_path, own).data for split in (2000, 2001))
    assert one.dataset != other.dataset
    split = load_split(one, own)
    assert sorted(split.label_counts) == sorted(long_tail_counts(10, 200, 20))
    assert split.val.labels.bincount().tolist() == [10] * 10
    assert split.test.labels.bincount().tolist() == [100] * 10
    assert base_of(PNGS, 2000, tmp_path, own).data == one  # written and opened once
