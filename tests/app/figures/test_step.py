"""The phases of a step by value, on a batch of six pictures made by hand."""

import dataclasses
import json

import numpy as np
import pytest

from app.figures import step as figures
from app.figures.drawing import GROUP_COLOURS
from app.figures.step import Extremes, Step
from app.figures.step.new_weights import magnification
from app.figures.step.outer_losses import outer_parts
from tests import made_up

# Classes by rising label: c is the tail, a the head.
STARTED = made_up.started(
    class_names=("a", "b", "c"),
    class_counts=(100, 10, 1),
    teacher="t",
    teacher_accuracy_per_class=(1.0, 1.0, 1.0),
)
LABELS = np.array([0, 0, 0, 1, 1, 2])
TRACE = made_up.trace(
    2,
    7,
    np.arange(6),
    ce_student=np.array([0.0, 0.1, 0.2, 1.0, 1.1, 3.0], np.float32),
    losses=np.array([0.3] * 6, np.float32),
    weights_before=np.array([[0.5, 0.4]] * 6, np.float32),
    weights_after=np.array([[0.5, 0.4]] * 3 + [[0.51, 0.39]] * 2 + [[0.52, 0.4]], np.float32),
    ce_teacher=np.array([0.1] * 6, np.float32),
    soft=np.array([1.0] * 6, np.float32),
    influence=np.array(
        [[0.5, 1.0], [0.2, 0.0], [0.0, -1.0], [-0.5, 2.0], [0.3, 1.0], [-4.0, -6.0]], np.float32
    ),
    outer_losses=np.array([2.0, 1.9], np.float32),
)
PLAIN = made_up.trace(1, 1, TRACE.rows, ce_student=TRACE.ce_student)


def step_of(trace=TRACE, inner_steps=1, meta_loss="hard", **changes):
    trace = dataclasses.replace(trace, **changes)
    return Step(trace, LABELS, STARTED, inner_steps, np.arange(6), meta_loss)


def traces(drawing):
    return {trace["uid"]: trace for trace in drawing.data}


def test_bands_are_all_classes_head_to_tail_with_their_pictures():
    step = step_of()
    assert [band.name for band in step.bands] == ["a", "b", "c"]
    assert [band.members.tolist() for band in step.bands] == [[0, 1, 2], [3, 4], [5]]
    axis = figures.batch(step).layout["yaxis"]
    assert axis["ticktext"] == ["a (3)", "b (2)", "c (1)"]
    assert axis["tickvals"] == [0, -1, -2]


def test_many_classes_are_drawn_as_thirds():
    started = dataclasses.replace(
        STARTED,
        class_names=tuple(map(str, range(30))),
        class_counts=tuple(range(60, 30, -1)),
        teacher_accuracy_per_class=(1.0,) * 30,
    )
    step = Step(TRACE, np.array([0, 1, 29, 15, 15, 2]), started, 1, np.arange(6), "hard")
    assert [band.name for band in step.bands] == ["many", "medium", "few"]
    assert [len(band.members) for band in step.bands] == [3, 2, 1]


def test_a_class_that_the_batch_lacks_has_an_empty_band():
    step = Step(TRACE, np.zeros(6, int), STARTED, 1, np.arange(6), "hard")
    assert [len(band.members) for band in step.bands] == [6, 0, 0]
    for drawing in all_of(step):
        json.dumps(drawing._asdict(), allow_nan=False)


def test_the_batch_has_both_losses_of_each_picture_and_zero_stays_on_the_log_axis():
    drawing = figures.batch(step_of())
    marks = traces(drawing)
    assert marks["student-many"]["x"] == [0.001, 0.1, 0.2]
    assert marks["student-medium"]["x"] == [1.0, 1.1]
    assert marks["student-few"]["x"] == [3.0]
    assert marks["student-many"]["customdata"][0][1] == 0.0  # the hover text has the true value
    assert marks["teacher"]["x"] == [0.1] * 6
    assert "Of the 6 pictures 3 are of many-shot classes and 1 of few-shot" in drawing.sentence
    assert "is 0.90: 0.10 on many, 3.00 on few; the teacher's is 0.10" in drawing.sentence


def test_strips_of_pictures_stand_in_their_band():
    images = figures.batch(step_of(), ["data:a", "", "data:c"]).layout["images"]
    assert [(image["source"], image["y"]) for image in images] == [("data:a", 0), ("data:c", -2)]
    assert figures.batch(step_of()).layout["images"] == []


