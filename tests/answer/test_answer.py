"""The answer: trials on splits of their own, a choice by D_val alone, seeds, and going on."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from scipy import stats

from bikd_core.answer import again, cost, driver
from bikd_core.answer.ledger import MEASURES, Ledger, Result, Run
from bikd_core.answer.plans import NAMES, Plan, plan_named
from bikd_core.answer.report import as_entry, result
from bikd_core.answer.reuse import results_for
from bikd_core.answer.stages import Answer
from bikd_core.config import ConfigError
from bikd_core.places import Places
from bikd_core.studies.draw import trials_of
from bikd_core.studies.questions import study_named
from bikd_core.studies.running import Running
from bikd_core.studies.study import grid_of

SMALL = Plan(
    "small",
    {"dataset": "digits", "student": "digits_mlp", "epochs": 2, "train_on_val": "no"},
    rivals=("ce", "balanced_softmax"),
    weighted=("bikd:over=ce,weight_scale=relative",),
    num_trials=3,
    trial_seeds=(1000, 1001),
    num_kept=1,
    further_seeds=(1002,),
    num_seeds=2,
    num_finalists=1,
    num_finalist_seeds=3,
)


def _fill(answer, value_of):
    """Give each run of all stages a result: (entry, seed, calibration) -> accuracy."""
    for _, runs in answer.stages():
        for run in runs:
            own, biased = (
                dict(zip(MEASURES, [value_of(run.entry, run.seed, c)] * 4, strict=True))
                for c in ("none", "class_biases")
            )
            answer.ledger.results[run] = Result(own, biased, 0.1)


def _answer(tmp_path, plan=SMALL):
    return Answer(plan, Ledger(tmp_path / "runs.jsonl", plan.base))


FINALISTS = ("bkd:calibration=class_biases", "meta_weight_net", "dive", "kd", "ltkd:kd_alpha=0.4")


@pytest.fixture
def with_finalists(tmp_path):
    """Return a folder in which the digits' results name five rivals for both leagues."""
    for league in (1, 2):
        found = json.dumps({"finalists": FINALISTS})
        (tmp_path / f"answer-digits-league{league}.json").write_text(found)
    return tmp_path


def test_every_plan_can_be_drawn_and_none_of_its_splits_serves_two_purposes(with_finalists):
    for name in NAMES:
        plan = plan_named(name, with_finalists)
        assert plan.name == name
        answer = Answer(plan, Ledger(Path("absent.jsonl"), plan.base))
        used = [*plan.trial_seeds, *plan.further_seeds, *plan.seeds(is_finalist=True)]
        assert len({*used, *again.SEEDS}) == len(used) + len(again.SEEDS)
        assert min(used) >= 20  # the pilots' splits
        for entries in answer.trials.values():
            assert len(entries) == plan.num_trials
            for entry in entries:
                answer.config(Run(entry, 1000))


def test_entries_share_the_values_of_the_options_that_both_read(tmp_path):
    answer = _answer(tmp_path)
    rates = [
        [answer.config(Run(entry, 0)).training.learning_rate for entry in answer.trials[method]]
        for method in SMALL.entries
    ]
    assert rates[0] == rates[1] == rates[2]
    assert len(set(rates[0])) == SMALL.num_trials


def test_a_space_of_a_few_values_is_tried_whole(tmp_path):
    answer = _answer(tmp_path)
    space = {"learning_rate": (0.05, 0.1, 0.2)}
    entries = trials_of(answer.search, "balanced_softmax", space)
    rates = {answer.config(Run(entry, 0)).training.learning_rate for entry in entries}
    assert rates == {0.05, 0.1, 0.2}


