"""The figures of a comparison by value."""

import dataclasses
import json

import pytest

from app.figures import comparison as figures
from app.figures.comparison import Results
from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.studies import Gain, Interval
from bikd_core.studies.answer import answer
from bikd_core.studies.learning_rates import RateCurve
from bikd_core.studies.significance import PairedTest
from tests.made_up import epoch_done

NAMES = {"kd": "KD", "bikd": "BiKD", "ce": "CE"}


def results(by_method, *, turns=None, dataset="digits", reference="kd", per_class=None, few=None):
    """Balanced accuracies by method and seed; what is not given is as the samples have it."""
    config = RunConfig.from_flat({"dataset": dataset, "epochs": 1})
    made = epoch_done(1, config)
    epochs = {
        method: {
            seed: dataclasses.replace(
                made,
                accuracy=accuracy,
                accuracy_few=(few or {}).get(method, made.accuracy_few),
                accuracy_per_class=(per_class or {}).get(method, made.accuracy_per_class),
            )
            for seed, accuracy in enumerate(by_seed)
        }
        for method, by_seed in by_method.items()
    }
    lines = answer(epochs, dict.fromkeys(epochs, 0.1), reference, NAMES)
    return Results(
        lines=tuple(lines),
        reference=reference,
        reference_name=NAMES[reference],
        epochs=epochs,
        run_ids={
            method: {seed: f"{method}-{seed}" for seed in by_seed}
            for method, by_seed in epochs.items()
        },
        class_names=facts_of(dataset).class_names,
        class_counts=planned_counts(config.data),
        epoch_seconds=turns or {},
    )


def gain(label, balanced, few, p_value, seeds=(0, 1, 2)):
    """A gain of an objective, given (mean, low, high) of both metrics."""
    return Gain(
        objective="kd",
        weighted="bikd",
        label=label,
        seeds=seeds,
        differences={"accuracy": Interval(*balanced), "accuracy_few": Interval(*few)},
        tests=dict.fromkeys(("accuracy", "accuracy_few"), PairedTest(len(seeds), p_value, 2, 0.02)),
    )


def test_learned_weights_are_drawn_as_gains_with_what_may_be_claimed():
    found = (
        gain("KD", (0.10, 0.08, 0.12), (0.2, 0.1, 0.3), 0.001),
        gain("LTKD", (-0.01, -0.03, 0.01), (0.0, -0.1, 0.1), 0.4),
    )
    drawing = figures.learned_weights(dataclasses.replace(results(THREE), gains=found))
    drawn = traces(drawing)
    assert drawn["adds"]["x"] == [10.0]
    assert drawn["undecided"]["x"] == [-1.0]
    assert not drawn["takes"]["showlegend"]
    assert drawn["few"]["x"] == [20.0, 0.0]
    assert drawn["few"]["error_x"]["array"] == pytest.approx([10.0, 10.0])
    assert drawn["seeds"]["x"][:3] == [11.0, 10.0, 12.0]
    assert "Learned weights add balanced accuracy to KD (+10.0 ± 2.0 points)" in drawing.sentence
    assert "no claim about LTKD" in drawing.sentence
    assert "KD: +10.0 ± 2.0 balanced, +20.0 ± 10.0 few." in drawing.alt


def test_without_a_common_seed_the_gains_say_what_is_missing():
    found = (gain("KD", (0, None, None), (0, None, None), None)._replace(differences={}, seeds=()),)
    drawing = figures.learned_weights(dataclasses.replace(results(THREE), gains=found))
    assert "no answer yet" in drawing.sentence
    assert not drawing.data