def test_the_pull_adds_up_to_the_loss():
    step = step_of()
    bars = traces(figures.pull(step))
    hard = 0.5 * np.array([0.3, 2.1, 3.0]) / 6
    soft = 0.4 * np.array([3, 2, 1]) / 6
    assert bars["pull-hard"]["x"] == pytest.approx(hard, abs=1e-5)
    assert bars["pull-soft"]["x"] == pytest.approx(soft, abs=1e-5)
    total = hard.sum() + soft.sum()
    sentence = figures.pull(step).sentence
    assert f"L_tr = {total:.3f}: 0.450 from the hard loss (mean weight 0.50)" in sentence
    assert f"Few-shot classes are {100 * (hard[2] + soft[2]) / total:.0f} % of it" in sentence


def test_without_a_weight_net_the_pull_is_the_plain_loss():
    step = step_of(PLAIN)
    assert not step.has_weight_net
    [bars] = figures.pull(step).data
    assert bars["x"] == pytest.approx([0.05, 0.35, 0.5])
    assert "plain mean, 0.900; few-shot classes are 56 % of it" in figures.pull(step).sentence


@pytest.mark.parametrize(
    ("after", "words"),
    [(1.9, "fell from 2.0000 to 1.9000 (−0.1000)"), (2.25, "rose"), (2.0, "stayed")],
)
def test_the_outer_loss_says_whether_it_fell(after, words):
    drawing = figures.outer_loss(
        step_of(outer_losses=np.array([2.0, after], np.float32), meta_loss="mix")
    )
    assert drawing.data[0]["y"] == [2.0, after]
    assert words in drawing.sentence
    low, high = drawing.layout["yaxis"]["range"]
    assert low < min(2.0, after) <= max(2.0, after) < high
    assert drawing.layout["yaxis"]["title"]["text"] == "hard + soft loss on D_val (nats)"


def test_the_parts_of_the_thirds_are_weight_times_influence():
    expected = [[0.5 * 0.7, 0.4 * 0.0], [0.5 * -0.2, 0.4 * 3.0], [0.5 * -4.0, 0.4 * -6.0]]
    assert outer_parts(step_of()) == pytest.approx(np.array(expected) / 6, abs=1e-6)
    drawing = figures.outer_pull(step_of())
    assert "the soft losses of few-shot classes lower the D_val loss most (−0.40)" in (
        drawing.sentence
    )
    assert "the soft losses of medium-shot classes work against it (+0.20)" in drawing.sentence
    assert "Together: −0.49" in drawing.sentence


def test_the_parts_foretell_the_change_of_the_outer_loss():
    """To first order ΔL_val = η · Σ parts: here for a student with one number, L_val = θ²/2."""
    rate, theta = 1e-4, 3.0
    weights = TRACE.weights_before.astype(np.float64)
    slopes = np.linspace(-1, 1, 12).reshape(6, 2)  # of each picture's two losses
    virtual = theta - rate * (weights * slopes).sum() / 6
    influence = (-virtual * slopes).astype(np.float32)
    step = step_of(influence=influence)
    change = virtual**2 / 2 - theta**2 / 2
    assert rate * outer_parts(step).sum() == pytest.approx(change, rel=1e-3)


def test_influence_is_sorted_on_one_axis_for_both_kinds():
    step = step_of()
    hard, soft = figures.influence(step, "hard"), figures.influence(step, "soft")
    values = {rank: y for bar in hard.data for rank, y in zip(bar["x"], bar["y"], strict=True)}
    assert [values[rank] for rank in range(6)] == pytest.approx([-4, -0.5, 0, 0.2, 0.3, 0.5])
    assert figures.order_of(step, "hard").tolist() == [5, 3, 2, 1, 4, 0]
    assert hard.layout["yaxis"]["range"] == soft.layout["yaxis"]["range"]
    assert hard.layout["yaxis"]["range"][1] >= 6
    assert traces(hard)["influence-few"]["marker"]["color"] == GROUP_COLOURS["few"]
    assert "of 2 of the 6 pictures, most of a c (few-shot, −4.00)" in hard.sentence
    assert "Mean: +0.23 many, −0.10 medium, −4.00 few." in hard.sentence


def test_pictures_of_both_ends_stand_under_the_bars():
    bare = figures.influence(step_of(), "hard")
    drawing = figures.influence(step_of(), "hard", Extremes("data:more", "data:less"))
    more, less = drawing.layout["images"]
    assert (more["source"], more["x"], less["source"], less["x"]) == (
        "data:more",
        0,
        "data:less",
        1,
    )
    assert drawing.layout["yaxis"]["domain"][0] >= more["y"] > 0
    assert not bare.layout["images"]


