"""Methods at several learning rates: which entries the question makes, and which are a curve."""

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies import Comparison
from bikd_core.studies.learning_rates import rate_curves, with_learning_rates

BASE = RunConfig()  # learning rate 0.05


def curves(*entries, base=BASE):
    return rate_curves(Comparison(base, entries, (0, 1), entries[0]))


def test_each_method_is_compared_at_its_own_rate_and_at_others():
    entries = with_learning_rates(("kd", "bikd:prior=both", "ce:learning_rate=1"), BASE.flat())
    assert entries[:5] == (
        "kd",
        "kd:learning_rate=0.02",
        "kd:learning_rate=0.1",
        "kd:learning_rate=0.2",
        "kd:learning_rate=0.5",
    )
    assert entries[6] == "bikd:prior=both,learning_rate=0.02"
    assert entries[-1] == "ce:learning_rate=1"
    other = with_learning_rates(("kd",), BASE.changed(learning_rate=0.3).flat())
    assert len(other) == 6


def test_an_impossible_method_is_refused():
    with pytest.raises(ConfigError, match="methods = 'nothing' is not possible"):
        with_learning_rates(("nothing",), BASE.flat())


def test_entries_that_differ_in_the_rate_alone_are_a_curve_from_the_lowest_rate():
    found = curves(
        "kd:learning_rate=0.2",
        "kd",
        "kd:kd_alpha=0.3",
        "kd:learning_rate=0.01,kd_alpha=0.3",
        "ce",
        "relative",
        "relative:learning_rate=0.1",
    )
    assert [curve.label for curve in found] == [
        "KD",
        "KD (kd alpha 0.3)",
        "BiKD over Prior-shifted KD (relative)",
    ]
    assert found[0].rates == (0.05, 0.2)
    assert found[0].entries == ("kd", "kd:learning_rate=0.2")
    assert found[1].rates == (0.01, 0.05)
    assert found[0].default == 0.05


def test_without_two_rates_there_is_no_curve():
    assert curves("kd", "ce", "kd:kd_alpha=0.3") == []


def test_the_same_runs_with_class_biases_are_a_curve_of_their_own():
    biases = "calibration=class_biases"
    assert curves("kd", f"kd:{biases}") == []
    entries = ("kd", f"kd:{biases}", "kd:learning_rate=0.2", f"kd:learning_rate=0.2,{biases}")
    found = curves(*entries)
    assert [curve.entries for curve in found] == [entries[::2], entries[1::2]]
    assert [curve.label for curve in found] == ["KD", "KD (class biases)"]


def test_the_command_asks_the_question(bikd):
    code, printed = bikd("compare", "--question", "rates", "--methods", "ce", "--seeds", "0")
    assert code == 0
    assert printed.out.count("CE (learning rate ") == 4
