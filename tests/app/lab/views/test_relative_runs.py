"""Runs with relative weights in each view, without a browser."""

import numpy as np
import pytest

from app.lab.views import VIEWS
from bikd_core.config import RunConfig
from tests import made_up
from tests.app.shown import choose, components, drawings, words
from tests.made_up import make_run
from tests.repeated import first_quick

OVER = {"over": "prior_kd", "weight_scale": "relative"}
WITHOUT_TEACHER = {"over": "ce", "weight_scale": "relative"}
LEARNED = ("figure-class-shifts", "figure-shifts-over-epochs")


def open_view(open_lab, manager, view, **options):
    run = make_run(manager.places.runs, **options)
    lab = open_lab(run=run.run_id, view=view)
    assert not lab.exception
    return lab


@pytest.mark.parametrize("view", [view.name for view in VIEWS])
@pytest.mark.parametrize(
    "options", first_quick([OVER, WITHOUT_TEACHER, {"method": "meta_weight_net"}])
)
def test_each_view_opens(open_lab, manager, view, options):
    open_view(open_lab, manager, view, **options)


def test_weights_are_multiples_of_the_objectives_own(open_lab, manager):
    shown = drawings(open_view(open_lab, manager, "Weights", **OVER))
    assert shown["figure-w-hard"]["layout"]["xaxis"]["type"] == "log"
    for name in ("w-hard", "w-soft", "over-time"):
        assert "× the objective's own weight" in shown[f"figure-{name}"]["sentence"]
    assert "mean w_hard is" in shown["figure-mean-weights"]["sentence"]


def test_without_a_teacher_only_the_hard_loss_is_drawn(open_lab, manager):
    shown = drawings(open_view(open_lab, manager, "Weights", **WITHOUT_TEACHER))
    assert shown["figure-w-hard"]["data"]
    assert shown["figure-w-soft"]["sentence"] == (
        "BiKD over CE (relative) has no teacher, so there is no soft loss to weigh."
    )
    assert len(shown["figure-over-time"]["data"]) == 1


def test_the_surface_without_a_teacher_is_a_curve(open_lab, manager):
    shown = drawings(open_view(open_lab, manager, "Surface", **WITHOUT_TEACHER))
    assert shown["figure-surface-hard"]["data"][0]["uid"] == "curve"
    shown = drawings(open_view(open_lab, manager, "Surface", **OVER))
    assert shown["figure-surface-hard"]["data"][0]["uid"] == "surface"


@pytest.mark.slow
def test_points_stand_at_the_loss_that_the_net_saw_or_the_sentence_says_that_they_do_not(
    open_lab, manager
):
    shown = drawings(open_view(open_lab, manager, "Surface", **OVER))["figure-surface-hard"]
    title = shown["layout"]["xaxis"]["title"]["text"]
    assert title == "student's loss as the net saw it (nats)"
    assert "the points stand" not in shown["sentence"]
    options = {"prior": "hard", "weight_scale": "relative"}  # the frame keeps no such loss
    for inputs, is_said in (("shifted", True), ("plain", False)):
        lab = open_view(open_lab, manager, "Surface", **options, weight_net_inputs=inputs)
        shown = drawings(lab)["figure-surface-hard"]
        assert ("the points stand at the plain one" in shown["sentence"]) is is_said
        assert shown["layout"]["xaxis"]["title"]["text"] == "cross-entropy of the student (nats)"


@pytest.mark.parametrize(
    ("options", "drawn"), [({"class_shifts": "each"}, set(LEARNED)), ({}, set())]
)
def test_shifts_that_were_not_learned_have_no_figure(open_lab, manager, options, drawn):
    shown = drawings(open_view(open_lab, manager, "Outer loop", **OVER, **options))
    assert set(LEARNED) & set(shown) == drawn
    assert all(shown[name]["data"] for name in drawn)
    assert "the two agree" in shown["figure-class-pull"]["sentence"]
    assert "relative weights have mean 1" in shown["figure-mean-factor"]["sentence"]


def test_a_run_of_an_earlier_version_has_no_place_for_what_it_did_not_keep(open_lab, manager):
    shown = drawings(open_view(open_lab, manager, "Outer loop"))
    new = {"figure-half-weight", "figure-class-pull", "figure-class-influence", *LEARNED}
    assert not new & set(shown)
    assert "factor on the learning rate" in shown["figure-mean-factor"]["sentence"]


def test_images_whose_step_had_no_hypergradient_are_counted(open_lab, manager):
    lab = open_view(open_lab, manager, "Outer loop", **OVER, outer_every=2)
    sentence = drawings(lab)["figure-class-influence"]["sentence"]
    assert "147 of 293 images have none" in sentence


