"""The host's panel and the followers' page, without a browser."""

import shutil

import pytest

from app.classroom import here, host
from app.classroom.state import Classes, Place, Question
from app.shared import access
from bikd_core.store import control_key, open_run
from tests.app.shown import choose, components, drawings, words
from tests.app.test_navigation import go
from tests.made_up import make_run

TEXT = "Is <b>**this**</b> ![i](http://foreign.example/x.png) right?"


@pytest.fixture
def classes(monkeypatch):
    """The classes of the server: none yet."""
    made = Classes()
    for module in (here, host):
        monkeypatch.setattr(module, "classes", lambda: made)
    return made


@pytest.fixture
def run(manager):
    return make_run(manager.places.runs, done=5)


def asked(page):
    """The question as a page shows it; None if there is none."""
    found = [data for data in components(page) if isinstance(data, dict) and "choices" in data]
    return next((data for data in found if "can_answer" in data), None)


def choose_view(page, view):
    return choose(page, f"view_in_class_{page.session_state['session'].seat.moves}", view)


def slider(page):
    [data] = [data for data in components(page) if isinstance(data, dict) and "planned" in data]
    return data


def keys(page):
    return {element.key for element in page.button}


def open_class(lab):
    lab = lab.button(key="open_class").click().run()
    assert not lab.exception
    [name] = [name for name in lab.session_state["session"].keys.held if name.startswith("class ")]
    return lab, name.removeprefix("class ")


def test_one_click_opens_a_class_and_shows_link_code_and_followers(open_lab, classes, run):
    lab, code = open_class(open_lab(run=run.run_id, view="Accuracy", epoch="2"))
    assert f"Class {code} · 0 here" in words(lab)
    assert any("QR code of the link" in element.proto.body for element in lab.get("html"))
    assert "open_class" not in keys(lab)
    seen = classes.attend(code, "anna")
    assert seen.place == Place(run.run_id, "", "Accuracy", "groups", 2)
    assert f"Class {code} · 1 here" in words(lab.run())


def test_who_may_not_steer_the_run_cannot_open_a_class(open_lab, as_stranger, classes, run):
    button = open_lab(run=run.run_id).button(key="open_class")
    assert button.disabled
    assert button.help.replace("\\", "") == access.KEYLESS


def test_a_second_browser_without_the_key_is_no_host(open_lab, classes, run):
    _, code = open_class(open_lab(run=run.run_id))
    other = open_lab(run=run.run_id)
    assert f"Class {code}" not in words(other)
    assert "class_look" not in keys(other)


def test_a_follower_starts_and_steers_nothing_even_with_the_owners_rights(
    open_page, manager, classes
):
    running = make_run(manager.places.runs, state="running")
    control_key.make_key(running)
    code, _ = classes.open(Place(running.run_id, view="One step"))
    page = open_page("class", join=code)
    assert not page.exception
    assert not keys(page) & {"start", "pause", "stop", "open_class", "class_look", "runs"}
    assert not page.sidebar.children
    assert not page.get("page_link")
    [walk] = [data for data in components(page) if isinstance(data, dict) and "phases" in data]
    assert walk["why_not"] == access.FOLLOWER
    assert page.query_params == {"join": code}


def test_a_follower_is_where_the_host_is_until_it_chooses_a_view(open_page, classes, run):
    code, key = classes.open(Place(run.run_id, view="Accuracy", epoch=2))
    page = open_page("class", join=code.lower())
    assert "accuracy" in " ".join(drawings(page))
    assert slider(page)["host"] == {"epoch": 2, "is_away": False}
    classes.move(code, key, Place(run.run_id, view="Weights", epoch=4))
    page = page.run()
    assert "figure-w-hard" in drawings(page)
    assert slider(page)["host"]["epoch"] == 4
    page = choose_view(page, "Surface")
    classes.move(code, key, Place(run.run_id, view="Accuracy", epoch=5))
    page = page.run()
    assert page.session_state["session"].view == "Surface"
    assert slider(page)["host"] == {"epoch": 5, "is_away": True}
    classes.look_here(code, key)
    page = page.run()
    assert page.session_state["session"].view == "Accuracy"
    assert not slider(page)["host"]["is_away"]
    page = choose_view(page, "Surface")  # is not locked
    assert page.session_state["session"].view == "Surface"


def test_look_here_takes_all_to_another_run_and_its_pair(open_page, manager, classes, run):
    other = make_run(manager.places.runs, method="kd", done=3)
    code, key = classes.open(Place(run.run_id, view="Weights"))
    page = choose_view(open_page("class", join=code), "Accuracy")
    classes.move(code, key, Place(other.run_id, run.run_id, "Overview"))
    page = page.run()
    assert page.session_state["session"].seat.runs == (run.run_id,)
    classes.look_here(code, key)
    page = page.run()
    assert page.session_state["session"].seat.runs == (other.run_id, run.run_id)
    assert any(name.endswith("-B") for name in drawings(page))


def test_a_question_goes_from_the_host_to_the_tally(open_lab, open_page, classes, run):
    lab, code = open_class(open_lab(run=run.run_id))
    page = open_page("class", join=code)
    assert asked(page) is None
    lab.text_input(key="class_text_0").input(TEXT)
    lab.text_input(key="class_choice_0_0").input("yes *sir*")
    lab.text_input(key="class_choice_1_0").input("no")
    lab.selectbox(key="class_right_0").set_value("choice 2")
    [send] = [b for b in lab.button if b.label == "Put it to the class"]
    lab = send.click().run()
    assert not lab.exception
    page = page.run()
    assert asked(page)["text"] == TEXT
    assert (asked(page)["right"], asked(page)["counts"]) == (None, [])
    classes.answer(code, page.session_state["session"].seat.name, 1, 1)
    lab, page = lab.run(), page.run()
    assert asked(lab)["counts"] == [0, 1]
    assert "1 of 1 have answered" in asked(lab)["said"]
    assert not asked(page)["can_answer"]
    lab = lab.button(key="class_reveal").click().run()
    page = page.run()
    assert (asked(page)["counts"], asked(page)["right"]) == ([0, 1], 1)
    lab = lab.button(key="class_withdraw").click().run()
    assert asked(lab) is None
    assert asked(page.run()) is None


