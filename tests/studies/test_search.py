"""A search: equally many trials for each method, reproducible, ranked on D_val alone, resumable."""

import json

import pytest

from bikd_core.config import ConfigError, RunConfig, is_read_by
from bikd_core.studies import queue_missing
from bikd_core.studies.search import Search, as_data
from tests.studies.conftest import wait

BASE = RunConfig.from_flat({"epochs": 20})


def search(methods=("bikd", "prior_kd"), num_trials=6, base=BASE, **values):
    return Search(base, methods, num_trials, **values)


def test_all_methods_have_equally_many_trials_and_the_first_is_the_method_itself():
    trials = search().trials()
    assert [trial.number for trial in trials] == [n for n in range(6) for _ in range(2)]
    assert [trial.entry.text for trial in trials[:2]] == ["bikd", "prior_kd"]
    assert len({trial.entry.text for trial in trials}) == 12


def test_the_draw_depends_on_the_search_seed_but_not_on_other_methods():
    texts = [trial.entry.text for trial in search().trials()]
    assert texts == [trial.entry.text for trial in search().trials()]
    assert texts != [trial.entry.text for trial in search(seed=1).trials()]
    alone = [trial.entry.text for trial in search(methods=("bikd",)).trials()]
    assert alone == texts[::2]


def test_the_space_has_only_controls_that_the_method_reads_and_possible_values():
    for trained in ("no", "batch"):
        chosen = search(num_trials=40, base=BASE.changed(train_on_val=trained))
        for trial in chosen.trials():
            trial.entry.config(chosen.judged_base, seed=0)  # raises if a value is not possible
        space = chosen.space("bikd")
        assert ("cross_fit" in space) == (trained == "batch")
        assert {"prior", "inner_steps", "warm_up", "weight_net_inputs"} <= set(space)
        assert set(chosen.space("prior_kd")) == {
            "learning_rate", "weight_decay", "temperature", "kd_alpha"
        }  # fmt: skip
        assert "virtual_step" in space
        assert not {"outer_from", "class_shifts"} & set(space)
    assert "temperature" not in search().space("balanced_softmax")
    assert "prior" not in search().space("bikd:prior=both")


def test_the_space_of_a_form_is_that_of_its_whole_configuration():
    chosen = search(methods=("relative", "relative:over=ce"), num_trials=30)
    over_prior_kd, over_ce = map(chosen.space, chosen.methods)
    assert over_prior_kd["weight_net_learning_rate"] == pytest.approx((0.003, 0.01, 0.03, 0.1))
    assert {"outer_from", "class_shifts", "kd_alpha"} <= set(over_prior_kd)
    assert not {"warm_up", "prior"} & set(over_prior_kd)
    assert not {"temperature", "meta_loss", "weight_form", "kd_alpha"} & set(over_ce)
    for trial in chosen.trials():
        controls = trial.entry.config(chosen.judged_base, seed=0).flat()
        assert all(is_read_by(name, controls) for name, _ in trial.entry.options)
        assert trial.entry.text.startswith(trial.method)


def test_half_of_d_val_is_held_out_if_it_is_trained_on():
    assert not search().judged_base.protocol.hold_out_half
    second = search(base=BASE.changed(train_on_val="mixed"))
    assert all(config.protocol.hold_out_half for _, config in second.grid())


def test_trials_are_ranked_on_d_val_and_not_on_the_test_set(finished):
    chosen = search(methods=("prior_kd",), num_trials=3)
    val = [(0.5, 1.0), (0.7, 2.0), (0.7, 1.5)]
    runs = [
        finished(config, {"accuracy": test, "val_accuracy": accuracy, "val_loss": loss})
        for (_, config), (accuracy, loss), test in zip(
            chosen.grid(), val, (0.987, 0.1, 0.2), strict=True
        )
    ]
    assert [found.trial.number for found in chosen.ranked(runs)["prior_kd"]] == [2, 1, 0]
    by_loss = search(methods=("prior_kd",), num_trials=3, by="val_loss")
    assert [found.trial.number for found in by_loss.ranked(runs)["prior_kd"]] == [0, 2, 1]
    assert "0.987" not in json.dumps(as_data(chosen, chosen.ranked(runs))["trials"])


