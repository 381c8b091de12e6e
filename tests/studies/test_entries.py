"""Entries of a comparison: their text, their options and their labels."""

import pytest

from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.config.presets import METHOD_PRESETS
from bikd_core.studies import Comparison, label_of, read_entry, split_entries


def test_a_list_of_entries_is_split_at_the_commas_between_them():
    text = "ce, kd,bikd:prior=both,meta_loss=hard,dkd:temperature=2,bikd"
    assert split_entries(text) == (
        "ce",
        "kd",
        "bikd:prior=both,meta_loss=hard",
        "dkd:temperature=2",
        "bikd",
    )


def test_options_of_an_entry_override_controls_of_the_comparison():
    base = RunConfig.from_flat({"epochs": 3, "prior": "hard"})
    config = read_entry("bikd:prior=both,inner_steps=2").config(base, seed=4)
    assert (config.method.method, config.method.prior, config.method.inner_steps) == (
        "bikd",
        "both",
        2,
    )
    assert (config.training.epochs, config.training.seed) == (3, 4)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("bikd", "BiKD"),
        ("bikd:prior=both,meta_loss=hard", "BiKD (class prior both, meta loss hard)"),
        ("bikd:cross_fit=True", "BiKD (cross-fitted halves)"),
        ("bikd:cross_fit=false", "BiKD (no cross-fitted halves)"),
        (
            "bikd:over=kd,weight_scale=relative,outer_from=0.5",
            "BiKD over KD (relative, weights begin after 0.5)",
        ),
        ("relative", "BiKD over Prior-shifted KD (relative)"),
        ("relative:over=ce,virtual_step=3", "BiKD over CE (relative, look-ahead 3)"),
    ],
)
def test_the_label_names_the_entrys_own_options(text, label):
    assert label_of(text) == label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("magic", "methods = 'magic' is not possible: each must be one of "),
        ("bikd:magic=1", "after the colon come controls like prior=both; 'magic' is not one"),
        ("bikd:over=ce,temperature=2", "BiKD over CE does not read temperature, only methods with"),
        ("bikd:temperature=2,over=ce", "BiKD over CE does not read temperature"),
        ("bikd:kd_alpha=0.3", "BiKD reads kd_alpha only with over = kd, dive or prior_kd"),
        ("bikd:outer_from=0.5", "BiKD reads outer_from only with weight_scale = relative"),
        ("bikd:over=magic", "over = 'magic' is not possible: it must be one of ce, kd"),
        ("relative:warm_up=3", "BiKD over .* reads warm_up only with weight_scale = sigmoid"),
        ("bikd:prior", "after the colon come controls like prior=both; 'prior' is not one"),
        ("ce:prior=both", "CE does not read prior"),
        ("kd:seed=3", "seed must be the same for all entries"),
        ("kd:imbalance_factor=3", "imbalance_factor must be the same for all entries"),
        ("kd:test_per_class=3", "test_per_class must be the same for all entries"),
    ],
)
def test_an_impossible_entry_is_refused_by_name(text, said):
    with pytest.raises(ConfigError, match=said):
        read_entry(text)


@pytest.mark.parametrize("text", ["bikd:over=kd,kd_alpha=0.3", "bikd:kd_alpha=0.3,over=kd"])
def test_an_option_is_judged_by_the_whole_entry_whatever_the_order(text):
    method = read_entry(text).config(RunConfig(), seed=0).method
    assert (method.over, method.kd_alpha) == ("kd", 0.3)


def test_an_option_is_judged_with_the_controls_of_the_comparison():
    over_kd, over_ce = (RunConfig.from_flat({"over": over}) for over in ("kd", "ce"))
    Comparison(over_kd, ("bikd:kd_alpha=0.3",), (0,), "bikd:kd_alpha=0.3")
    with pytest.raises(ConfigError, match="BiKD over CE does not read temperature"):
        Comparison(over_ce, ("bikd:temperature=2",), (0,), "bikd:temperature=2")


def test_a_form_of_a_method_is_an_entry_whose_options_may_be_overridden():
    relative = METHOD_PRESETS["relative"]
    config = read_entry("relative").config(RunConfig(), seed=0)
    assert config == RunConfig.from_flat(relative)
    other = read_entry("relative:over=kd,kd_alpha=0.3").config(RunConfig(), seed=0)
    assert other == RunConfig.from_flat(relative | {"over": "kd", "kd_alpha": 0.3})
    assert not METHOD_PRESETS.keys() & METHOD_FACTS.keys()


def test_the_label_says_what_the_controls_of_the_comparison_make_of_a_method():
    base = RunConfig.from_flat({"over": "kd", "weight_scale": "relative"})
    labels = Comparison(base, ("bikd", "kd", "bikd:outer_every=2"), (0,), "kd").labels
    assert labels["bikd"] == "BiKD over KD (relative)"
    assert labels["kd"] == "KD"


def test_two_entries_never_have_the_same_label():
    same = ("relative", "bikd:over=prior_kd,weight_scale=relative")
    labels = Comparison(RunConfig(), same, (0,), "relative").labels
    assert labels["relative"] == "BiKD over Prior-shifted KD (relative) [relative]"
    assert len(set(labels.values())) == 2


def test_a_value_that_an_option_cannot_take_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="prior = 'most' is not possible"):
        Comparison(RunConfig(), ("kd", "bikd:prior=most"), (0,), "kd")


def test_the_same_run_twice_is_refused():
    with pytest.raises(ConfigError, match="'bikd:prior=none' is not possible beside 'bikd'"):
        Comparison(RunConfig(), ("bikd", "bikd:prior=none"), (0,), "bikd")


def test_two_configurations_of_one_method_have_separate_runs(finished):
    comparison = Comparison(RunConfig(), ("bikd", "bikd:prior=both"), (0,), "bikd")
    plain, shifted = comparison.configs()
    runs = [finished(plain, {"accuracy": 0.5}), finished(shifted, {"accuracy": 0.7})]
    lines = {line.method: line for line in comparison.answer(runs)}
    assert lines["bikd"].values["accuracy"].mean == 0.5
    assert lines["bikd:prior=both"].lead["accuracy"].mean == pytest.approx(0.2)
    assert lines["bikd:prior=both"].label == "BiKD (class prior both)"