def test_a_row_shows_the_accuracy_with_and_without_class_biases():
    both = {"none": Interval(0.5, 0.48, 0.52), "class_biases": Interval(0.7, 0.68, 0.72)}
    plain = results(THREE)
    lines = tuple(line._replace(by_calibration=both) for line in plain.lines)
    found = dataclasses.replace(
        plain, lines=lines, calibrations={"kd": "class_biases", "bikd": "none", "ce": "none"}
    )
    drawing = figures.who_wins(found)
    drawn = traces(drawing)
    assert [line.method for line in lines] == ["bikd", "kd", "ce"]
    assert (drawn["calibration-class_biases"]["x"], drawn["calibration-none"]["x"]) == (
        [70.0, 70.0],
        [50.0],
    )
    assert drawn["calibration-none"]["text"] == ["KD: 50.0 ± 2.0 % balanced without class biases"]
    assert "with class biases 70.0 ± 2.0" in drawing.alt
    assert not any(uid.startswith("calibration") for uid in traces(figures.who_wins(plain)))


THREE = {"kd": [0.50, 0.52, 0.54], "bikd": [0.61, 0.62, 0.66], "ce": [0.50, 0.53, 0.53]}


def traces(drawing):
    return {trace["uid"]: trace for trace in drawing.data}


def test_methods_stand_best_first_with_their_interval_and_their_seeds():
    drawing = figures.who_wins(results(THREE))
    drawn = traces(drawing)
    assert drawn["balanced"]["x"] == [63.0, 52.0, 52.0]
    # By hand: the deviations of 0.61, 0.62, 0.66 are -2, -1, 3 points; t(0.975, 2) = 4.3027.
    assert drawn["balanced"]["error_x"]["array"][0] == pytest.approx(4.3027 * (7 / 3) ** 0.5, 1e-3)
    assert drawn["seeds"]["x"] == [61.0, 62.0, 66.0, 50.0, 52.0, 54.0, 50.0, 53.0, 53.0]
    assert drawn["seeds"]["customdata"][:2] == ["bikd-0", "bikd-1"]
    assert "Highest mean: BiKD, 63.0 ± 6.6 % balanced (3 seeds)" in drawing.sentence
    assert "BiKD: 63.0 ± 6.6; many" in drawing.alt


def test_one_method_alone_has_no_rank():
    sentence = figures.who_wins(results({"kd": [0.5]}, few={"kd": 0.1})).sentence
    assert sentence.startswith("So far: KD, 50.0 % balanced (1 seed), 10.0 % on the few-shot")
    assert "best" not in sentence


def test_one_seed_alone_says_that_it_has_no_interval():
    drawing = figures.who_wins(results({"kd": [0.5], "bikd": [0.6]}))
    assert traces(drawing)["balanced"]["error_x"]["array"] == [0.0, 0.0]
    assert "One seed alone has no interval: BiKD, KD." in drawing.sentence
    compared = figures.differences(results({"kd": [0.5], "bikd": [0.6]}))
    assert "One common seed has no interval, so no claim about BiKD." in compared.sentence
    assert [trace["uid"] for trace in compared.data if trace["x"]] == ["seeds", "undecided"]


@pytest.mark.parametrize(
    ("few", "said"),
    [
        ({"kd": 0.1, "bikd": 0.3, "ce": 0.2}, "it is the best there too, 30.0 ± 0.0 %."),
        ({"kd": 0.4, "bikd": 0.3, "ce": 0.2}, "KD, 40.0 ± 0.0 %."),
        ({"kd": 0.3, "bikd": 0.3001, "ce": 0.2}, "BiKD and KD are level at 30.0 %."),
        ({"kd": 0.0, "bikd": 0.0, "ce": 0.0}, "all are level at 0.0 %."),
    ],
)
def test_the_best_on_the_tail_is_named_unless_there_is_none(few, said):
    sentence = figures.who_wins(results(THREE, few=few)).sentence
    assert sentence.endswith(f"on the few-shot classes {said}")


def test_a_marker_at_zero_is_whole():
    low, high = figures.who_wins(results(THREE)).layout["xaxis"]["range"]
    assert low < 0
    assert high > 100


