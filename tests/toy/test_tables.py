"""The lesson's small tables: made from reports, read back, and refused where they do not fit."""

import copy

import pytest
import torch

from bikd_core.places import ASSETS
from bikd_core.toy.beliefs import beliefs_of
from bikd_core.toy.digit_nets import DigitNets
from bikd_core.toy.tables import (
    GROUPS,
    Beliefs,
    Biases,
    Condition,
    Ratios,
    TableError,
    biases_of,
    ratios_of,
    read_table,
)

FOLDER = ASSETS / "lesson"


def interval(mean: float) -> dict:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}


def report(factor: float, **accuracy_few: float) -> dict:
    """A report as `bikd compare --export` writes it, of KD at the given alphas."""
    lines = [
        {
            "method": f"kd:kd_alpha={name[1:].replace('_', '.')}",
            "values": {
                "accuracy": interval(0.5),
                "accuracy_many": interval(0.9),
                "accuracy_medium": interval(0.6),
                "accuracy_few": interval(few),
            },
        }
        for name, few in accuracy_few.items()
    ]
    controls = {"dataset": "digits", "epochs": 9, "imbalance_factor": factor, "label_noise": 0.0}
    return {"protocol": {"controls": controls, "seeds": [0, 1]}, "lines": lines}


def test_a_table_of_ratios_has_rising_alphas_and_knows_the_best_one():
    table = ratios_of([report(10, a1=0.2, a0_5=0.4, a0=0.3), report(50, a0=0.3, a0_5=0.2, a1=0.1)])
    first, second = table.conditions
    assert first.alphas == (0.0, 0.5, 1.0)
    assert (first.best("few"), second.best("few"), second.best("many")) == (1, 0, 0)
    assert (table.dataset, table.epochs, second.imbalance_factor) == ("digits", 9, 50)


def test_reports_of_several_lengths_make_no_table():
    other = copy.deepcopy(report(10, a0=0.1))
    other["protocol"]["controls"]["epochs"] = 8
    with pytest.raises(ValueError, match="too many values"):
        ratios_of([report(10, a0=0.1), other])


def test_a_condition_without_an_accuracy_for_each_alpha_is_refused():
    condition = ratios_of([report(10, a0=0.1, a1=0.2)]).conditions[0].model_dump()
    for change in ({"alphas": (0.0,)}, {"alphas": (1.0, 0.0)}, {"accuracy": {}}):
        with pytest.raises(ValueError, match=r"each group must have one|must have the groups"):
            Condition(**condition | change)


def test_a_table_of_class_biases_has_both_accuracies_of_each_method():
    lines = [
        {"method": name, "by_calibration": {"none": interval(x), "class_biases": interval(y)}}
        for name, x, y in (("kd", 0.5, 0.7), ("bikd", 0.6, 0.8))
    ]
    table = biases_of(report(50) | {"lines": lines})
    assert (table.without["kd"].mean, table.fitted["bikd"].mean) == (0.5, 0.8)
    with pytest.raises(ValueError, match="the same methods"):
        Biases(**table.model_dump() | {"fitted": {}})


@pytest.mark.parametrize("text", [None, "", "{", '{"dataset": "digits"}'])
def test_a_table_that_is_missing_or_broken_is_one_sentence(tmp_path, text):
    path = tmp_path / "ratios.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TableError, match=r"The table ratios.json is missing or cannot be read"):
        read_table(Ratios, path)


def test_the_tables_of_the_project_are_small_and_have_several_seeds():
    ratios = read_table(Ratios, FOLDER / "ratios.json")
    assert all(len(condition.seeds) >= 3 for condition in ratios.conditions)
    assert {group for each in ratios.conditions for group in each.accuracy} == set(GROUPS)
    assert read_table(Biases, FOLDER / "biases.json").without.keys() == {"kd", "bikd"}
    assert all(path.stat().st_size < 20_000 for path in FOLDER.glob("*.json"))


def test_the_recorded_beliefs_are_those_of_the_networks():
    recorded = read_table(Beliefs, FOLDER / "beliefs.json")
    made = beliefs_of(DigitNets(FOLDER / "digits.safetensors"))
    assert [each.number for each in made.pictures] == [each.number for each in recorded.pictures]
    for ours, theirs in zip(made.pictures, recorded.pictures, strict=True):
        assert (ours.label, ours.pixels) == (theirs.label, theirs.pixels)
        torch.testing.assert_close(
            torch.tensor(ours.teacher), torch.tensor(theirs.teacher), atol=5e-3, rtol=0
        )
    assert sum(recorded.mean_belief) == pytest.approx(1, abs=1e-3)
    assert made.mean_belief == pytest.approx(recorded.mean_belief, abs=1e-4)
