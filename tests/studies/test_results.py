"""Results: kept in a file, exported, cited."""

import gzip
import io
import json

import pandas as pd
import pytest

from bikd_core.config import ConfigError
from bikd_core.studies.evidence import claims, leads, together
from bikd_core.studies.executors import Outcome
from bikd_core.studies.results import Kept, StudyLedger, path_of, read_results
from bikd_core.studies.study import MAX_RUNS, Cell, Grid, grid_of
from bikd_core.studies.tables import to_csv, to_latex, to_parquet, write
from tests.studies.results_of import MADE_BY, PLAIN, filled, outcome, small_study

STUDY = small_study(PLAIN)


def in_a_file(folder, study=STUDY):
    """Write results with a failed run and one that is missing."""
    grid = grid_of(study)
    path = path_of(folder, study, "digits")
    StudyLedger(path, grid).add(
        [
            (("ce", 0), Kept(outcome(0.61234567, hypergradient_norm=None), MADE_BY)),
            (("ce", 1), Kept(Outcome.failed("It diverged.", diverged=True), MADE_BY)),
            (("kd", 1), Kept(outcome(0.7), MADE_BY)),
        ]
    )
    return path


def test_results_are_read_as_they_were_written_with_the_controls_of_their_file(tmp_path):
    results = read_results(in_a_file(tmp_path), STUDY)
    assert results.grid == grid_of(STUDY)
    ce, kd = results.grid.cells
    assert results.values(ce) == {0: 0.61234567}
    assert results.values(ce, "hypergradient_norm") == {}
    assert results.values(kd, "seconds") == {1: 2.0}
    assert results.missing() == {
        "CE": "1 failed (It diverged.) of 2 seeds",
        "KD": "1 not trained yet of 2 seeds",
    }
    assert "Missing: CE: 1 failed (It diverged.) of 2 seeds." in results.verdict()
    assert [row["state"] for row in results.rows()] == ["finished", "failed", "finished"]


def test_a_packed_file_is_read_too(tmp_path):
    (tmp_path / "plain").mkdir()
    path = in_a_file(tmp_path / "plain")
    (tmp_path / "small-digits.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    packed = path_of(tmp_path, STUDY, "digits")
    assert read_results(packed, STUDY).rows() == read_results(path, STUDY).rows()


def test_results_with_more_measures_than_the_file_names_go_on_in_it(tmp_path):
    path = in_a_file(tmp_path)
    head, *lines = path.read_text().splitlines()
    short = json.loads(head) | {"measures": ["accuracy"]}
    line = json.loads(lines[0]) | {"values": [0.5]}
    path.write_text(f"{json.dumps(short)}\n{json.dumps(line)}\n")
    again = StudyLedger(path, grid_of(STUDY))
    again.add([(("kd", 0), Kept(outcome(0.7), MADE_BY))])
    assert StudyLedger(path, grid_of(STUDY)).results["kd", 0].outcome.measures == {"accuracy": 0.7}


def test_results_of_other_controls_are_not_mixed(tmp_path):
    path = in_a_file(tmp_path)
    with pytest.raises(ConfigError, match="were trained with"):
        StudyLedger(path, grid_of(STUDY, (), {"epochs": 3}))


def test_exports_hold_every_run_and_the_verdict(tmp_path):
    results = filled(STUDY, lambda cell, seed: 0.5)
    table = pd.read_csv(io.BytesIO(to_csv(results)))
    assert len(table) == 4
    assert table["accuracy"].mean() == pytest.approx(0.5, abs=0.05)
    assert pd.read_parquet(io.BytesIO(to_parquet(results)))["cell"].tolist() == [*table["cell"]]
    latex = to_latex(results).decode()
    assert "It depends." in latex
    assert r"CE & 2 &" in latex
    write(results, tmp_path / "new" / "all.json")
    data = json.loads((tmp_path / "new" / "all.json").read_text())
    assert data["figure"]["points"][0]["values"].keys() == {"0", "1"}
    with pytest.raises(ConfigError, match=r"\.csv, \.parquet"):
        write(results, tmp_path / "all.xlsx")


def test_a_citation_names_versions_seeds_and_data():
    said = filled(STUDY, lambda cell, seed: 0.5).cite()
    assert said == (
        f"Bilevel Distillation Lab, study “Small” (small) on digits, 4 runs, seeds 0,1; {MADE_BY}."
    )


def test_a_claim_needs_a_difference_that_seeds_share():
    seeds = tuple(range(8))
    results = filled(STUDY, lambda cell, seed: 0.6 if cell.label == "KD" else 0.5, seeds)
    ce, kd = results.grid.cells
    said = claims(leads(results, [("KD", kd, ce)]), "Better:", "worse:")
    assert said.startswith("Better: KD (+10.")
    none = claims(leads(results, [("CE", ce, ce), ("KD", kd, kd)]), "Better:", "worse:")
    assert (
        none
        == "No difference can be claimed in any of the 2 comparisons: too few seeds have finished."
    )


def test_a_grid_that_is_too_large_or_touches_what_the_study_sets_is_refused():
    many = tuple(range(MAX_RUNS // 2 + 1))
    with pytest.raises(ConfigError, match="at most 100,000"):
        Grid(STUDY, many, {"dataset": "digits"})
    rated = small_study(
        (Cell("KD", "kd:kd_alpha=0.3"), Cell("few", "kd", controls={"head_count": 9}))
    )
    for control in ("kd_alpha", "head_count", "seed"):
        with pytest.raises(ConfigError, match=f"{control} = 1 is not possible with small"):
            grid_of(rated, (), {control: 1})
    assert grid_of(rated, (), {"epochs": 7}).base["epochs"] == 7


def test_an_impossible_cell_is_named_before_anything_starts():
    bad = small_study((*PLAIN, Cell("huge D_val", "kd", controls={"val_per_class": 900})))
    with pytest.raises(ConfigError, match=r"small, huge D_val: .*val_per_class"):
        grid_of(bad).check()


def test_a_rule_that_several_texts_share_is_said_once_at_the_end():
    rule = "A claim is p < 0.05 in the t-test paired by seed."
    assert together([f"x. {rule}", f"y. {rule}"]) == (
        "x. y. Each claim is p < 0.05 in the t-test paired by seed."
    )
    assert together([f"x. {rule}", "No difference found."]) == (
        "x. No difference found. Each claim is p < 0.05 in the t-test paired by seed."
    )
    other = "A claim is p < 0.05 in the t-test paired by seed, of 9."
    assert together([f"x. {rule}", f"y. {other}"]) == f"x. {rule} y. {other}"
    assert together([f"x. {rule}"]) == f"x. {rule}"
