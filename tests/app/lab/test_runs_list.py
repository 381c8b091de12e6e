"""The list of earlier runs, without a browser."""

import pytest

from app.lab.runs_list import SHOWN, matches
from tests.made_up import make_run


def lines(lab) -> list[str]:
    return [element.value for element in lab.markdown if "balanced" in element.value]


@pytest.fixture
def many(manager):
    """More runs than are shown at once; one of another method and name."""
    folder = manager.places.runs
    for seed in range(SHOWN + 5):
        make_run(folder, done=1, seed=seed)
    make_run(folder, done=1, method="kd").rename("The odd one")


def test_a_few_runs_need_no_search(open_lab, manager):
    make_run(manager.places.runs)
    lab = open_lab()
    assert len(lines(lab)) == 1
    assert not [box for box in lab.text_input if box.key == "welcome search"]


@pytest.mark.slow
def test_runs_are_found_by_name_and_method(open_lab, many):
    lab = open_lab()
    assert len(lines(lab)) == SHOWN
    for asked in ("odd", "digits-kd finished", "ODD digits"):
        lab.text_input(key="welcome search").set_value(asked).run()
        [line] = lines(lab)
        assert "The odd one" in line
        assert "MB" in line
    lab.text_input(key="welcome search").set_value("nobody").run()
    assert lines(lab) == []
    assert any("No run matches" in caption.value for caption in lab.caption)


def test_a_broken_run_is_one_sentence_in_its_row_and_the_others_are_listed(open_lab, manager):
    make_run(manager.places.runs)
    broken = make_run(manager.places.runs)
    (broken.path / "run.json").write_text("{}")
    lab = open_lab()
    assert not lab.exception
    assert len(lines(lab)) == 1
    [row] = [line.value for line in lab.markdown if "cannot be read" in line.value]
    assert "run.json" in row
    lab.button(key=f"welcome delete {broken.run_id}").click().run()
    assert ("delete", broken.run_id) in manager.asked


@pytest.mark.slow
def test_the_rest_is_one_click_away_and_counted(open_lab, many):
    lab = open_lab()
    more = lab.button(key="welcome more")
    assert more.label == "6 more"
    more.click().run()
    assert len(lines(lab)) == SHOWN + 6
    assert not [button for button in lab.button if button.key == "welcome more"]


@pytest.mark.parametrize(("asked", "found"), [("", True), ("fin dig", True), ("failed", False)])
def test_every_word_has_to_be_there(manager, asked, found):
    run = manager.snapshot(make_run(manager.places.runs).run_id)
    assert matches(run, asked) == found
