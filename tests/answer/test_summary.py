"""The short form of an answer: its numbers, and what it says."""

import json
from pathlib import Path
from statistics import fmean

import pytest
from scipy import stats

from bikd_core.answer import summary as summary_module
from bikd_core.answer.summary import (
    Difference,
    Lead,
    Line,
    Part,
    Summary,
    recorded,
    recorded_names,
    summary_of,
    verdicts,
    write_summary,
)

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _line(objective="DKD", **changes):
    values = {
        "objective": objective,
        "is_weighted": False,
        "has_biases": False,
        "method": objective.lower(),
        "balanced": 0.8,
        "low": 0.79,
        "high": 0.81,
        "few": 0.5,
        "num_seeds": 120,
        "num_trials": 24,
    }
    return Line(**values | changes)


def _lead(over, mean, p_value):
    return Lead(
        over=over, mean=mean, low=mean - 0.01, high=mean + 0.01, p_value=p_value, num_seeds=40
    )


OWN = _line("BKD", is_weighted=True)


def _summary(leads, again=None):
    lines = (OWN, _line("BKD"), _line("DKD"), _line("DKD", has_biases=True))
    first = Part(bikd=OWN.title, lines=lines, leads=tuple(leads))
    return Summary(answer="a", base={}, command="c", first=first, gains=(), again=again)


def test_what_is_recorded_is_what_the_result_files_say():
    assert recorded_names()
    for name in recorded_names():
        assert recorded(name) == summary_of(BENCHMARKS, name)


def test_it_is_written_where_the_page_looks(tmp_path, monkeypatch):
    monkeypatch.setattr(summary_module, "RECORDED", tmp_path / "answers")
    write_summary(BENCHMARKS, "digits-league1")
    assert recorded_names() == ("digits-league1",)
    assert recorded("digits-league1") == summary_of(BENCHMARKS, "digits-league1")


def test_accuracies_and_intervals_are_those_of_the_seeds():
    content = json.loads((BENCHMARKS / "answer-digits-league1.json").read_text())
    by_method = {row["method"]: row["accuracies"] for row in content["rows"]}
    for line in recorded("digits-league1").first.lines:
        values = by_method[line.method]
        interval = stats.t.interval(0.95, len(values) - 1, fmean(values), stats.sem(values))
        assert line.balanced == pytest.approx(fmean(values), abs=1e-4)
        assert (line.low, line.high) == pytest.approx(interval, abs=1e-4)
        assert line.num_seeds == len(values)


def test_gains_are_paired_by_seed():
    content = json.loads((BENCHMARKS / "answer-digits-league1.json").read_text())
    rows = {(row["of"], row["calibration"]): row for row in content["rows"]}
    weighted = next(row for row in content["rows"] if row["of"].startswith("bikd:over=dkd,"))
    own, other = (rows[of, "class_biases"] for of in (weighted["of"], "dkd"))
    assert own["seeds"] == other["seeds"]
    found = stats.ttest_rel(own["accuracies"], other["accuracies"]).confidence_interval()
    [gain] = [one for one in recorded("digits-league1").gains if one.objective == "DKD"]
    ends = (gain.weights_beyond_biases.low, gain.weights_beyond_biases.high)
    assert ends == pytest.approx((found.low, found.high), abs=1e-4)
    assert len(recorded("digits-league1").gains) == 12


def test_titles_tell_the_methods_apart():
    for name in recorded_names():
        summary = recorded(name)
        for part in (summary.first, summary.again):
            titles = [line.title for line in part.lines] if part else []
            assert len(set(titles)) == len(titles)


def test_the_verdict_names_every_rival_that_is_not_led():
    leads = [
        _lead("DKD, with class biases", -0.02, 0.001),
        _lead("DKD", 0.001, 0.8),
        _lead("BKD", 0.03, 0.001),
        _lead("KD", 0.05, 0.001),
    ]
    [sentence] = verdicts(_summary(leads))
    assert sentence == (
        "Of 1 form of BiKD, D_val chose BiKD over BKD, 80.0 ± 1.0 % on 120 splits: "
        "behind DKD, with class biases (−2.0, −3.0 to −1.0 points); "
        "no difference found from DKD (+0.1, −0.9 to +1.1 points); "
        "ahead of BKD (+3.0, +2.0 to +4.0 points) and 1 more."
    )


def test_a_lead_without_its_statistics_is_not_claimed():
    [sentence] = verdicts(_summary([_lead("BKD", 0.03, 0.06)]))
    assert "ahead" not in sentence
    assert "no difference found from BKD" in sentence


def test_nothing_has_no_minus():
    assert Difference(mean=-0.0001, low=-0.01, high=0.0099).in_points == "+0.0 ± 1.0"


def test_with_nobody_to_compare_with_it_says_so():
    [sentence] = verdicts(_summary([]))
    assert sentence.endswith("no rival to compare it with.")


def test_a_second_test_has_its_own_sentence():
    again = Part(bikd=OWN.title, lines=(OWN,), leads=(_lead("DKD", 0.02, 0.01),))
    _, second = verdicts(_summary([], again))
    assert second.startswith("On fresh splits, against the rivals near the best, ")
    assert "ahead of DKD (+2.0, +1.0 to +3.0 points)." in second