def test_beside_a_run_that_has_it_a_figure_says_that_the_other_has_nothing(open_lab, manager):
    run = make_run(manager.places.runs, **OVER, class_shifts="one")
    other = make_run(manager.places.runs)
    lab = open_lab(**{"run": run.run_id, "with": other.run_id, "view": "Outer loop"})
    assert not lab.exception
    shown = drawings(lab)
    assert shown["figure-class-shifts-A"]["data"]
    assert shown["figure-class-shifts-B"]["sentence"] == "This run has nothing to draw here."


def test_a_picture_has_its_weights_in_words(open_lab, manager):
    run = make_run(manager.places.runs, **OVER, outer_every=2)
    lab = open_lab(run=run.run_id, view="Pictures", picture="292")
    assert not lab.exception
    [portrait] = [data for data in components(lab) if "portrait" in data]
    config = RunConfig.from_flat({"epochs": 3} | OVER)
    hard, soft = made_up.relative_weights(config, 1)[292].astype(np.float16)
    assert f"Epoch 3: w_hard {hard:.2g}× · w_soft {soft:.2g}× · " in portrait["lines"][2]
    assert portrait["lines"][3] == (
        f"Its hard loss counts {hard:.2g}× and its soft loss {soft:.2g}× as much as the objective "
        "gives it"
    )
    choose(lab, "figure_of_picture", "influence")
    gap = drawings(lab)["figure-picture-influence"]
    assert gap["data"] == []
    assert "had a hypergradient" in gap["sentence"]


def test_a_gallery_of_one_loss_offers_no_other_order(open_lab, manager):
    lab = open_view(open_lab, manager, "Pictures", **WITHOUT_TEACHER)
    assert not [group for group in lab.get("button_group") if group.key == "gallery_by"]
    [shown] = [data for data in components(lab) if "sections" in data]
    assert "w_hard" in shown["sections"][0][0]
    assert shown["sections"][0][1][0]["value"].endswith("×")


def with_step(manager, arrays=None, **options):
    run = make_run(manager.places.runs, state="paused", **OVER, **options)
    rows = np.arange(8, dtype=np.int32)
    losses = np.linspace(0.1, 2, 8, dtype=np.float32)
    weights = np.ones((8, 2), np.float32)
    run.append(
        made_up.trace(
            2,
            8,
            rows,
            ce_student=losses,
            weights_before=weights,
            weights_after=weights,
            ce_teacher=losses,
            soft=losses,
            **{"influence": np.full((8, 2), np.nan, np.float32)} | (arrays or {}),
        )
    )
    return run


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"outer_from": 0.9}, "The weights begin later in this run"),
        ({"outer_every": 3}, "One step in 3 has a hypergradient, and step 8 is not one of them"),
    ],
)
@pytest.mark.parametrize("phase", first_quick([2, 3, 4]))
def test_a_step_that_did_not_ask_d_val_says_why(open_lab, manager, options, why, phase):
    run = with_step(manager, **options)
    lab = open_lab(run=run.run_id, view="One step", phase=str(phase + 1))
    assert not lab.exception
    [drawing] = [d for name, d in drawings(lab).items() if name != "class-counts"]
    assert drawing["data"] == []
    assert why in drawing["sentence"]


@pytest.mark.parametrize(("has_coefficients", "drawn"), [(True, True), (False, False)])
def test_whose_losses_did_that_is_drawn_where_the_trace_keeps_the_coefficients(
    open_lab, manager, has_coefficients, drawn
):
    coefficients = np.full((8, 2), [0.2, 0.8], np.float32)
    arrays = {
        "influence": np.ones((8, 2), np.float32),
        "outer_losses": np.array([2, 1.9], np.float32),
        **({"coefficients": coefficients, "parts": coefficients} if has_coefficients else {}),
    }
    run = with_step(manager, arrays)
    for phase, name in ((2, "pull"), (3, "outer-pull")):
        lab = open_lab(run=run.run_id, view="One step", phase=str(phase))
        assert not lab.exception
        uids = [
            bars["uid"] for bars in drawings(lab).get(f"figure-step-{name}", {"data": []})["data"]
        ]
        assert any(uid.endswith("soft") for uid in uids) is drawn


def test_the_step_is_told_in_the_words_of_relative_weights(open_lab, manager):
    lab = open_lab(run=with_step(manager).run_id, view="One step")
    assert "divided by their mean: 1 is the objective's own weight" in words(lab)


def test_the_view_can_be_chosen_from_another(open_lab, manager):
    lab = open_view(open_lab, manager, "Weights", **OVER)
    choose(lab, "view", "Surface")
    assert not lab.exception