def test_d_val_alone_chooses_and_finalists_have_more_seeds(tmp_path):
    answer = _answer(tmp_path)
    best = answer.trials["balanced_softmax"][2]

    def value_of(entry, seed, calibration):
        if seed < 1000:  # the test set: it must not choose
            return 0.9 if entry.startswith("ce") else 0.5
        return 0.8 if entry == best and calibration == "none" else 0.6

    _fill(answer, value_of)
    chosen = answer.chosen()
    assert [choice.entry for choice in chosen.rivals] == [best]
    rows = {row["method"]: row for row in result(answer)["rows"]}
    assert rows[best]["seeds"] == [100, 101, 102]
    assert len(rows[as_entry(answer, chosen.bikd)]["seeds"]) == 3
    assert {len(row["seeds"]) for row in rows.values()} == {2, 3}
    assert all(row["trials"] == 3 for row in rows.values())


def test_a_trial_with_a_diverged_run_is_never_chosen(tmp_path):
    answer = _answer(tmp_path)
    _fill(answer, lambda entry, seed, calibration: 0.5)
    bad = answer.trials["ce"][1]
    answer.ledger.results[Run(bad, 1000)] = Result({}, {}, 0.0, "The loss is not finite.")
    assert all(choice.entry != bad for choice in answer.chosen().choices)


def test_leads_are_paired_by_seed_and_their_intervals_are_holms(tmp_path):
    draw = np.random.default_rng(0)
    plan = replace(SMALL, num_seeds=6, num_finalist_seeds=6)
    answer = _answer(tmp_path, plan)
    values = {}

    def value_of(entry, seed, calibration):
        level = 0.62 if entry.startswith("bikd") else 0.6
        key = (entry, seed, calibration)
        return values.setdefault(key, level + 0.01 * draw.standard_normal())

    _fill(answer, value_of)
    found = result(answer)
    by_method = {row["method"]: row for row in found["rows"]}
    own = np.array(by_method[found["bikd"]]["accuracies"])
    raw = {}
    for lead in found["leads"]:
        other = np.array(by_method[lead["over"]]["accuracies"])
        raw[lead["over"]] = stats.ttest_rel(own, other).pvalue
        assert lead["lead"] == pytest.approx(fmean(own - other))
    assert len(raw) == 4
    order = sorted(raw, key=raw.get)
    for place, method in enumerate(order):
        lead = next(one for one in found["leads"] if one["over"] == method)
        other = np.array(by_method[method]["accuracies"])
        level = 1 - 0.05 / (len(order) - place)
        interval = stats.ttest_rel(own, other).confidence_interval(level)
        assert (lead["low"], lead["high"]) == pytest.approx((interval.low, interval.high))


def test_where_d_val_is_trained_on_half_of_it_judges_and_has_class_biases_fitted(tmp_path):
    plan = replace(SMALL, base=dict(SMALL.base) | {"train_on_val": "batch"})
    answer = _answer(tmp_path, plan)
    trial = next(iter(answer.stages()))[1][0]
    assert answer.config(trial).protocol.hold_out_half
    _fill(answer, lambda entry, seed, calibration: 0.5)
    for choice in answer.chosen().choices:
        config = answer.config(answer.seed_run(choice, 100))
        assert config.protocol.hold_out_half == (choice.calibration == "class_biases")
        entry = as_entry(answer, choice)
        assert ("hold_out_half=true" in entry) == (choice.calibration == "class_biases")


def _result_of(own, biased):
    measures = (dict.fromkeys(MEASURES, value) for value in (own, biased))
    return Result(*measures, 0.1)


