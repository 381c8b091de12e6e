"""The Teachers page without a browser, over a manager that trains nothing."""

import shutil

import pytest

from app.shared import access
from app.teachers.stored import card_lines
from bikd_core.places import ASSETS
from bikd_core.runs.shelf import StoredTeachers
from bikd_core.teachers.card import read_card
from tests.app.shown import drawings, words
from tests.fake_training import until
from tests.made_up import make_run

SHIPPED = "digits-digits_cnn_l-803da1"


def add(manager, name):
    """A copy of the project's own teacher, as one of the user's."""
    manager.places.teachers.mkdir(parents=True, exist_ok=True)
    for suffix in (".json", ".safetensors"):
        shutil.copy(ASSETS / "teachers" / f"{SHIPPED}{suffix}", manager.places.teachers)
        (manager.places.teachers / f"{SHIPPED}{suffix}").rename(
            manager.places.teachers / f"{name}{suffix}"
        )


def test_the_stored_teachers_are_listed_with_card_and_bias(open_page, manager):
    add(manager, "mine")
    page = open_page("teachers")
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["name"]) == [SHIPPED, "mine"]
    assert round(table["balanced"][0], 1) == 84.7
    assert round(table["few"][0], 1) == 56.3
    assert round(table["head_share"][0]) == 35
    figure = drawings(page)["figure-teacher-accuracy"]
    assert figure["sentence"].startswith("Biased towards the head by 42.0 points")
    assert figure["data"][0]["x"][-1] == 32.8
    assert "293 images" in words(page)


def test_a_fold_s_teacher_says_which_fold_it_has_not_seen(open_page, manager):
    add(manager, "part")
    path = manager.places.teachers / "part.json"
    path.write_text(path.read_text().replace('"made_by"', '"without_fold": [2, 5], "made_by"', 1))
    page = open_page("teachers", shown="part")
    assert not page.exception
    table = page.dataframe[0].value.set_index("name")
    assert table["left_out"]["part"] == "fold 2 of 5"
    assert table["left_out"].isna()[SHIPPED]
    assert "without fold 2 of 5 of them; none of D_val" in words(page)


def test_a_card_names_the_label_noise_of_its_split():
    card = read_card(ASSETS / "teachers" / f"{SHIPPED}.json")
    assert "Label noise" not in dict(card_lines(card))
    data = card.data.model_copy(update={"label_noise": 0.3})
    noisy = dict(card_lines(card.model_copy(update={"data": data})))
    assert noisy["Label noise"] == "30 % drawn anew from all classes alike"


@pytest.mark.slow
def test_the_project_s_own_teacher_cannot_be_deleted_and_one_s_own_is_asked_twice(
    open_page, manager
):
    add(manager, "mine")
    page = open_page("teachers", shown=SHIPPED)
    page.checkbox(key=f"sure teacher {SHIPPED}").check().run()
    page.button(key="delete_teacher").click().run()
    assert "came with the project and stays" in page.warning[0].value
    page = open_page("teachers", shown="mine")
    assert page.button(key="delete_teacher").disabled
    page.checkbox(key="sure teacher mine").check().run()
    page.button(key="delete_teacher").click().run()
    assert not page.exception
    assert not list(manager.places.teachers.iterdir())
    assert list(page.dataframe[0].value["name"]) == [SHIPPED]


def test_another_s_teacher_is_only_looked_at(open_page, manager, monkeypatch):
    monkeypatch.setattr(access, "is_owner", lambda: False)
    add(manager, "mine")
    (manager.places.teachers / "mine.key").write_text("somebody's")
    page = open_page("teachers", shown="mine")
    page.checkbox(key="sure teacher mine").check().run()
    page.button(key="delete_teacher").click().run()
    assert "Only the browser that trained or uploaded it" in page.warning[0].value
    assert (manager.places.teachers / "mine.json").exists()


def test_a_teacher_that_a_waiting_run_needs_stays(open_page, manager):
    add(manager, "mine")
    make_run(manager.places.runs, teacher="mine", state="queued", done=0)
    page = open_page("teachers", shown="mine")
    page.checkbox(key="sure teacher mine").check().run()
    page.button(key="delete_teacher").click().run()
    assert "needs teacher 'mine': stop it first" in page.warning[0].value


def test_training_one_is_an_ordinary_run_of_cross_entropy(open_page, manager, monkeypatch):
    stored = []  # what a process of its own would store
    monkeypatch.setattr(
        StoredTeachers, "_create", lambda shelf, request: stored.append(request["name"])
    )
    page = open_page("teachers", epochs="3", seed="4")
    page.text_input(key="name_train").set_value("fresh").run()
    page.button(key="train").click().run()
    assert not page.exception
    [(_, config)] = manager.asked
    assert config.method.method == "ce"
    assert config.models.student == "digits_cnn_l"
    assert config.training.seed == 4
    until(lambda: stored)
    assert stored == ["fresh"]


def test_training_one_waits_for_an_answer_while_something_trains(open_page, manager, monkeypatch):
    monkeypatch.setattr(StoredTeachers, "_create", lambda shelf, request: None)
    make_run(manager.places.runs, epochs=9, done=2, state="running", seed=5)
    page = open_page("teachers", epochs="3", seed="4")
    page.text_input(key="name_train").set_value("fresh").run()
    page.button(key="train").click().run()
    assert not manager.asked
    [queue] = [button for button in page.button if button.label == "Queue behind it"]
    queue.click().run()
    assert not page.exception
    [(_, config)] = manager.asked
    assert (config.method.method, config.training.seed) == ("ce", 4)


@pytest.mark.slow
def test_a_name_that_is_taken_or_no_name_is_refused(open_page, manager):
    for name in (SHIPPED, "../x"):
        page = open_page("teachers")
        page.text_input(key="name_train").set_value(name).run()
        page.button(key="train").click().run()
        assert name in page.warning[0].value
    assert not manager.asked


def shown_in(page):
    """The choice of the teacher that is looked at."""
    return next(box for box in page.selectbox if box.label == "Teacher")


def test_an_unknown_teacher_in_the_link_is_named(open_page):
    page = open_page("teachers", shown="<b>nobody")
    assert "shown = '<b>nobody' is not a stored teacher" in page.warning[0].value
    assert shown_in(page).value == SHIPPED


def test_the_whole_page_state_is_in_the_link(open_page, manager):
    add(manager, "mine")
    page = open_page("teachers")
    shown_in(page).select("mine").run()
    page.number_input(key="control_epochs").set_value(5).run()
    assert page.query_params == {"shown": "mine", "epochs": "5"}


def test_a_click_whose_script_run_was_ended_early_stores_the_teacher_all_the_same(
    open_page, manager, monkeypatch
):
    run = make_run(manager.places.runs, method="ce")
    run.student_path.write_bytes(b"parameters")
    stored = []

    def store(shelf, run_id, name):
        stored.append(run_id)
        add(manager, name)

    monkeypatch.setattr(StoredTeachers, "store_run", store)
    page = open_page("teachers")
    page.session_state["session"].clicked.add("store_run")  # what the click's callback leaves
    page.run()
    assert stored == [run.run_id]
    page.run()
    assert stored == [run.run_id]
