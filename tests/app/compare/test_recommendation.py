"""The panel "What works on my pictures?", over a child that trains nothing."""

from typing import Annotated

import pytest
from cyclopts import App, Parameter

from app.compare import recommendation
from bikd_core.cli.recommend import Controls
from bikd_core.config import RunConfig
from bikd_core.recommend.record import base_of, options_of, path_for, runs_path, write_record
from tests.app.shown import drawings, words
from tests.made_up import make_run
from tests.recommend.made_up import done, record_of


class FakeChild:
    """Runs nothing; notes what it is asked to do."""

    def __init__(self):
        self.task, self.last_task, self.failure, self.said, self.asked = None, None, "", "", []

    def start(self, task, arguments, busy):
        self.asked.append((task, arguments))

    def pause(self):
        self.asked.append("pause")


@pytest.fixture
def child(monkeypatch):
    fake = FakeChild()
    monkeypatch.setattr(recommendation, "child", lambda: fake)
    monkeypatch.setattr(recommendation, "is_owner", lambda: True)  # a test has no cookies
    return fake


@pytest.fixture
def base():
    return RunConfig.from_flat({"dataset": "digits", "epochs": 7})


@pytest.fixture
def path(manager, base):
    return path_for(base, manager.places.recommendations)


@pytest.fixture
def panel(open_page):
    """Open the page with its panel."""

    def open_panel():
        page = open_page("compare", epochs="7")
        page.button(key="recommend").click().run()
        assert not page.exception
        return page

    return open_panel


def test_the_panel_comes_on_a_click_and_goes_on_another(open_page, child):
    page = open_page("compare")
    assert "Each recipe has as many trials" not in words(page)
    page.button(key="recommend").click().run()
    assert "Each recipe has as many trials" in words(page)
    assert "Digits 8×8" in words(page)
    page.button(key="recommend").click().run()
    assert "Each recipe has as many trials" not in words(page)


def test_plan_and_start_ask_for_the_controls_and_the_budget_of_the_page(panel, child, path):
    page = panel()
    page.number_input(key=f"minutes {path.stem}").set_value(20).run()
    page.button(key="plan_recommendation").click().run()
    page.button(key="start_recommendation").click().run()
    arguments = ["recommend", "--dataset=digits", "--epochs=7", "--minutes=20", f"--out={path}"]
    assert child.asked == [(path, [*arguments, "--plan"]), (path, arguments)]


def test_a_league_or_a_rate_of_the_page_is_left_out():
    chosen = RunConfig.from_flat({"train_on_val": "batch", "learning_rate": 0.3, "seed": 4})
    assert base_of(chosen.flat()) == RunConfig()
    assert options_of(base_of(chosen.flat())) == ["--dataset=digits"]


def test_the_command_line_makes_the_same_base_of_the_options(base, tmp_path):

    app, found = App(), []

    @app.default
    def take(*, controls: Annotated[Controls, Parameter(name="*")] = Controls()) -> None:  # noqa: B008
        found.append(controls.base())

    other = base.changed(shuffle_classes=True, label_noise=0.3, label_noise_kind="by_count")
    app(options_of(other), exit_on_error=False, result_action="return_value")
    assert found == [other]
    assert path_for(found[0], tmp_path) == path_for(other, tmp_path)


def test_a_stranger_can_look_but_not_start(panel, child, monkeypatch):
    monkeypatch.setattr(recommendation, "is_owner", lambda: False)
    page = panel()
    for name in ("plan", "start", "pause"):
        assert page.button(key=f"{name}_recommendation").disabled


def test_one_that_is_made_shows_plan_and_progress_and_can_be_paused(panel, child, base, path):
    plan = "9 recipes, 4 trials of each: at most 12 minutes by a few timed steps."
    write_record(path, record_of(base, num_trials=4, plan=plan, spent_s=60.0))
    child.task = child.last_task = path
    child.said = "trials: 12 of 48"
    page = panel()
    assert "at most 12 minutes" in words(page)
    assert page.button(key="start_recommendation").disabled
    page.button(key="pause_recommendation").click().run()
    assert child.asked == ["pause"]


def test_after_a_pause_or_a_restart_it_goes_on_with_its_minutes(panel, child, base, path):
    write_record(path, record_of(base, num_trials=4, plan="4 trials.", spent_s=60.0))
    assert panel().button(key="start_recommendation").label == "Start"  # it is only planned
    runs_path(path).touch()
    page = panel()
    assert page.number_input(key=f"minutes {path.stem}").value == 12
    assert page.button(key="start_recommendation").label == "Go on"


def test_why_it_ended_early_is_said(panel, child, path):
    child.last_task, child.failure = path, "minutes = 1 is not possible: it takes 9."
    assert "it takes 9" in words(panel())


def test_the_result_is_a_sentence_a_figure_a_ranking_and_a_student(
    panel, child, base, path, manager
):
    folder = make_run(manager.places.runs, method="ltkd", seed=0, epochs=3)
    run_id = getattr(folder, "run_id", folder)
    write_record(path, done(base, run_id))
    page = panel()
    said = words(page)
    assert "Recommended: LTKD. It gains 10.0 points." in said
    assert "Left out: BiKD over Balanced LTKD." in said
    assert page.button(key="start_recommendation").disabled
    figure = next(d for name, d in drawings(page).items() if "recommendation" in name)
    shown = {trace["name"]: trace for trace in figure["data"]}
    assert shown["gain"]["x"] == [10.0, 10.0]
    assert shown["loss"]["x"] == [-5.0]
    assert shown["no difference found"]["x"] == [1.0]
    assert shown["gain"]["error_x"]["arrayminus"] == [6.0, 6.0]
    page.button(key="recommended_run").click().run()
    assert not page.exception


def test_a_result_whose_run_was_deleted_says_so(panel, child, base, path):
    write_record(path, done(base, "digits-ltkd-50-s0-abcde"))
    assert "not in the store any more" in words(panel())
