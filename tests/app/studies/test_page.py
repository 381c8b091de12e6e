"""The Studies page without a browser: the answers that it shows, and the study that it runs."""

import sys
from contextlib import contextmanager

import pytest

from app.studies import page as studies_page
from app.studies import run_it
from app.studies.runner import Runner, Task
from bikd_core.places import Places
from bikd_core.runs.manager import RunError
from bikd_core.studies.questions import NAMES, study_named
from tests.app.shown import drawings, words
from tests.fake_training import until
from tests.studies.results_of import keep, outcome

TASK = Task("val_size", "digits", "0-1")


class FakeRunner:
    """Runs nothing; notes what it is asked to do."""

    def __init__(self, places):
        self.folder = places.studies
        self.task, self.failures, self.said, self.asked = None, {}, "", []

    def failure_of(self, study, dataset):
        return self.failures.get((study, dataset), "")

    def start(self, task):
        self.asked.append(task)

    def pause(self):
        self.asked.append("pause")


@pytest.fixture
def runner(manager, monkeypatch):
    fake = FakeRunner(manager.places)
    for module in (studies_page, run_it):
        monkeypatch.setattr(module, "runner", lambda: fake)
    monkeypatch.setattr(run_it, "is_owner", lambda: True)  # a test has no cookies
    return fake


def keep_results(places):
    """Write results of `val_size` as if it had been run: later cells are better."""
    numbers = {}

    def value_of(cell, seed):
        number = numbers.setdefault(cell.written, len(numbers))
        return outcome(0.5 + number / 100 + seed / 1000)

    return keep(places.studies, "val_size", value_of, (0, 1))


def button(page, key):
    return next(button for button in page.button if button.key == key)


@pytest.mark.parametrize("name", NAMES)
def test_each_study_has_a_page_that_says_whether_it_is_recorded(open_page, runner, name):
    page = open_page("studies", study=name)
    assert not page.exception
    assert study_named(name).question in words(page)
    figures = drawings(page)
    assert figures or "is not recorded on" in words(page)


def test_results_made_here_are_answered_drawn_and_kept_as_files(open_page, runner, manager):
    grid = keep_results(manager.places)
    page = open_page("studies", study="val_size")
    assert not page.exception
    figure = drawings(page)["figure-study-val-size"]
    first = [cell for cell in grid.cells if cell.series == "BiKD"]
    line = next(trace for trace in figure["data"] if trace.get("name") == "BiKD")
    assert line["x"] == sorted(cell.x for cell in first)
    assert line["y"][0] == pytest.approx(50.05)  # the mean of 50.0 and 50.1 %
    assert "Answer: " in words(page)
    assert "Cite this" in words(page)
    for ending in (".csv", ".parquet", ".tex", ".json"):
        assert any(b.key == f"download study {ending}" for b in page.get("download_button"))


def test_run_asks_the_runner_for_the_seeds_that_were_typed(open_page, runner):
    page = open_page("studies", study="val_size")
    page.text_input[0].set_value("3,4").run()
    button(page, "run_study").click().run()
    assert runner.asked == [Task("val_size", "digits", "3,4")]


def test_seeds_that_are_no_seeds_are_refused_in_a_sentence(open_page, runner):
    page = open_page("studies", study="val_size")
    page.text_input[0].set_value("many").run()
    assert not page.exception
    assert "seeds = 'many' is not possible" in words(page)
    assert runner.asked == []


def test_a_stranger_can_look_but_not_run(open_page, runner, monkeypatch):
    monkeypatch.setattr(run_it, "is_owner", lambda: False)
    page = open_page("studies", study="val_size")
    assert button(page, "run_study").disabled
    assert button(page, "pause_study").disabled


def test_a_study_that_runs_shows_how_far_it_is_and_can_be_paused(open_page, runner, manager):
    keep_results(manager.places)
    runner.task, runner.said = TASK, "28 of 140 runs, about 3 min left"
    page = open_page("studies", study="val_size")
    assert button(page, "run_study").disabled
    button(page, "pause_study").click().run()
    assert runner.asked == ["pause"]


def test_why_a_study_ended_early_is_said(open_page, runner):
    runner.failures["val_size", "digits"] = "The disk is full."
    assert "The disk is full." in words(open_page("studies", study="val_size"))
    assert "The disk is full." not in words(open_page("studies", study="faults"))


def test_an_unknown_study_in_the_address_is_said_and_the_first_is_shown(open_page, runner):
    page = open_page("studies", study="nonsense")
    assert not page.exception
    assert "study = 'nonsense' is not possible" in words(page)
    assert study_named(NAMES[0]).question in words(page)


# The process -------------------------------------------------------------------------------------

PROGRAM = """
import signal, sys, time
print("1 of 2 runs", file=sys.stderr, flush=True)
if "{ending}" == "fails":
    print("data_dir = 'x' is not possible.", file=sys.stderr)
    sys.exit(2)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("Stopped.", file=sys.stderr)
    sys.exit(130)
"""


@contextmanager
def started(tmp_path, ending=""):
    program = PROGRAM.replace("{ending}", ending)
    runner = Runner(Places.at(tmp_path), (sys.executable, "-c", program))
    try:
        runner.start(TASK)
        yield runner
    finally:
        runner.shut_down()


def test_one_study_runs_at_a_time_and_a_pause_is_no_failure(tmp_path):
    with started(tmp_path) as runner:
        until(lambda: runner.said == "1 of 2 runs")
        assert runner.task == TASK
        with pytest.raises(RunError, match="The study val_size on digits runs now"):
            runner.start(TASK._replace(study="faults"))
        runner.pause()
        until(lambda: runner.task is None)
        assert runner.failure_of("val_size", "digits") == ""
        runner.start(TASK)  # goes on
        until(lambda: runner.said == "1 of 2 runs")
    assert runner.task is None


def test_what_a_study_could_not_do_is_told_in_its_own_words(tmp_path):
    with started(tmp_path, "fails") as runner:
        until(lambda: runner.task is None)
        assert runner.failure_of("val_size", "digits") == "data_dir = 'x' is not possible."
        assert runner.failure_of("faults", "digits") == ""
