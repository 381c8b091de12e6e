"""The view of one step without a browser: steps written by hand into a run's folder."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.lab.views.phases import PHASES, PLAIN_PHASES
from bikd_core.events import StepTrace
from tests import made_up
from tests.app import shown
from tests.made_up import make_run
from tests.repeated import first_quick

NUM_PICTURES = 8


def with_steps(manager, *, steps=((2, 7), (3, 12)), **options):
    """A run in which these steps, as (epoch, step), were under the lens."""
    run = make_run(manager.places.runs, **{"state": "paused"} | options)
    labels = made_up.labels_of(run.record().config)
    run.append(made_up.panel(labels))
    rows = np.linspace(0, len(labels) - 1, NUM_PICTURES).astype(np.int32)
    for epoch, step in steps:
        run.append(trace(epoch, step, rows, options.get("method", "bikd") == "bikd"))
    return run


def trace(epoch: int, step: int, rows: np.ndarray, has_weights: bool) -> StepTrace:
    losses = np.linspace(0.1, 2, len(rows), dtype=np.float32)
    if not has_weights:
        return made_up.trace(epoch, step, rows, ce_student=losses)
    weights = np.full((len(rows), 2), 0.5, np.float32)
    return made_up.trace(
        epoch,
        step,
        rows,
        ce_student=losses,
        weights_before=weights,
        weights_after=weights + np.float32(0.001 * step),
        ce_teacher=losses / 2,
        soft=losses,
        influence=np.stack([-losses, losses], axis=1),
        outer_losses=np.array([2, 1.9], np.float32),
    )


def drawings(lab: AppTest) -> dict[str, dict]:
    return {
        name.removeprefix("figure-step-"): data
        for name, data in shown.drawings(lab).items()
        if name.startswith("figure")
    }


def bar(lab: AppTest) -> dict:
    """What the stepper was given."""
    [found] = [data for data in shown.components(lab) if "phases" in data]
    return found


def go_to(lab: AppTest, run, phase: int, step: int | None = None) -> AppTest:
    """As the stepper does it in the browser."""
    lab.session_state[f"stepper {run.run_id} 1"] = {"place": {"phase": phase, "step": step}}
    return lab.run()


@pytest.fixture
def open_step(open_lab):
    return lambda run, **more: open_lab(run=run.run_id, view="One step", **more)


FIGURES = [
    {"batch"},
    {"pull"},
    {"outer-loss", "outer-pull"},
    {"influence-hard", "influence-soft"},
    {"answer-hard", "answer-soft"},
    {"new-hard", "new-soft"},
]


def test_the_view_opens_at_the_first_phase_of_the_newest_step(open_step, manager):
    lab = open_step(with_steps(manager))
    assert not lab.exception
    assert bar(lab)["phases"] == [phase.name for phase in PHASES]
    assert bar(lab)["steps"] == [[7, 2], [12, 3]]
    assert (bar(lab)["nearest"], bar(lab)["step"], bar(lab)["phase"]) == (12, None, 0)
    assert set(drawings(lab)) == {"batch"}
    assert drawings(lab)["batch"]["layout"]["images"]  # digits are always at hand


@pytest.mark.slow
def test_each_phase_has_its_figures_and_stays_small_enough_to_poll(open_step, manager):
    run = with_steps(manager)
    lab = open_step(run)
    for phase, names in enumerate(FIGURES):
        go_to(lab, run, phase)
        assert not lab.exception
        shown = drawings(lab)
        assert set(shown) == names
        for drawing in shown.values():
            assert drawing["data"]
            assert drawing["sentence"] in drawing["alt"]
        assert sum(len(json.dumps(drawing)) for drawing in shown.values()) < 100_000


def test_an_earlier_step_is_chosen_from_the_list(open_step, manager):
    run = with_steps(manager)
    lab = open_step(run)
    newest = drawings(go_to(lab, run, 5))["new-hard"]
    earlier = drawings(go_to(lab, run, 5, 7))["new-hard"]
    assert "+0.0120" in newest["sentence"]
    assert "+0.0070" in earlier["sentence"]


def test_the_step_nearest_to_the_epoch_looked_at_is_shown(open_step, manager):
    run = with_steps(manager, done=9, steps=((1, 1), (4, 16), (4, 17), (9, 41)))
    shown = {
        epoch: bar(open_step(run, epoch=str(epoch)))["nearest"] for epoch in (1, 2, 3, 6, 7, 9)
    }
    assert shown == {1: 1, 2: 1, 3: 17, 6: 17, 7: 41, 9: 41}
    assert bar(open_step(run, epoch="3"))["epoch"] == 3  # so that the bar can say so
    assert bar(open_step(run))["epoch"] == 0
    assert bar(open_step(run))["nearest"] == 41


JUNK = (
    3,
    {"phase": 99, "step": -1},
    {"phase": "2", "step": [7]},
    {"phase": float("nan"), "step": float("inf")},
    {"phase": True},
)


def test_the_address_says_where_the_walk_stands_and_leads_back_there(open_step, manager):
    run = with_steps(manager)
    lab = open_step(run)
    assert not {"phase", "step"} & set(lab.query_params)
    go_to(lab, run, 3, 7)
    assert (lab.query_params["phase"], lab.query_params["step"]) == ("4", "7")
    again = open_step(run, phase="4", step="7")
    assert (bar(again)["phase"], bar(again)["step"]) == (3, 7)
    assert set(drawings(again)) == {"influence-hard", "influence-soft"}


@pytest.mark.slow
def test_junk_from_the_browser_shows_the_first_phase_of_the_newest_step(open_step, manager):
    run = with_steps(manager)
    lab = open_step(run)
    for junk in JUNK:
        lab.session_state[f"stepper {run.run_id} 1"] = {"place": junk}
        lab.run()
        assert not lab.exception
        assert set(drawings(lab)) == {"batch"}
        assert bar(lab)["step"] is None
        assert "step" not in lab.query_params


@pytest.mark.slow
def test_a_window_that_is_not_full_is_drawn_instead_of_an_answer(open_step, manager):
    run = with_steps(manager, inner_steps=5)
    shown = drawings(go_to(open_step(run), run, 4))
    assert set(shown) == {"window"}
    assert shown["window"]["sentence"].startswith("No: 2 of k = 5")
    full = with_steps(manager, inner_steps=5, steps=((1, 5),))
    assert set(drawings(go_to(open_step(full), full, 4))) == {
        "window",
        "answer-hard",
        "answer-soft",
    }


@pytest.mark.parametrize("method", first_quick(["ce", "kd"]))
def test_a_method_without_weight_net_has_two_phases_and_says_why(open_step, manager, method):
    run = with_steps(manager, method=method)
    lab = open_step(run)
    assert bar(lab)["phases"] == [phase.name for phase in PLAIN_PHASES]
    assert any(f"{method.upper()} has no weight net" in words.value for words in lab.markdown)
    assert set(drawings(lab)) == {"batch"}
    assert set(drawings(go_to(lab, run, 1))) == {"pull"}


@pytest.mark.parametrize(
    ("state", "words", "can_step"),
    first_quick(
        [
            ("paused", "Press “+ one inner step” above", True),
            ("queued", "as soon as its first epoch has one", False),
            ("finished", "Start it again: a run now keeps one of its first", False),
            ("stopped", "Resume it: a run now keeps one of its first", False),
        ],
        2,
    ),
)
def test_without_a_recorded_step_the_view_says_how_to_get_one(
    open_step, manager, state, words, can_step
):
    lab = open_step(with_steps(manager, steps=(), state=state))
    assert not lab.exception
    [nothing] = drawings(lab).values()
    assert nothing["data"] == []
    assert words in nothing["sentence"]
    assert (bar(lab)["why_not"] == "") == can_step
    assert bar(lab)["nearest"] == 0


def test_a_damaged_step_is_named_in_its_place(open_step, manager):
    run = with_steps(manager)
    run.traces()[12].write_bytes(b"junk")
    lab = open_step(run)
    assert not lab.exception
    [nothing] = drawings(lab).values()
    assert nothing["sentence"].startswith("Step 12 cannot be shown")


def test_a_step_whose_loss_is_no_number_is_not_drawn(open_step, manager):
    run = with_steps(manager, steps=())
    bad = trace(1, 3, np.arange(3, dtype=np.int32), True)
    bad.soft[1] = np.nan
    run.append(bad)
    lab = open_step(run)
    assert not lab.exception
    assert "not finite" in drawings(lab)["batch"]["sentence"]


def test_pictures_that_are_not_on_this_machine_are_missed_in_one_line(open_step, manager):
    run = with_steps(manager, dataset="cifar10")
    lab = open_step(run)
    assert not lab.exception
    assert drawings(lab)["batch"]["data"]
    assert drawings(lab)["batch"]["layout"]["images"] == []
    assert any("CIFAR-10 are not in" in caption.value for caption in lab.caption)
    assert "influence-hard" in drawings(go_to(lab, run, 3))


def test_a_hundred_classes_are_drawn_as_thirds(open_step, manager):
    run = with_steps(manager, dataset="cifar100", done=2, steps=((1, 3),))
    lab = open_step(run)
    assert not lab.exception
    assert len(drawings(lab)["batch"]["layout"]["yaxis"]["ticktext"]) == 3


def test_a_runs_name_is_shown_as_it_was_typed(open_lab, manager):
    first, second = (with_steps(manager, method=method) for method in ("bikd", "kd"))
    first.rename("*odd* [name](x)")
    lab = open_lab(**{"run": first.run_id, "with": second.run_id, "view": "One step"})
    headings = [element.proto.body for element in lab.markdown]
    assert r"### A · \*odd\* \[name\]\(x\)" in headings
