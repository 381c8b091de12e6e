"""A recommendation: chosen by D_val alone, within its budget, the same after an interruption."""

import json
import math
import re
from collections import Counter

import pytest

from bikd_core.config import ConfigError
from bikd_core.recommend import driver
from bikd_core.recommend.judging import SEEDS
from bikd_core.recommend.recipes import RECIPES
from bikd_core.recommend.record import runs_path
from tests.recommend.conftest import MadeUp, run

GUIDED = [recipe for recipe in RECIPES if recipe.is_guided]


def by_rate(config, calibration):
    """A D_val accuracy that rises with the learning rate, and that LTKD with biases leads."""
    bonus = 0.1 if (config.method.method, calibration) == ("ltkd", "class_biases") else 0.0
    return 0.5 + config.training.learning_rate / 10 + bonus


def by_nothing(config, calibration):
    return 0.5


def falling(config, calibration):
    """A test accuracy that is best for whatever D_val likes least."""
    return 1 - by_rate(config, calibration)


def content(recommendation):
    """The file without the time that it took."""
    found = json.loads(recommendation.path.read_text())
    del found["spent_s"]
    return found


def test_what_the_test_set_says_changes_neither_the_choice_nor_a_byte_of_the_trials(
    recommend, tmp_path
):
    found = []
    for test in (by_nothing, falling, by_rate):
        recommendation = recommend(MadeUp(by_rate, test))
        run(recommendation)
        found.append((content(recommendation), runs_path(recommendation.path).read_bytes()))
        recommendation.path.unlink()
        runs_path(recommendation.path).unlink()
    assert found[0] == found[1] == found[2]
    chosen = found[0][0]["chosen"]
    assert (chosen["recipe"], chosen["calibration"]) == ("ltkd", "class_biases")
    for line in found[0][1].decode().splitlines()[1:]:
        assert json.loads(line)["own"][:2] == [None, None]


def test_each_recipe_has_as_many_trials_with_the_same_rates(recommend):
    executor = MadeUp(by_rate)
    recommendation = recommend(executor)
    record = run(recommendation)
    judge = recommendation.judge()
    rates = {
        recipe: [
            judge.config(judge.runs_of(recipe, entry, (0,))[0]).training.learning_rate
            for entry in judge.trials[recipe]
        ]
        for recipe in RECIPES
    }
    assert len({tuple(own) for own in rates.values()}) == 1
    assert len(rates[RECIPES[0]]) == record.num_trials == 4
    # The best rate of all trials is that of the choice.
    assert f"learning_rate={max(rates[RECIPES[0]]):.3g}" in record.chosen.entry


def test_what_d_val_guides_is_judged_by_the_other_half_and_by_all_of_d_val(recommend):
    executor = MadeUp(by_rate)
    run(recommend(executor))
    halves = Counter(
        (config.protocol.hold_out_half, config.protocol.measured_half)
        for config in executor.trained
        if config.method.facts.has_weight_net
    )
    assert set(halves) == {(True, "first"), (True, "second")}
    assert halves[True, "first"] == halves[True, "second"]
    others = [c for c in executor.trained if not c.method.facts.has_weight_net]
    assert others
    assert not any(config.protocol.hold_out_half for config in others)


def test_all_runs_share_one_split_and_only_the_best_have_more_seeds(recommend, base):
    executor = MadeUp(by_rate)
    record = run(recommend(executor, base=base.changed(split_seed=4)))
    assert {config.data.split_seed for config in executor.trained} == {4}
    seeds = Counter(config.training.seed for config in executor.trained)
    assert seeds[0] == record.num_trials * (len(RECIPES) + len(GUIDED))
    assert set(seeds) == set(SEEDS)
    assert seeds[1] == seeds[2] < seeds[0]


def test_only_the_choice_and_plain_kd_are_kept_and_tested(recommend, kept):
    record = run(recommend(MadeUp(by_rate)))
    assert kept == [record.reference.entry, record.chosen.entry]
    assert record.reference.recipe == "kd"
    assert record.reference.calibration == "none"


class WithoutBiases(MadeUp):
    def _outcome(self, config):
        outcome = super()._outcome(config)
        return outcome._replace(biased=outcome.biased | {"val_accuracy": None})


def kd_is_best(config, _):
    return 0.6 if config.method.method == "kd" else 0.5


def test_a_choice_that_is_plain_kd_says_so(recommend):
    record = run(recommend(WithoutBiases(kd_is_best)))
    assert (record.chosen.recipe, record.chosen.calibration) == ("kd", "none")
    assert "D_val ranks plain KD highest" in record.sentence


def test_what_is_chosen_has_class_biases_where_there_are_some(recommend):
    record = run(recommend(MadeUp(kd_is_best)))
    assert (record.chosen.recipe, record.chosen.calibration) == ("kd", "class_biases")


