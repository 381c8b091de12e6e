"""Exported reports: the numbers come back, and each file states its protocol."""

import io
import json

import pandas as pd
import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies import Comparison, export, report_of
from bikd_core.studies.export import FORMATS, table

KD, BIKD = (0.61, 0.64, 0.60), (0.70, 0.69, 0.71)


@pytest.fixture
def report(finished):
    comparison = Comparison(RunConfig(), ("kd", "bikd:prior=both", "ce"), (0, 1, 2), "kd")
    values = {"kd": KD, "bikd": BIKD}
    runs = [
        finished(
            config,
            {"accuracy": values[config.method.method][config.training.seed], "seconds": 0.5},
        )
        for config in comparison.configs()
        if config.method.method in values
    ]
    return report_of(comparison, runs)


def test_an_entry_without_runs_is_named_and_has_no_line(report):
    assert [line.method for line in report.lines] == ["bikd:prior=both", "kd"]
    assert report.missing == {f"CE, seed {seed}": "not run" for seed in (0, 1, 2)}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_for_programs_holds_numbers_and_protocol(report, ending):
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet}[ending]
    rows = read(io.BytesIO(FORMATS[ending]([report]))).set_index("method")
    assert rows.loc["kd", "accuracy_mean"] == pytest.approx(sum(KD) / 3)
    lead = rows.loc["bikd:prior=both", "lead_over_kd_accuracy_mean"]
    assert lead == pytest.approx(sum(BIKD) / 3 - sum(KD) / 3)
    assert pd.isna(rows.loc["kd", "lead_over_kd_accuracy_mean"])
    assert "cost_over_kd" not in rows  # runs of different moments do not compare in time
    assert rows.loc["kd", "league"] == 1
    protocol = json.loads(rows.loc["kd", "protocol"])
    assert protocol["seeds"] == [0, 1, 2]
    assert protocol["controls"]["epochs"] == 60


@pytest.mark.parametrize("ending", [".md", ".tex"])
def test_a_table_for_people_holds_its_protocol_and_what_is_missing(report, ending):
    text = FORMATS[ending]([report]).decode()
    assert "imbalance factor 50" in text
    assert "the teacher never saw it" in text
    assert "CE, seed 0: not run" in text
    assert "61.7" in text
    assert "cost" not in text.replace("what a method costs", "")
    assert "does not say what a method costs" in text
    assert "BiKD (class prior both)" in text


def test_latex_is_escaped(report):
    text = FORMATS[".tex"]([report]).decode()
    assert r"digits\_cnn\_l" in text
    assert "±" not in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


def test_a_lead_has_a_star_if_its_test_allows_a_claim(report):
    head, first, second = table(report)
    lead = head.index("lead over KD")
    assert first[lead].startswith("+8.3 ± ")
    assert first[lead].endswith(" *") == report.lines[0].test.is_claim
    assert second[lead] == "–"


def test_json_holds_the_classes_and_every_seed(report):
    [data] = json.loads(FORMATS[".json"]([report]))
    line = data["lines"][0]
    assert line["accuracies"] == list(BIKD)
    assert len(line["per_class"]) == len(line["per_class_lead"]) == 10


def test_an_unknown_ending_and_an_unwritable_path_are_refused(report, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.csv, \.parquet, \.md, \.tex, \.json"):
        export([report], tmp_path / "answer.xls")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        export([report], tmp_path / "file" / "answer.csv")