def test_what_the_seeds_suggest_is_tested_on_fresh_ones_against_the_rivals_near_the_best(tmp_path):
    answer = _answer(tmp_path)
    levels = {"none": {"bikd": 0.7, "ce": 0.69, "balanced_softmax": 0.5}}
    levels["class_biases"] = {"bikd": 0.6, "ce": 0.67, "balanced_softmax": 0.65}

    def value_of(entry, seed, calibration):
        return levels[calibration][entry.partition(":")[0]]

    _fill(answer, value_of)
    method = result(answer)["rows"][0]["method"]
    contest = again.contest_of(answer, method)
    assert [(c.method, c.calibration) for c in contest.rivals] == [
        ("ce", "none"),
        ("ce", "class_biases"),
    ]
    runs = again.runs_of(answer, contest)
    assert {run.seed for run in runs} == set(again.SEEDS)
    assert len(runs) == len(again.SEEDS) * len({c.entry for c in contest.choices})
    for run in runs:  # on the fresh seeds it leads by one point, a little more or less
        jitter = 0.001 * (run.seed % 3)
        is_bikd = run.entry.startswith("bikd")
        answer.ledger.results[run] = _result_of(0.61 + jitter if is_bikd else 0.6, 0.55)
    found = again.result(answer, contest)
    assert found["bikd"] == method
    assert {tuple(row["seeds"]) for row in found["rows"]} == {again.SEEDS}
    [near, far] = found["leads"]
    assert (near["lead"], far["lead"]) == pytest.approx((0.011, 0.061))
    assert near["low"] > 0


def test_a_second_test_needs_the_first_and_one_of_its_methods(tmp_path):
    answer = _answer(tmp_path)
    _fill(answer, lambda entry, seed, calibration: 0.5)
    with pytest.raises(ConfigError, match="again = 'kd' is not possible: it must be a `method`"):
        again.contest_of(answer, "kd")
    last = next(reversed(answer.ledger.results))
    del answer.ledger.results[last]
    with pytest.raises(ConfigError, match="first run `bikd bench answer small`"):
        again.contest_of(answer, "kd")


@pytest.mark.slow
def test_an_answer_goes_on_where_it_was_cut_off(tmp_path):
    places, path = Places.at(tmp_path / "home"), tmp_path / "answer-small-runs.jsonl"
    driver.run(SMALL, tmp_path, places, 1, lambda *told: None)
    lines = path.read_text().splitlines()
    content = json.loads((tmp_path / "answer-small.json").read_text())
    assert content["bikd"].startswith("bikd:over=ce")
    assert all(len(row["seeds"]) >= SMALL.num_seeds for row in content["rows"])
    path.write_text("\n".join(lines[:-2]) + "\n" + lines[-2][:20])  # killed while it wrote
    told = []
    driver.run(SMALL, tmp_path, places, 1, lambda *each: told.append(each))
    again = path.read_text().splitlines()
    assert again[:-2] == lines[:-2]  # nothing was trained twice
    assert {Run(r["entry"], r["seed"]) for r in map(json.loads, again[-2:])} == {
        Run(r["entry"], r["seed"]) for r in map(json.loads, lines[-2:])
    }
    assert told[0] == ("Trials", told[0][2], told[0][2])


def test_results_of_other_controls_are_refused(tmp_path):
    path = tmp_path / "runs.jsonl"
    Ledger(path, {"dataset": "digits"}).add([(Run("ce", 0), Result({}, {}, 0.1, "It diverged."))])
    with pytest.raises(ConfigError, match="were trained with"):
        Ledger(path, {"dataset": "cifar10"})


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "runs.jsonl"
    Ledger(path, {}).add([(Run("ce", 0), Result({}, {}, 0.1, "It diverged."))])
    path.write_text(path.read_text() + '{"entry": "ce"}\n')
    with pytest.raises(ConfigError, match="line 3"):
        Ledger(path, {})


def test_two_processes_do_not_write_one_ledger(tmp_path):
    first, second = (Ledger(tmp_path / "runs.jsonl", {}) for _ in range(2))
    with first.held(), pytest.raises(ConfigError, match="another process"), second.held():
        pass