def test_influence_that_nobody_wants_more_of_says_so():
    step = step_of(influence=np.ones((6, 2), np.float32))
    assert "of none of the 6 pictures" in figures.influence(step, "soft").sentence


@pytest.mark.parametrize(
    ("step", "k", "gathered", "closed"),
    [(7, 1, 1, True), (7, 5, 2, False), (10, 5, 5, True), (11, 5, 1, False), (40, 40, 40, True)],
)
def test_the_window_counts_the_gathered_hypergradients(step, k, gathered, closed):
    made = step_of(inner_steps=k, step=step)
    assert (made.num_gathered, made.window_closed) == (gathered, closed)
    drawing = figures.window(made)
    assert sum(drawing.data[0]["x"]) >= k
    assert drawing.sentence.startswith("Yes" if closed else f"No: {gathered} of k = {k}")


def test_the_window_has_a_square_for_each_step():
    [bar] = figures.window(step_of(inner_steps=5, step=7)).data
    assert bar["x"] == [1] * 5
    assert [colour == "#0072B2" for colour in bar["marker"]["color"]] == [True, True] + [False] * 3
    assert "3 more steps" in figures.window(step_of(inner_steps=5, step=7)).sentence
    [wide] = figures.window(step_of(inner_steps=60, step=61)).data
    assert wide["x"] == [1, 59]


def test_the_answer_counts_the_weights_that_went_as_wished():
    hard, soft = figures.answer(step_of(), "hard"), figures.answer(step_of(), "soft")
    assert hard.sentence.startswith("2 of 6 weights of the hard loss")  # pictures 3 and 5
    assert soft.sentence.startswith("2 of 6 weights of the soft loss")  # pictures 3 and 4
    assert traces(hard)["answer-few"]["x"] == [-4.0]
    assert traces(hard)["answer-few"]["y"] == pytest.approx([0.02], abs=1e-6)
    for name in ("xaxis", "yaxis"):
        assert hard.layout[name]["range"] == soft.layout[name]["range"]


def test_new_weights_are_dumbbells_whose_magnification_is_said():
    after = TRACE.weights_before + np.float32(0.0004) * np.arange(12).reshape(6, 2)
    before = TRACE.weights_before + np.linspace(0, 0.4, 6, dtype=np.float32)[:, None]
    step = step_of(weights_before=before, weights_after=before + (after - TRACE.weights_before))
    times = magnification(step)
    assert times == 10  # 0.0044 · 10 fits a tenth of 0.5, 0.0044 · 20 does not
    drawing = figures.new_weights(step, "soft")
    ends = traces(drawing)
    assert ends["after"]["name"] == "after (moves × 10)"
    moved = np.array(ends["after"]["x"]) - np.array(ends["before"]["x"])
    assert moved == pytest.approx(times * 0.0004 * np.arange(1, 12, 2), abs=2e-5)
    true = [value for _, value in ends["after"]["customdata"]]
    assert true == pytest.approx(step.trace.weights_after[:, 1], abs=1e-5)
    margin = [note["text"] for note in drawing.layout["annotations"]]
    assert margin == ["+0.0012", "+0.0032", "+0.0044"]
    assert (
        drawing.layout["xaxis"]["range"]
        == (figures.new_weights(step, "hard").layout["xaxis"]["range"])
    )


def test_weights_that_did_not_move_are_said_to_stay():
    drawing = figures.new_weights(step_of(weights_after=TRACE.weights_before), "hard")
    assert "the weight net has not moved, so the mean w_hard stays 0.500" in drawing.sentence
    assert traces(drawing)["after"]["name"] == "after"


def all_of(step):
    kinds = ("hard", "soft")
    return [
        figures.batch(step),
        figures.pull(step),
        figures.outer_loss(step),
        figures.outer_pull(step),
        figures.window(step),
        *(figures.influence(step, kind) for kind in kinds),
        *(figures.answer(step, kind) for kind in kinds),
        *(figures.new_weights(step, kind) for kind in kinds),
    ]


def test_all_figures_are_strict_json_with_a_question_and_their_sentence_in_the_alt_text():
    for drawing in all_of(step_of()):
        json.dumps(drawing._asdict(), allow_nan=False)
        uids = [trace["uid"] for trace in drawing.data]
        assert len(set(uids)) == len(uids)
        assert all(uid.replace("-", "").isalnum() for uid in uids)
        assert drawing.title.endswith("?")
        assert drawing.sentence in drawing.alt


def test_a_step_with_a_loss_that_is_no_number_is_known_as_such():
    assert step_of().is_finite
    assert not step_of(soft=np.full(6, np.nan, np.float32)).is_finite


