"""The timing of configs beside each other, in turns."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.runs.cost import NUM_TURNS, variants
from tests.fake_training import config, until
from tests.runs.waiting import LONG, reached, trained

KD, BIKD = (RunConfig.from_flat({"method": method}) for method in ("kd", "bikd"))


def timed(manager, *configs):
    assert manager.costs.begin(configs)
    return until(lambda: (now := manager.costs.timing(configs)).is_over and now)


def test_configs_are_timed_in_turns_and_give_the_seconds_of_an_epoch(parent):
    assert parent.costs.timing((KD, BIKD)) is None
    timing = timed(parent, KD, BIKD)
    assert timing.has_result
    seconds = sum(planned_counts(KD.data)) * 0.1 + 680 * 0.01
    assert timing.seconds == {each: pytest.approx((seconds,) * NUM_TURNS) for each in (KD, BIKD)}


def test_nothing_is_timed_while_something_trains(parent):
    run_id = parent.start(config(epochs=LONG))
    assert not parent.costs.begin((KD,))
    trained(parent, run_id)
    parent.stop(run_id)
    reached(parent, run_id, "stopped")
    until(parent.is_idle)
    assert timed(parent, KD).has_result


def test_what_cannot_be_timed_says_why_and_gives_no_result(parent):
    timing = timed(parent, KD.changed(batch_size=2))
    assert not timing.has_result
    assert "cannot be measured" in timing.failure


def test_steps_with_and_without_a_hypergradient_count_by_their_share():
    assert variants(KD) == [(KD, 1.0)]
    rare = BIKD.changed(weight_scale="relative", outer_every=10, outer_from=0.5)
    (asked, share), (plain, rest) = variants(rare)
    assert (share, rest) == (pytest.approx(0.05), pytest.approx(0.95))
    assert asked.read_by_method()["outer_every"] == 1
    assert plain.read_by_method()["outer_every"] == 1000
