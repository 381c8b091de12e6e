"""What a search is: its spaces, its ranking on D_val alone, its commands, and a duel's."""

import json

import pytest

from bikd_core.config import ConfigError, RunConfig, is_read_by
from bikd_core.studies.search import Search, TrialResult
from bikd_core.studies.search_table import as_data
from bikd_core.studies.trials import Trials, open_storage

BASE = RunConfig.from_flat({"epochs": 20})


def search(methods=("bikd", "prior_kd"), num_trials=6, base=BASE, **values):
    return Search(base, methods, num_trials, **values)


def drawn(chosen, method, numbers=None):
    """Draw a batch, the first one unless others are named, with nothing told."""
    with open_storage(None) as storage:
        return Trials(chosen, method, storage).draw(numbers or chosen.batches()[0])


def entries(chosen, method):
    return [trial.entry.text for trial in drawn(chosen, method)]


def test_batches_depend_on_the_trial_number_alone():
    assert search(num_trials=6).batches() == [(0, 1, 2, 3), (4, 5)]
    assert search(num_trials=8).batches() == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_the_first_trial_is_the_method_itself():
    for method in ("bikd", "prior_kd", "kd:temperature=2", "relative"):
        first, *others = entries(search(methods=(method,)), method)
        assert first == method
        assert len({first, *others}) == 4
        assert all(text.startswith(method) for text in others)


def test_the_draw_depends_on_the_search_seed_but_not_on_other_methods_or_the_number_of_trials():
    texts = entries(search(), "bikd")
    assert texts == entries(search(methods=("bikd",), num_trials=4), "bikd")
    assert texts[1:] != entries(search(seed=1), "bikd")[1:]


def test_the_space_has_only_controls_that_the_method_reads_and_possible_values():
    for trained in ("no", "batch"):
        chosen = search(num_trials=40, base=BASE.changed(train_on_val=trained))
        for method in chosen.methods:
            for trial in drawn(chosen, method, tuple(range(20))):
                assert len(trial.configs) == 1  # no value was refused
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


def test_the_learning_rate_is_drawn_from_its_whole_range():
    rates = [
        trial.params["learning_rate"]
        for trial in drawn(search(methods=("ce",), num_trials=200), "ce", tuple(range(200)))
    ]
    assert min(rates) >= 0.005
    assert max(rates) <= 1
    assert min(rates) < 0.007
    assert max(rates) > 0.7


def test_the_space_of_a_form_is_that_of_its_whole_configuration():
    chosen = search(methods=("relative", "relative:over=ce"), num_trials=40)
    over_prior_kd, over_ce = map(chosen.space, chosen.methods)
    assert {"outer_from", "class_shifts", "kd_alpha"} <= set(over_prior_kd)
    assert not {"warm_up", "prior"} & set(over_prior_kd)
    assert not {"temperature", "meta_loss", "weight_form", "kd_alpha"} & set(over_ce)
    with_rate = without = 0
    for trial in drawn(chosen, "relative", tuple(range(40))):
        controls = trial.configs[0].flat()
        assert all(is_read_by(name, controls) for name in trial.params)
        has_shifts = controls["class_shifts"] != "none"
        assert ("class_shift_learning_rate" in trial.params) == has_shifts
        with_rate, without = with_rate + has_shifts, without + (not has_shifts)
    assert with_rate
    assert without


def test_a_range_holds_the_methods_own_value():
    chosen = search(methods=("ce",), base=BASE.changed(learning_rate=2.0, epochs=30))
    assert chosen.space("ce")["learning_rate"].high == 2.0
    with pytest.raises(ConfigError, match="weight_decay = 0 is not possible in a search"):
        search(base=BASE.changed(weight_decay=0.0))
    search(methods=("ce:weight_decay=0",))  # fixed, so not searched


def test_half_of_d_val_is_held_out_if_it_is_trained_on():
    assert not search().judged_base.protocol.hold_out_half
    second = search(base=BASE.changed(train_on_val="mixed"))
    assert all(t.configs[0].protocol.hold_out_half for t in drawn(second, "bikd"))