def test_pictures_compare_the_objectives_that_the_digits_rank_first(with_finalists):
    fashion = plan_named("fashion_mnist-league2", with_finalists)
    assert fashion.rivals == ("bkd", "dive", "kd", "ltkd")
    assert [entry.split(",")[0] for entry in fashion.weighted] == [
        f"bikd:over={rival}" for rival in fashion.rivals
    ]
    cifar10 = plan_named("cifar10-league1", with_finalists)
    assert cifar10.rivals == ("bkd", "dive", "kd")
    answer = Answer(cifar10, Ledger(with_finalists / "runs.jsonl", cifar10.base))
    for entries in answer.trials.values():
        rates = [answer.config(Run(entry, 1000)).training.learning_rate for entry in entries]
        assert sorted(rates) == [0.03, 0.1, 0.3]


def test_a_plan_that_follows_from_the_digits_asks_for_their_result(tmp_path):
    with pytest.raises(ConfigError, match=r"answer-digits-league1\.json is missing"):
        plan_named("cifar10-league1", tmp_path)


def test_an_unknown_answer_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="digits-league1"):
        plan_named("imagenet", tmp_path)


def test_a_study_takes_the_trials_that_an_answer_has_trained(tmp_path):
    grid = grid_of(study_named("search_budget"))
    known = grid.cells[1].written
    path = tmp_path / "answer-digits-league1-runs.jsonl"
    values = dict.fromkeys(MEASURES, 0.7)
    found = {
        Run(known, 1000): Result(values, values, 0.05),
        Run(known, 1001): Result({}, {}, 0.0, "The loss is not finite."),
        Run(known, 100): Result(values, values, 0.05),  # a seed of the answer's comparison
        Run("dive", 1000): Result(values, values, 0.05),
    }
    Ledger(path, grid.base).add(found.items())
    running = Running(grid, tmp_path, Places.at(tmp_path))
    running.refill(results_for(grid, path))
    results = running.results
    assert results.values(grid.cells[1]) == {1000: 0.7}
    assert results.values(grid.cells[1], "seconds") == {1000: 3.0}
    assert len(results.found) == 2
    assert "bikd bench answer" in results.cite()


def test_an_answer_with_other_controls_gives_a_study_nothing(tmp_path):
    grid = grid_of(study_named("stability"))
    path = tmp_path / "runs.jsonl"
    Ledger(path, {"dataset": "digits"}).add([(Run("ce", 0), Result({}, {}, 0.1, "It diverged."))])
    with pytest.raises(ConfigError, match="were trained with"):
        results_for(grid, path)


WITH_KD = replace(SMALL, rivals=("ce", "kd"))


def test_costs_are_those_of_kd_in_the_same_turn(tmp_path):
    """A machine that is twice as slow from one turn to the next changes no ratio."""
    answer = _answer(tmp_path, WITH_KD)
    _fill(answer, lambda *_: 0.5)
    turns = iter(range(10_000))

    def clock(config):
        of_kd = {"ce": 0.5, "kd": 1.0, "bikd": 3.0}[config.method.method]
        return of_kd * 2 ** (next(turns) // num_configs)

    num_configs = len({choice.entry for choice in answer.chosen().choices})
    rows = cost.result(answer, clock)["rows"]
    assert {row["method"] for row in rows} == {row["method"] for row in result(answer)["rows"]}
    for row in rows:
        expected = 0.5 if row["method"].startswith("ce") else 1.0
        assert row["ratio_to_kd"] == (3.0 if row["method"].startswith("bikd") else expected)


def test_the_clock_measures_here(tmp_path):
    answer = _answer(tmp_path, replace(WITH_KD, rivals=("kd",), weighted=("bikd",), num_trials=1))
    _fill(answer, lambda *_: 0.5)
    by_method = {row["method"].split(":")[0]: row for row in cost.result(answer)["rows"]}
    assert by_method["kd"]["seconds_per_epoch"] > 0
    assert by_method["bikd"]["ratio_to_kd"] > 1


def test_costs_are_refused_before_anything_is_chosen(tmp_path):
    with pytest.raises(ConfigError, match="first run `bikd bench answer small`"):
        driver.time_methods(SMALL, tmp_path)
    assert not (tmp_path / "answer-small-cost.json").exists()