def test_a_lead_is_claimed_only_where_its_corrected_test_allows_it():
    drawing = figures.differences(results(THREE))
    drawn = traces(drawing)
    assert drawn["ahead"]["x"] == [11.0]
    assert drawn["undecided"]["x"] == [0.0]
    assert drawn["behind"]["x"] == []
    assert "Ahead of KD: BiKD (+11.0 ± 2.5)." in drawing.sentence
    assert "No claim about CE: p ≥ 0.05 after Holm's correction over 2 comparisons." in (
        drawing.sentence
    )
    behind = figures.differences(results(THREE, reference="bikd"))
    assert "Behind BiKD: KD (−11.0 ± 2.5)" in behind.sentence


def test_differences_are_paired_by_seed_and_zero_is_in_sight():
    drawing = figures.differences(results({"kd": [0.5, 0.6], "bikd": [0.6, 0.71]}))
    assert traces(drawing)["seeds"]["x"] == [10.0, 11.0]
    low, high = drawing.layout["xaxis"]["range"]
    assert low < 0 < 11 < high


def test_the_reference_alone_says_what_is_missing():
    for draw in (figures.differences, figures.class_differences):
        drawing = draw(results({"kd": [0.5]}))
        assert drawing.data == []
        assert "KD and another method" in drawing.sentence


def test_class_differences_are_sorted_head_to_tail_and_bold_where_sure():
    config = RunConfig.from_flat({"epochs": 1})
    counts = planned_counts(config.data)
    base = tuple(0.5 for _ in counts)
    gained = tuple(0.5 + 0.01 * label for label in range(10))
    made = results({"kd": [0.5, 0.5], "bikd": [0.6, 0.6]}, per_class={"kd": base, "bikd": gained})
    [heat] = figures.class_differences(made).data
    order = sorted(range(10), key=lambda label: -counts[label])
    assert heat["z"][1] == pytest.approx([float(label) for label in order])
    assert heat["text"][1][-1] == "<b>+9</b>"
    assert heat["text"][1][0] == "+0"
    assert "the interval excludes 0 for 9 of 10 classes" in figures.class_differences(made).sentence


def test_no_class_is_said_to_be_in_bold_where_none_is():
    sentence = figures.class_differences(results({"kd": [0.5, 0.5], "bikd": [0.5, 0.5]})).sentence
    assert sentence.endswith("every class's interval includes 0.")


def test_a_hundred_classes_have_no_numbers_in_their_cells():
    [heat] = figures.class_differences(results(THREE, dataset="cifar100")).data
    assert "text" not in heat
    assert len(heat["z"][1]) == 100


TURNS = {"kd": (0.2, 0.4, 0.2), "bikd": (0.5, 1.0, 0.6), "ce": (0.1, 0.2, 0.1)}


def test_cost_is_relative_to_kd_turn_by_turn_whatever_the_reference():
    drawing = figures.cost(results(THREE, turns=TURNS, reference="ce"))
    [points] = drawing.data
    assert points["x"] == [2.5, 1.0, 0.5]
    assert points["error_x"]["array"][0] == pytest.approx(0.5)
    assert "Slowest: BiKD, 2.5 times KD (2.5 to 3.0 over the turns)" in drawing.sentence
    assert "Timed in 3 turns on this machine" in drawing.sentence
    assert "(KD: 0.2 s an epoch)" in drawing.sentence
    without = {method: THREE[method] for method in ("bikd", "ce")}
    [points] = figures.cost(results(without, turns=TURNS, reference="ce")).data
    assert points["x"] == [5.0, 1.0]


def test_without_a_timing_no_cost_is_drawn():
    drawing = figures.cost(results(THREE))
    assert not drawing.data
    assert "Runs of different moments or machines say nothing about it" in drawing.sentence
    assert not figures.cost(results({"bikd": [0.5]}, turns=TURNS)).data  # nothing to relate it to