def test_each_seed_has_a_split_of_its_own_unless_it_is_fixed():
    following = search(seeds=(3, 5), splits="follow")
    [trial, *_] = drawn(following, "bikd")
    assert [c.data.split_seed for c in trial.configs] == [3, 5]
    [trial, *_] = drawn(search(seeds=(3, 5), base=BASE.changed(split_seed=7)), "bikd")
    assert [c.data.split_seed for c in trial.configs] == [7, 7]


def result(number, accuracy, loss, pruned="", rungs=None):
    return TrialResult(number, f"kd:{number}", {}, rungs or {}, pruned, accuracy, loss)


def test_trials_are_ranked_on_d_val_and_pruned_ones_stand_last():
    found = [
        result(0, 0.5, 1.0),
        result(1, 0.7, 2.0),
        result(2, None, None, "after epoch 7", {7: 0.9}),
        result(3, 0.7, 1.5),
        result(4, None, None, "after epoch 13", {7: 0.6, 13: 0.2}),
    ]
    numbers = [each.number for each in search(methods=("kd",)).ranked(found)]
    assert numbers == [3, 1, 0, 4, 2]
    by_loss = search(methods=("kd",), by="val_loss")
    assert [each.number for each in by_loss.ranked(found)][:3] == [0, 3, 1]


def test_a_table_names_what_it_was_judged_on():
    data = as_data(search(methods=("kd",)), {"kd": [result(0, 0.5, 1.0)]})
    assert data["search"]["judged_on"] == "D_val"
    assert data["search"]["splits"] == "fixed"
    assert data["trials"]["kd"][0]["val_accuracy"] == 0.5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_trials": 0}, "trials = 0 is not possible"),
        ({"seed": -1}, "search_seed = -1 is not possible"),
        ({"methods": ()}, "methods = '' is not possible"),
        ({"by": "accuracy"}, "by = 'accuracy' .* val_accuracy or val_loss"),
        ({"splits": "own"}, "splits = 'own' is not possible: it must be follow or fixed"),
        (
            {"splits": "follow", "seeds": (0, 1), "base": BASE.changed(teacher="mine")},
            "teacher = 'mine' is not possible with splits = 'follow'",
        ),
        (
            {"methods": ("ce:learning_rate=0.1,weight_decay=0.001",)},
            "leaves nothing to search",
        ),
    ],
)
def test_an_impossible_search_is_refused_by_name(values, said):
    with pytest.raises(ConfigError, match=said):
        search(**values)


# The commands -----------------------------------------------------------------------------------


def test_a_search_prints_its_trials_and_writes_them(bikd, tmp_path):
    file = tmp_path / "trials.json"
    arguments = ("search", "--methods", "kd", "--trials", "3", "--league", "both", "--jobs", "2")
    code, printed = bikd(*arguments, "--export", str(file))
    assert code == 0
    assert "The test set was not looked at" in printed.out
    assert "0 of its 3 trials were pruned, and count as trials." in printed.out
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
    assert data["protocol"]["splits"] == "follow"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("duel", "--seeds", "3"), "an interval needs at least two"),
        (("duel", "--first", "kd", "--second", "kd"), "methods = 'kd, kd' is not possible"),
        (("duel", "--league", "3"), "league = '3' is not possible: it must be 1, 2 or both"),
        (("duel", "--split-seed", "3"), "split_seed = 3 is not possible with splits = 'follow'"),
        (("duel", "--splits", "mine"), "splits = 'mine' is not possible: it must be follow or"),
        (("search", "--export", "a.md"), "the file must end in .json or .csv"),
        (("search", "--trials", "0"), "trials = 0 is not possible"),
        (("search", "--refill", "nowhere.json"), "refill = 'nowhere.json' is not possible"),
        (("search", "--methods", "kd", "--inner-steps", "2"), "inner_steps = 2 is not possible"),
        (("duel", "--first", "kd", "--second", "ce", "--outer-from", "0.5"), "outer_from = 0.5 is"),
    ],
)
def test_an_impossible_command_says_why(bikd, arguments, said):
    code, printed = bikd(*arguments)
    assert code == 2
    assert said in printed.err