@pytest.mark.parametrize(
    "draw",
    [
        figures.outer_loss,
        figures.outer_pull,
        lambda step: figures.influence(step, "hard"),
        lambda step: figures.new_weights(step, "soft"),
    ],
)
def test_what_a_method_without_weight_net_lacks_is_not_drawn(draw):
    with pytest.raises(ValueError, match="without a weight net"):
        draw(step_of(PLAIN))


RELATIVE = {
    "weights_before": np.array([[1.0, 0.5]] * 3 + [[2.0, 1.0]] * 3, np.float32),
    "weights_after": np.array([[1.01, 0.5]] * 3 + [[2.0, 1.0]] * 3, np.float32),
}


def relative_step(trace=None, **facts):
    step = step_of(**(RELATIVE | (trace or {})))
    return dataclasses.replace(step, scale="relative", **facts)


def test_relative_weights_stand_on_a_log_axis_where_equal_ratios_are_equal_moves():
    drawing = figures.new_weights(relative_step(), "hard")
    assert drawing.layout["xaxis"]["type"] == "log"
    ends = traces(drawing)
    times = int(ends["after"]["name"].split("× ")[1].rstrip(")"))
    moved = np.log(np.array(ends["after"]["x"]) / np.array(ends["before"]["x"]))
    assert moved[:3] == pytest.approx([times * np.log(1.01)] * 3, rel=1e-3)
    low, high = 10 ** np.array(drawing.layout["xaxis"]["range"])
    assert low < 0.5 < max(ends["after"]["x"]) < high
    assert drawing.sentence.startswith("Mean w_hard: +0.0100× to 1.01× on many")
    assert "their mean stays 1" in figures.answer(relative_step(), "hard").sentence


def test_an_earlier_trace_of_losses_with_a_prior_is_not_split():
    drawing = figures.pull(relative_step(has_plain_losses=False))
    [bars] = drawing.data
    assert sum(bars["x"]) == pytest.approx(TRACE.losses.mean())
    assert drawing.sentence.startswith(
        "The loss is 0.300, with a mean weight of 1.5× for the hard loss and 0.75× for the soft "
        "loss."
    )


def test_a_method_with_one_loss_has_no_soft_part():
    weights = RELATIVE["weights_before"] * (1, 0)
    alone = {"soft": None, "ce_teacher": None, "weights_before": weights, "weights_after": weights}
    step = relative_step(alone, kinds=("hard",))
    [bars] = figures.pull(step).data
    assert sum(bars["x"]) == pytest.approx((weights[:, 0] * TRACE.ce_student).mean(), abs=1e-4)
    assert outer_parts(step).shape == (3, 1)
    for drawing in (
        figures.pull(step),
        figures.outer_pull(step),
        figures.new_weights(step, "hard"),
    ):
        json.dumps(drawing._asdict(), allow_nan=False)
        assert "soft" not in drawing.sentence


def test_a_step_without_a_hypergradient_is_finite_and_moves_nothing():
    step = step_of(outer_losses=None, influence=np.full((6, 2), np.nan, np.float32))
    assert step.is_finite
    assert not step.has_hypergradient
    assert not step.window_closed
    assert step_of(influence=np.full((6, 2), np.nan, np.float32)).is_finite is False


@pytest.mark.parametrize(
    ("step", "every", "before", "gathered"),
    [(1, 2, 0, 1), (3, 2, 0, 2), (5, 2, 0, 3), (7, 2, 0, 1), (7, 2, 4, 2), (7, 1, 5, 2)],
)
def test_the_window_counts_only_steps_with_a_hypergradient_since_the_weights_began(
    step, every, before, gathered
):
    made = dataclasses.replace(
        step_of(inner_steps=3, step=step), outer_every=every, steps_before=before
    )
    assert made.num_gathered == gathered


def test_before_the_weights_begin_nothing_is_gathered():
    made = dataclasses.replace(step_of(inner_steps=3, step=7), steps_before=7)
    assert (made.num_gathered, made.window_closed) == (0, False)


def test_rows_of_pictures_that_are_cut_say_how_many_they_show():
    labels = np.array([0] * 30 + [1] * 12 + [2] * 13)
    trace = made_up.trace(1, 1, np.arange(len(labels)))
    step = Step(trace, labels, STARTED, 1, np.arange(len(labels)), "hard")
    notes = figures.batch(step, ["data:a", "data:b", "data:c"]).layout["annotations"]
    assert {note["y"]: note["text"] for note in notes} == {0: "12 of 30", -2: "12 of 13"}
    assert not figures.batch(step).layout["annotations"]