@pytest.mark.parametrize(("choices", "said"), [(["a"], "1 choices"), ([], "0 choices")])
def test_a_question_without_choices_is_refused_and_kept(open_lab, classes, run, choices, said):
    lab, code = open_class(open_lab(run=run.run_id))
    lab.text_input(key="class_text_0").input("Which?")
    for index, choice in enumerate(choices):
        lab.text_input(key=f"class_choice_{index}_0").input(choice)
    [send] = [b for b in lab.button if b.label == "Put it to the class"]
    lab = send.click().run()
    assert any(said in warning.value for warning in lab.warning)
    assert lab.text_input(key="class_text_0").value == "Which?"
    assert classes.attend(code, "anna").question is None


def test_what_a_stranger_typed_is_markdown_nowhere(open_page, classes, run):
    code, key = classes.open(Place(run.run_id))
    classes.ask(code, key, Question(TEXT, (TEXT, "no")))
    page = open_page("class", join=code)
    drawn = [element.proto.body for kind in (page.markdown, page.caption) for element in kind]
    assert not any("foreign.example" in text for text in drawn)
    assert asked(page)["choices"][0] == TEXT


def test_the_host_asks_a_cards_question_from_the_lesson(open_lab, classes, run):
    lab, code = open_class(open_lab(run=run.run_id))
    learn = go(lab, "learn", {"lesson": "4"})
    assert not learn.exception
    learn = learn.button(key="class_ask_card").click().run()
    assert not learn.exception
    [card] = [data for data in components(learn) if isinstance(data, dict) and "equation" in data]
    seen = classes.attend(code, "anna").question
    assert seen.text == card["question"]
    assert list(seen.choices) == card["choices"]
    assert asked(learn)["counts"] == [0] * len(card["choices"])


def test_the_lesson_has_nothing_of_a_class_for_who_hosts_none(open_page, classes):
    assert "class_ask_card" not in keys(open_page("learn", lesson="2"))


@pytest.mark.parametrize(
    ("join", "said"),
    [
        ("22222", "There is no class 22222 on this server"),
        ("<script>", "join = '<script>' is not a class's code"),
        ("x" * 10_000, "is not a class's code"),
    ],
)
def test_a_link_to_no_class_says_so_in_one_sentence_and_leads_on(open_page, classes, join, said):
    page = open_page("class", join=join)
    assert not page.exception
    [warning] = page.warning
    assert said in warning.value
    assert len(warning.value) < 300
    assert {link.proto.label.strip("*") for link in page.get("page_link")} == {
        "See what this is about",
        "Learn by yourself",
    }


def test_an_ended_class_says_so_and_another_code_can_be_typed(open_page, classes, run):
    code, key = classes.open(Place(run.run_id))
    page = open_page("class", join=code)
    classes.end(code, key)
    page = page.run()
    assert [warning.value for warning in page.warning] == [f"Class {code} has ended."]
    other, _ = classes.open(Place(run.run_id, view="Weights"))
    page.text_input[0].input(f" {other.lower()} ")
    [join] = [button for button in page.button if button.label == "Join"]
    page = join.click().run()
    assert not page.warning
    assert f"Class {other}" in words(page)


def test_the_page_without_a_code_asks_for_it(open_page, classes):
    page = open_page("class")
    assert not page.exception
    assert not page.warning
    [field] = page.text_input
    assert field.label.startswith("Code on the host's screen")


def test_a_full_class_says_its_limit(open_page, monkeypatch, run):
    full = Classes(followers=0)
    monkeypatch.setattr(here, "classes", lambda: full)
    code, _ = full.open(Place(run.run_id))
    [warning] = open_page("class", join=code).warning
    assert "it holds 0 followers" in warning.value


def test_a_deleted_run_leaves_a_sentence_until_the_host_goes_on(open_page, manager, classes, run):
    code, key = classes.open(Place("20260101-000000-gone"))
    page = open_page("class", join=code)
    assert not page.exception
    [info] = page.info
    assert info.value.startswith("The run that the host showed is gone")
    classes.move(code, key, Place(run.run_id, view="Weights"))
    assert "figure-w-hard" in drawings(page.run())


def test_who_looks_alone_at_a_run_that_is_deleted_is_led_back_to_the_host(
    open_page, manager, classes, run
):
    other = make_run(manager.places.runs, done=2)
    code, key = classes.open(Place(other.run_id, view="Weights"))
    page = choose_view(open_page("class", join=code), "Accuracy")
    classes.move(code, key, Place(run.run_id, view="Surface"))
    shutil.rmtree(other.path)
    page = page.run()
    assert not page.exception
    assert page.session_state["session"].seat.runs == (run.run_id,)
    assert page.session_state["session"].view == "Surface"


def test_the_host_ends_the_class_and_its_key_goes(open_lab, classes, run):
    lab, code = open_class(open_lab(run=run.run_id))
    lab = lab.button(key="class_end_now").click().run()
    assert not lab.exception
    assert "open_class" in keys(lab)
    assert f"class {code}" not in lab.session_state["session"].keys.held
    assert open_run(run.path.parent, run.run_id).path.exists()
