"""A verdict claims a lead only if the interval of the paired differences excludes 0."""

import re

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies import Comparison, report_of
from bikd_core.studies.duel import check, verdict

COMPARISON = Comparison(RunConfig(), ("bikd", "ce"), (0, 1, 2), "ce")


@pytest.mark.parametrize(
    ("bikd", "said"),
    [
        ((0.70, 0.71, 0.72), r"BiKD leads CE: \+10.0 points .* the goal of one point is reached"),
        ((0.605, 0.616, 0.624), "BiKD leads CE: .* the goal of one point is missed"),
        ((0.50, 0.51, 0.52), "CE leads BiKD: -10.0 points"),
        ((0.40, 0.80, 0.70), "No lead: BiKD against CE .* the interval holds 0"),
    ],
)
def test_a_lead_is_claimed_if_the_interval_excludes_0(finished, bikd, said):
    values = {"bikd": bikd, "ce": (0.60, 0.61, 0.62)}
    runs = [
        finished(config, {"accuracy": values[config.method.method][config.training.seed]})
        for config in COMPARISON.configs()
    ]
    assert re.search(said, verdict(report_of(COMPARISON, runs)))


def test_one_seed_gives_no_answer(finished):
    runs = [finished(config, {"accuracy": 0.5}) for config in COMPARISON.configs()[:2]]
    assert "no answer yet" in verdict(report_of(COMPARISON, runs))


def test_three_entries_are_no_duel():
    with pytest.raises(ConfigError, match="a duel has two entries"):
        check(Comparison(RunConfig(), ("bikd", "ce", "kd"), (0, 1), "ce"))
