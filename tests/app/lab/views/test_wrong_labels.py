"""Planted wrong labels in the views of a run, without a browser."""

import numpy as np
import pytest

from app.lab.views import VIEWS
from tests.app.shown import components, drawings
from tests.made_up import make_run

NOISY = {"over": "prior_kd", "weight_scale": "relative", "label_noise": 0.3}


def open_view(open_lab, run, view, **parameters):
    lab = open_lab(run=run.run_id, view=view, **parameters)
    assert not lab.exception
    return lab


def pictures(lab) -> list[dict]:
    [shown] = [data for data in components(lab) if "sections" in data]
    return [picture for _, part in shown["sections"] for picture in part]


def sentence(lab) -> str:
    [shown] = [data for data in components(lab) if "sections" in data]
    return shown["sentence"]


@pytest.fixture
def run(manager):
    return make_run(manager.places.runs, **NOISY)


@pytest.mark.parametrize("view", [view.name for view in VIEWS])
@pytest.mark.parametrize("method", [{}, {"over": "ce"}, {"method": "meta_weight_net"}])
def test_each_view_of_a_noisy_run_opens(open_lab, manager, view, method):
    open_view(open_lab, make_run(manager.places.runs, **NOISY | method), view)


def test_weights_mark_and_rank_the_wrong_labels(open_lab, run):
    shown = drawings(open_view(open_lab, run, "Weights"))
    for kind in ("hard", "soft"):
        figure = shown[f"figure-w-{kind}"]
        assert f"w_{kind} ranks them lower" in figure["sentence"]
        [marks] = [trace for trace in figure["data"] if trace["uid"] == "wrong-labels"]
        assert len(marks["x"]) == run.panel().is_wrong.sum()


@pytest.mark.parametrize("over", ["prior_kd", "ce"])
def test_the_surface_and_the_curve_mark_them(open_lab, manager, over):
    run = make_run(manager.places.runs, **NOISY | {"over": over})
    figure = drawings(open_view(open_lab, run, "Surface"))["figure-surface-hard"]
    [marks] = [trace for trace in figure["data"] if trace["uid"] == "wrong-labels"]
    assert marks["showlegend"]
    assert marks["name"] == "planted wrong label"


def test_a_picture_with_a_wrong_label_says_what_it_truly_is(open_lab, run):
    shown = pictures(open_view(open_lab, run, "Pictures"))
    panel = run.panel()
    assert any(picture["badge"] for picture in shown)
    for picture in shown:
        row = picture["id"]  # the made-up panel numbers its images from 0
        if panel.is_wrong[row]:
            assert picture["badge"] == f"truly {panel.true_labels[row]}"
            assert f"(planted wrong label, truly digit {panel.true_labels[row]})" in picture["alt"]
        else:
            assert picture["badge"] == ""
            assert "planted" not in picture["alt"]


def test_the_gallery_counts_the_wrong_labels_at_both_ends(open_lab, run):
    lab = open_view(open_lab, run, "Pictures")
    wrong = [bool(picture["badge"]) for picture in pictures(lab)]
    assert sentence(lab).endswith(
        f"{sum(wrong[:12])} of the 12 highest and {sum(wrong[12:])} of the 12 lowest have a "
        "planted wrong label."
    )


@pytest.mark.slow
def test_a_button_shows_only_the_wrong_labels(open_lab, run):
    lab = open_view(open_lab, run, "Pictures")
    lab.button(key="select_wrong_labels").click().run()
    assert all(picture["badge"] for picture in pictures(lab))
    number = int(run.panel().is_wrong.sum())
    assert sentence(lab) == f"At epoch 3, {number} pictures have a planted wrong label."
    assert lab.button(key="select_wrong_labels").disabled
    lab.button(key="clear_selection").click().run()
    assert not all(picture["badge"] for picture in pictures(lab))


def test_one_picture_says_its_label_and_its_true_class(open_lab, run):
    panel = run.panel()
    row = int(np.flatnonzero(panel.is_wrong)[0])
    lab = open_view(open_lab, run, "Pictures", picture=str(row))
    [portrait] = [data for data in components(lab) if "portrait" in data]
    count = run.events()[0].label_counts[panel.labels[row]]
    assert portrait["lines"][0] == f"Digit {panel.labels[row]}, one of {count} pictures labelled so"
    assert f"A planted wrong label: truly digit {panel.true_labels[row]}" in portrait["lines"]


def test_a_clean_run_has_neither_button_nor_badge(open_lab, manager):
    run = make_run(manager.places.runs, **NOISY | {"label_noise": 0})
    lab = open_view(open_lab, run, "Pictures")
    assert not any(picture["badge"] for picture in pictures(lab))
    assert "select_wrong_labels" not in {button.key for button in lab.button}
    assert "planted" not in sentence(lab)


def test_the_data_controls_count_the_wrong_labels(open_lab):
    lab = open_lab(label_noise="0.3", label_noise_kind="pairs")
    assert not lab.exception
    counts = next(data for data in components(lab) if "labels are wrong" in str(data))
    assert f"{round(0.3 * 293)} labels are wrong" in counts["sentence"]


def test_impossible_noise_in_an_address_is_one_sentence(open_lab):
    lab = open_lab(label_noise="0.9", head_count="20", imbalance_factor="20")
    assert not lab.exception
    [warning] = lab.warning
    assert "label_noise = 0.9 is not possible: it must be at most 0.84" in warning.value


def test_pictures_list_the_labels_that_weights_and_influence_doubt(open_lab, run):
    lab = open_view(open_lab, run, "Pictures")
    lab.button(key="select_doubted_labels").click().run()
    assert not lab.exception
    said = sentence(lab)
    assert "less than the mean w_hard, though D_val wants less of them still" in said
    assert "without out-of-fold teachers, such a list held hardly a wrong label" in said
    assert lab.button(key="select_doubted_labels").disabled


def test_with_out_of_fold_teachers_the_list_says_that_their_losses_are_as_good(open_lab, manager):
    run = make_run(manager.places.runs, **NOISY, teacher_folds=5)
    lab = open_view(open_lab, run, "Pictures")
    lab.button(key="select_doubted_labels").click().run()
    assert "no more wrong labels than its out-of-fold teachers' own losses" in sentence(lab)


def test_a_method_without_weights_doubts_no_labels(open_lab, manager):
    run = make_run(manager.places.runs, method="ce", label_noise=0.3)
    lab = open_view(open_lab, run, "Pictures")
    assert "select_doubted_labels" not in [button.key for button in lab.button]