def test_both_forms_of_a_recipe_count_alike(recommend):
    accuracies = {"ltkd": (0.8, 0.5), "prior_kd": (0.7, 0.7)}  # without and with class biases

    def val(config, calibration):
        return accuracies.get(config.method.method, (0.4, 0.4))[calibration == "class_biases"]

    record = run(recommend(MadeUp(val)))
    assert record.chosen.recipe.startswith("prior_kd")
    assert record.chosen.calibration == "class_biases"


@pytest.mark.parametrize("after", [1, 7, 60])
def test_an_interruption_changes_nothing_and_repeats_nothing(recommend, after):
    whole = MadeUp(by_rate)
    undisturbed = recommend(whole)
    run(undisturbed)
    expected, lines = content(undisturbed), runs_path(undisturbed.path).read_text().splitlines()
    undisturbed.path.unlink()
    runs_path(undisturbed.path).unlink()

    first = MadeUp(by_rate)

    def interrupt():
        if len(first.trained) >= after:
            raise KeyboardInterrupt

    first.after_group = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(recommend(first))
    second = MadeUp(by_rate)
    again = recommend(second)
    run(again)
    assert content(again) == expected
    assert sorted(runs_path(again.path).read_text().splitlines()) == sorted(lines)
    assert len(first.trained) + len(second.trained) == len(whole.trained)


def test_a_finished_one_is_shown_again_and_trains_nothing(recommend):
    record = run(recommend(MadeUp(by_rate)))
    executor = MadeUp(by_rate)
    assert run(recommend(executor, minutes=90.0)) == record
    assert not executor.trained


def test_a_budget_too_small_says_what_it_takes_and_starts_nothing(recommend):
    executor = MadeUp(by_rate, a_second=60.0)
    recommendation = recommend(executor)
    with pytest.raises(ConfigError, match=r"minutes = 20 is not possible: 2 trials .*") as refused:
        run(recommendation)
    needed = float(re.search(r"about ([\d,]+) minutes", str(refused.value))[1].replace(",", ""))
    assert not executor.trained
    assert not recommendation.path.exists()
    run(recommend(executor, minutes=needed))
    assert executor.trained
    # Two trials and two more seeds of up to two settings of each recipe, three seeds of two.
    runs = len(RECIPES) + len(GUIDED)
    assert needed == math.ceil((30 + 1.1 * 60 * ((2 + 4) * runs + 6)) / 60)


def test_a_slower_machine_ends_the_trials_after_as_many_of_each(recommend, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(driver.time, "monotonic", lambda: clock[0])
    executor = MadeUp(by_rate, a_second=1.0)  # so it seems
    executor.after_group = lambda: clock.__setitem__(0, clock[0] + 25)
    recommendation = recommend(executor, minutes=10.0)
    record = run(recommendation)
    seeds = Counter(c.training.seed for c in executor.trained)
    assert 2 <= record.num_trials < 16
    assert record.num_trials * (len(RECIPES) + len(GUIDED)) <= seeds[0]
    assert {len(own) for own in recommendation.judge().trials.values()} == {record.num_trials}


def test_other_minutes_change_the_plan_of_an_unfinished_one(recommend):
    first = MadeUp(by_rate)
    first.after_group = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        run(recommend(first))
    planned = recommend(first).record.num_trials
    record = run(recommend(MadeUp(by_rate), minutes=25.0))
    assert record.num_trials > planned


def test_a_recipe_that_diverges_is_left_out_with_its_reason(recommend):
    class Diverging(MadeUp):
        def _outcome(self, config):
            outcome = super()._outcome(config)
            if config.method.method == "ltkd":
                return outcome.failed("The loss is not finite.", diverged=True)
            return outcome

    record = run(recommend(Diverging(by_rate)))
    assert record.left_out["LTKD"] == "The loss is not finite."
    assert not any(one.recipe.startswith("ltkd") for one in record.ranking)


def test_recipes_that_a_small_d_val_forbids_are_left_out(recommend, base):
    small = base.changed(val_per_class=1)
    record = run(recommend(WithoutBiases(by_rate), base=small))
    [halves, biases] = record.reasons
    assert "val_per_class = 1" in halves
    assert record.reasons[halves] == "; ".join(recipe.title for recipe in GUIDED)
    assert record.reasons[biases] == "Class biases"
    assert {one.calibration for one in record.ranking} == {"none"}


def test_a_file_of_something_else_is_refused(recommend, base, tmp_path):
    run(recommend(MadeUp(by_rate)))
    with pytest.raises(ConfigError, match=r"with split_seed = 0, not 1; name another file"):
        recommend(MadeUp(by_rate), base=base.changed(split_seed=1))
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds no recommendation"):
        recommend(MadeUp(by_rate))