def test_a_cost_without_a_difference_names_no_slowest_method():
    level = figures.cost(results(THREE, turns=dict.fromkeys(TURNS, (0.2, 0.2)))).sentence
    assert "None takes clearly longer than KD." in level
    disturbed = TURNS | {"bikd": (0.5, 0.3, 0.5), "ce": (0.1, 0.2, 0.1)}
    disturbed = figures.cost(results(THREE, turns=disturbed)).sentence  # 2.5, 0.75 and 2.5 times
    assert "None takes clearly longer than KD." in disturbed
    assert "Slowest" not in level
    alone = figures.cost(results({"kd": [0.5]}, turns=TURNS)).sentence
    assert "There is no other method to compare." in alone


@pytest.mark.parametrize("name", ["who_wins", "differences", "class_differences", "cost"])
def test_every_figure_is_json_with_a_question_an_answer_and_titled_axes(name):
    drawing = getattr(figures, name)(results(THREE, turns=TURNS))
    json.dumps(drawing)
    assert drawing.title.endswith("?")
    assert drawing.sentence in drawing.alt
    assert drawing.layout["xaxis"]["title"]["text"]
    assert drawing.layout["yaxis"]["title"]["text"]
    assert figures.who_wins(results({"kd": []})).data == []


def over_rates(accuracies, default=0.05):
    """Results of methods at learning rates, given balanced accuracies by label, rate and seed."""
    epochs, curves = {}, []
    for label, by_rate in accuracies.items():
        entries = {rate: f"{label}:{rate}" for rate in by_rate}
        made = epoch_done(1, RunConfig())
        for rate, values in by_rate.items():
            epochs[entries[rate]] = {
                seed: dataclasses.replace(made, accuracy=value) for seed, value in enumerate(values)
            }
        curves.append(RateCurve(label, default, tuple(entries), tuple(entries.values())))
    first = next(iter(epochs))
    lines = answer(epochs, dict.fromkeys(epochs, 0.1), first, {text: text for text in epochs})
    return dataclasses.replace(results(THREE), lines=tuple(lines), rate_curves=tuple(curves))


RATES = {
    "KD": {0.02: [0.4, 0.42], 0.05: [0.5, 0.52], 0.2: [0.6, 0.64], 0.5: [0.3]},
    "CE": {0.02: [0.3], 0.05: [0.4]},
    "BKD": {0.05: [0.7]},
    "DKD": {0.02: []},
}


def test_accuracy_is_drawn_over_the_learning_rate_with_the_default_marked():
    drawing = figures.learning_rates(over_rates(RATES))
    drawn = traces(drawing)
    assert [trace["name"] for trace in drawn.values()] == ["KD", "CE", "BKD"]
    assert drawn["rates-0"]["x"] == [0.02, 0.05, 0.2, 0.5]
    assert drawn["rates-0"]["y"] == [41.0, 51.0, 62.0, 30.0]
    assert drawn["rates-0"]["error_y"]["array"][3] == 0.0  # one seed has no interval
    assert drawn["rates-0"]["marker"]["symbol"] != drawn["rates-1"]["marker"]["symbol"]
    assert drawing.layout["shapes"][0]["x0"] == 0.05
    assert drawing.layout["xaxis"]["type"] == "log"
    assert "KD at 0.2 (11.0 points above 0.05)" in drawing.sentence
    assert "CE at 0.05. " in drawing.sentence
    assert "first or the last one for CE." in drawing.sentence
    assert "One rate alone: BKD." in drawing.sentence


def test_without_two_rates_the_figure_says_how_to_fill_it():
    for accuracies in ({"KD": {0.05: [0.5]}}, {"KD": {0.05: [], 0.2: []}, "CE": {0.05: [0.4]}}):
        drawing = figures.learning_rates(over_rates(accuracies))
        assert not drawing.data
        assert "add entries such as kd:learning_rate=0.1" in drawing.sentence
