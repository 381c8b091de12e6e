"""What learned weights add: which entries are a pair, what is claimed, the command's answer."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies import Comparison, gains, with_learned_weights
from bikd_core.studies.learned_weights import as_data, check_pairs, table, verdict
from tests.made_up import epoch_done

EPOCH = epoch_done(1)
OVER_KD, OVER_CE = "relative:over=kd", "relative:over=ce"
BALANCED = {
    "kd": (0.60, 0.62, 0.61, 0.63),
    OVER_KD: (0.65, 0.66, 0.67, 0.67),
    "ce": (0.50, 0.52, 0.51, 0.49),
    OVER_CE: (0.51, 0.50, 0.53, 0.48),
}


def compared(objectives=("kd", "ce"), base=RunConfig(), **values):  # noqa: B008
    entries = with_learned_weights(objectives, base.flat())
    return Comparison(base, entries, (0, 1, 2, 3), objectives[0], **values)


def epochs(by_entry, few=0.2):
    """The epochs that count, by entry and seed, given each seed's balanced accuracy."""
    return {
        text: {
            seed: dataclasses.replace(EPOCH, accuracy=value, accuracy_few=few)
            for seed, value in enumerate(values)
        }
        for text, values in by_entry.items()
    }


def test_each_objective_stands_beside_bikd_over_it_with_the_same_options():
    comparison = compared(("kd:kd_alpha=0.3", "balanced_softmax"))
    assert comparison.methods == (
        "kd:kd_alpha=0.3",
        "relative:over=kd,kd_alpha=0.3",
        "balanced_softmax",
        "relative:over=balanced_softmax",
    )
    own, over = comparison.configs()[:2]
    assert (over.method.over, over.method.kd_alpha, over.method.weight_scale) == (
        "kd",
        own.method.kd_alpha,
        "relative",
    )
    check_pairs(comparison, 2)


@pytest.mark.parametrize("text", ["bikd", "relative", "meta_weight_net"])
def test_what_has_learned_weights_already_is_no_objective(text):
    with pytest.raises(ConfigError, match=f"methods = '{text}' is not .* has learned weights alr"):
        with_learned_weights(("kd", text), {})


@pytest.mark.parametrize("fault", ["unequal_recipes", "test_chosen_epoch"])
def test_a_fault_that_treats_the_two_differently_is_refused(fault):
    with pytest.raises(ConfigError, match=f"faults = '{fault}' is not possible for the question"):
        check_pairs(compared(faults=(fault,)), 2)


def test_gains_are_paired_by_seed_and_corrected_by_holm():
    over_kd, over_ce = gains(compared(), epochs(BALANCED))
    kd, ce = (
        stats.ttest_rel(BALANCED[over], BALANCED[own])
        for own, over in (("kd", OVER_KD), ("ce", OVER_CE))
    )
    assert over_kd.tests["accuracy"].p_value == pytest.approx(2 * kd.pvalue)
    assert over_ce.tests["accuracy"].p_value == pytest.approx(ce.pvalue)
    mean = np.mean(np.subtract(BALANCED[OVER_KD], BALANCED["kd"]))
    assert over_kd.differences["accuracy"] == pytest.approx((mean, *kd.confidence_interval(0.95)))
    assert (over_kd.claim("accuracy"), over_ce.claim("accuracy")) == ("adds", "undecided")
    assert over_kd.claim("accuracy_few") == "undecided"  # no difference at all


def test_the_verdict_claims_only_what_the_tests_allow():
    said = verdict(gains(compared(), epochs(BALANCED)))
    assert said.startswith(
        "Learned weights add balanced accuracy to KD (+4.8 ± 1.5 points); no claim about CE. "
        "No claim about accuracy on the few-shot classes: KD and CE. "
    )
    assert "paired by seed after Holm's correction over 2 comparisons" in said
    worse = {own: BALANCED[over] for own, over in (("kd", OVER_KD), (OVER_KD, "kd"))}
    assert verdict(gains(compared(("kd",)), epochs(worse))).startswith(
        "Learned weights take balanced accuracy from KD (−4.8 ± 1.5 points). "
    )


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "There is no answer yet"), (1, "One common seed allows no claim: KD, CE.")],
)
def test_the_verdict_of_no_and_of_one_seed_claims_nothing(number, said):
    found = gains(compared(), epochs({text: values[:number] for text, values in BALANCED.items()}))
    assert said in verdict(found)
    assert "add" not in verdict(found)
    assert len(table(found)) == 3


def test_equal_runs_gain_nothing():
    [gain] = gains(compared(("kd",)), epochs({"kd": (0.5, 0.6), OVER_KD: (0.5, 0.6)}))
    assert gain.tests["accuracy"].p_value == 1.0
    assert gain.claim("accuracy") == "undecided"


def test_any_comparison_with_such_a_pair_has_its_gain():
    entries = ("kd", "bikd:over=kd,weight_scale=relative", "bikd:over=kd", "ce")
    [gain] = gains(Comparison(RunConfig(), entries, (0,), "kd"), {})
    assert (gain.objective, gain.weighted) == entries[:2]
    other_rate = ("kd", "relative:over=kd,learning_rate=0.2")
    assert gains(Comparison(RunConfig(), other_rate, (0,), "kd"), {}) == []


def test_the_data_are_plain_and_hold_each_number():
    data = json.loads(json.dumps(as_data(gains(compared(), epochs(BALANCED)))))
    first = data["objectives"][0]
    assert (first["objective"], first["weighted"], first["seeds"]) == ("kd", OVER_KD, [0, 1, 2, 3])
    assert first["gain"]["accuracy"]["mean"] == pytest.approx(0.0475)
    assert first["claim"] == {"accuracy": "adds", "accuracy_few": "undecided"}


# The command ------------------------------------------------------------------------------------

COMMAND = ("compare", "--question", "weights", "--methods", "kd,ce", "--seeds", "0,1")


def test_the_command_prints_the_gains_and_the_verdict(bikd):
    code, printed = bikd(*COMMAND)
    assert code == 0
    assert "learned weights over" in printed.out
    assert "No claim about balanced accuracy: KD and CE." in printed.out  # fake runs are alike


def test_the_json_answer_holds_the_gains(bikd):
    code, printed = bikd(*COMMAND, "--json")
    assert code == 0
    data = json.loads(printed.out)["learned_weights"]
    assert [each["weighted"] for each in data["objectives"]] == [OVER_KD, OVER_CE]
    assert (
        bikd("compare", "--methods", "kd,ce", "--seeds", "0,1", "--json")[1].out.count(
            "learned_weights"
        )
        == 0
    )


def test_what_meta_loss_mix_asks_is_said_before_the_runs_train(bikd):
    _, printed = bikd("compare", "--methods", "kd,bikd:meta_loss=mix", "--seeds", "0")
    assert printed.err.count("Meta loss mix asks the student to predict classes 0, 1 and 2") == 1
    assert "Meta loss" not in bikd("compare", "--methods", "kd,bikd", "--seeds", "0")[1].err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--question", "why"),
            "question = 'why' is not possible: it must be one of methods, weig",
        ),
        (("--question", "weights", "--methods", "bikd"), "it has learned weights already"),
        (("--question", "weights", "--faults", "unequal_recipes"), "faults = 'unequal_recipes' is"),
    ],
)
def test_an_impossible_question_says_why(bikd, arguments, said):
    code, printed = bikd("compare", *arguments)
    assert code == 2
    assert said in printed.err