def test_a_trial_counts_once_it_has_finished_with_every_seed(finished):
    chosen = search(methods=("prior_kd",), num_trials=2, seeds=(0, 1))
    first, second, third, _ = [config for _, config in chosen.grid()]
    runs = [
        finished(first, {"val_accuracy": 0.4}),
        finished(second, {"val_accuracy": 0.6}),
        finished(third, {"val_accuracy": 0.9}),
    ]
    [found] = chosen.ranked(runs)["prior_kd"]
    assert found.trial.number == 0
    assert found.val_accuracy == pytest.approx(0.5)


def test_no_trial_is_trained_twice(manager):
    chosen = search(methods=("kd",), num_trials=3, base=BASE.changed(epochs=2))
    configs = [config for _, config in chosen.grid()]
    ids = queue_missing(configs, manager)
    wait(manager, ids)
    assert len(ids) == 3
    assert queue_missing(configs, manager) == []
    assert len(chosen.ranked(manager.list())["kd"]) == 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_trials": 0}, "trials = 0 is not possible"),
        ({"seed": -1}, "search_seed = -1 is not possible"),
        ({"methods": ()}, "methods = '' is not possible"),
        ({"by": "accuracy"}, "by = 'accuracy' .* val_accuracy or val_loss"),
    ],
)
def test_an_impossible_search_is_refused_by_name(values, said):
    with pytest.raises(ConfigError, match=said):
        search(**values)


def test_more_trials_than_the_space_holds_are_refused(monkeypatch):
    monkeypatch.setattr("bikd_core.studies.search._DRAWS_PER_TRIAL", 20)
    with pytest.raises(ConfigError, match="the space of balanced_softmax holds about 15 "):
        search(methods=("balanced_softmax",), num_trials=16).trials()


# The commands -----------------------------------------------------------------------------------


def test_a_search_prints_its_trials_and_writes_them(bikd, tmp_path):
    file = tmp_path / "trials.json"
    arguments = ("search", "--methods", "kd", "--trials", "3", "--league", "both", "--jobs", "2")
    code, printed = bikd(*arguments, "--export", str(file))
    assert code == 0
    assert "The test set was not looked at" in printed.out
    first, second = json.loads(file.read_text())
    assert first["search"]["judged_on"] == "D_val"
    assert second["search"]["judged_on"] == "held-out half of D_val"
    assert len(first["trials"]["kd"]) == len(second["trials"]["kd"]) == 3


def test_a_duel_says_who_leads(bikd, tmp_path):
    file = tmp_path / "duel.json"
    arguments = ("duel", "--first", "kd:kd_alpha=0.3", "--second", "ce", "--seeds", "0-2")
    code, printed = bikd(*arguments, "--export", str(file))
    assert code == 0
    # All fake runs are alike.
    assert "No lead: KD (kd alpha 0.3) against CE is +0.0 points" in printed.out
    [data] = json.loads(file.read_text())
    assert data["accuracy_by_seed"]["ce"] == {"0": 0.5, "1": 0.5, "2": 0.5}
    assert data["protocol"]["seeds"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("duel", "--seeds", "3"), "an interval needs at least two"),
        (("duel", "--first", "kd", "--second", "kd"), "methods = 'kd, kd' is not possible"),
        (("duel", "--league", "3"), "league = '3' is not possible: it must be 1, 2 or both"),
        (("search", "--export", "a.md"), "the file must end in .json or .csv"),
        (("search", "--trials", "0"), "trials = 0 is not possible"),
        (("search", "--methods", "kd", "--inner-steps", "2"), "inner_steps = 2 is not possible"),
        (("duel", "--first", "kd", "--second", "ce", "--outer-from", "0.5"), "outer_from = 0.5 is"),
    ],
)
def test_an_impossible_command_says_why(bikd, arguments, said):
    code, printed = bikd(*arguments)
    assert code == 2
    assert said in printed.err
