"""The view of the training pictures, without a browser."""

import dataclasses
import json

import numpy as np
import pytest

from app.lab.views.images.selection import Selected, Selection
from tests import made_up
from tests.app.pictured import frame, make_pictured_run
from tests.app.shown import choose, components
from tests.made_up import make_run
from tests.repeated import first_quick


def select(lab, run_id: str, selection: Selection) -> None:
    """As a click on the figure w_hard does."""
    lab.session_state["session"].selected = Selected(run_id, "w_hard", selection)


def galleries(lab) -> list[dict]:
    return [data for data in components(lab) if "sections" in data]


def portraits(lab) -> list[dict]:
    return [data for data in components(lab) if "portrait" in data]


def titles(lab) -> set[str]:
    return {data["title"] for data in components(lab) if "alt" in data}


def test_the_gallery_shows_the_extremes_of_the_chosen_epoch(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", epoch="2")
    assert not lab.exception
    [shown] = galleries(lab)
    (_, highest), (_, lowest) = shown["sections"]
    assert [picture["id"] for picture in highest] == [2 * row for row in range(292, 280, -1)]
    assert [picture["id"] for picture in lowest] == [2 * row for row in range(12)]
    assert highest[0]["alt"] == "digit 9, w_hard 0.80"
    assert highest[0]["group"] == "few"
    assert highest[0]["image"].startswith("data:image/png;base64,")
    assert shown["sentence"] == (
        "At epoch 2, of 293 training pictures, 10 of the 12 highest and 0 of the 12 lowest are of "
        "few-shot classes."
    )
    assert len(json.dumps(shown)) < 20_000


def test_the_order_can_be_that_of_the_soft_weights(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures")
    choose(lab, "gallery_by", "soft")
    [shown] = galleries(lab)
    assert shown["sections"][0][1][0]["id"] == 0
    assert shown["sections"][0][1][0]["alt"] == "digit 0, w_soft 0.90"


def test_the_order_outlasts_another_view_and_is_in_the_address(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", order="soft")
    assert galleries(lab)[0]["sections"][0][1][0]["alt"] == "digit 0, w_soft 0.90"
    choose(lab, "view", "Accuracy")
    assert lab.query_params["order"] == "soft"
    choose(lab, "view", "Pictures")
    assert galleries(lab)[0]["sections"][0][1][0]["alt"] == "digit 0, w_soft 0.90"
    choose(lab, "gallery_by", "hard")
    assert "order" not in lab.query_params


def test_a_picture_of_the_link_shows_its_history(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", picture="200")
    [shown] = portraits(lab)
    assert shown["portrait"]["id"] == 200
    assert "No. 200 of Digits 8×8" in shown["lines"]
    for figure, title in {
        "losses": "Do student and teacher know it?",
        "influence": "Does the validation set want more of it?",
        "weights": "How much weight does this picture get?",
    }.items():
        choose(lab, "figure_of_picture", figure)
        assert title in titles(lab)
    assert lab.query_params["picture"] == "200"
    lab.button(key="close_picture").click().run()
    assert not portraits(lab)
    assert "picture" not in lab.query_params


@pytest.mark.parametrize("picture", first_quick(["-1", "x", "1e3", "9" * 12, "٣"]))
def test_junk_for_a_picture_is_named(open_lab, manager, picture):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", picture=picture)
    assert not lab.exception
    assert "picture = " in lab.warning[0].value


def test_a_picture_that_the_run_has_not_is_named(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", picture="201")
    assert "Picture 201 is not among" in lab.info[0].value


def test_a_selection_filters_the_gallery_and_is_cleared(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures")
    select(lab, run.run_id, Selection("digit 9", (9,)))
    lab.run()
    [(title, items)] = galleries(lab)[0]["sections"]
    assert title == "All 2, highest w_hard first"
    assert {picture["name"] for picture in items} == {"9"}
    lab.button(key="clear_selection").click().run()
    assert len(galleries(lab)[0]["sections"]) == 2


def test_a_selection_is_that_of_one_run_only(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures")
    select(lab, "another-run", Selection("digit 9", (9,)))
    lab.run()
    assert len(galleries(lab)[0]["sections"]) == 2


def test_a_strip_of_what_was_clicked_on_stands_under_the_figures(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id)
    assert not galleries(lab)
    select(lab, run.run_id, Selection("digit 0", (0,)))
    lab.run()
    [strip] = galleries(lab)
    assert len(strip["sections"][0][1]) == 12
    assert strip["sections"][0][0] == "Highest w_hard: 12 of 106 shown"
    select(lab, run.run_id, Selection("digit 3", (3,)))  # 28 pictures
    lab.run()
    assert galleries(lab)[0]["sections"][0][0] == "Highest w_hard: 12 of 28 shown"
    select(lab, run.run_id, Selection("digit 4", (4,)))
    lab.run()
    assert galleries(lab)[0]["sections"][0][0] == "Highest w_hard: 12 of 18 shown"
    select(lab, run.run_id, Selection("digit 6", (6,)))
    lab.run()
    assert galleries(lab)[0]["sections"][0][0] == "All 7, highest w_hard first"
    lab.button(key="open_pictures").click().run()
    assert lab.query_params["view"] == "Pictures"


def test_a_method_without_weights_is_ordered_by_the_students_loss(open_lab, manager):
    run = make_pictured_run(manager.places.runs, method="ce")
    lab = open_lab(run=run.run_id, view="Pictures", picture="200")
    assert not lab.exception
    [shown] = galleries(lab)
    assert "CE has no weights, so the student's loss orders them." in shown["sentence"]
    assert shown["sections"][0][1][0]["id"] == 2 * 292
    assert shown["sections"][0][1][0]["alt"] == "digit 9, loss 0.97"


def test_pictures_that_are_not_on_this_machine_are_told_how_to_get(open_lab, manager):
    folder = make_run(manager.places.runs, dataset="cifar10", done=1)
    with folder.lock():
        folder.append(made_up.panel(np.array([0, 9]), np.array([4, 5])))
        weights = np.array([[0.2, 0.3], [0.4, 0.5]], dtype=np.float16)
        folder.append(made_up.frame(1, np.ones(2), 10, weights=weights))
    lab = open_lab(run=folder.run_id, view="Pictures")
    assert not lab.exception
    [shown] = galleries(lab)
    assert "The pictures of CIFAR-10 are not in" in shown["sentence"]
    assert shown["sections"] == [["", []]]  # no grey boxes
    lab = open_lab(run=folder.run_id, view="Pictures", picture="5")
    assert not lab.exception
    assert [caption for caption in lab.caption if "pictures of CIFAR" in caption.value]
    assert not [data for data in components(lab) if "lines" in data]


def test_a_damaged_frame_is_named(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    (run.path / "frames" / "0003.npz").write_bytes(b"junk")
    lab = open_lab(run=run.run_id, view="Pictures")
    assert not lab.exception
    assert "0003" in galleries(lab)[0]["sentence"]


def test_a_picture_says_what_student_and_teacher_believe(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    [portrait] = portraits(open_lab(run=run.run_id, view="Pictures", picture="8"))
    assert any("earlier version" in line for line in portrait["lines"])
    run = make_pictured_run(manager.places.runs)
    for epoch in (1, 2, 3):
        count = len(frame(epoch).ce_student)
        top = np.tile(np.array([[4, 1, 9]], dtype=np.uint8), (count, 1))
        belief = np.tile(np.array([[204, 26, 10]], dtype=np.uint8), (count, 1))
        run.append(dataclasses.replace(frame(epoch), student_top=top, student_belief=belief))
    [portrait] = portraits(open_lab(run=run.run_id, view="Pictures", picture="8"))
    assert any(
        line.startswith("Student believes: 4 80 %") and "1 10 %" in line
        for line in portrait["lines"]
    )
    assert not any(line.startswith("Teacher") for line in portrait["lines"])


@pytest.mark.parametrize(
    "damage",
    first_quick(
        [
            {"student_top": np.full((293, 3), 10, np.uint8)},  # no such class
            {"student_top": np.zeros((292, 3), np.uint8)},
            {"student_top": np.zeros((293, 0), np.uint8)},
            {"student_top": np.full((293, 3), -1, np.int16)},
            {"student_belief": np.zeros((293, 2), np.uint8)},
            {"teacher_top": np.zeros(293, np.uint8), "teacher_belief": np.zeros(293, np.uint8)},
        ]
    ),
)
def test_beliefs_that_cannot_be_of_this_run_are_named_and_break_nothing(open_lab, manager, damage):
    run = make_pictured_run(manager.places.runs)
    fitting = {name: np.zeros((293, 3), np.uint8) for name in ("student_top", "student_belief")}
    with run.lock():
        run.append(dataclasses.replace(frame(3), **fitting | damage))
    lab = open_lab(run=run.run_id, view="Pictures", picture="8")
    assert not lab.exception
    [name, *_] = damage
    assert f"0003.npz: {name} " in galleries(lab)[0]["sentence"]
