"""Who may steer a run, on the page without a browser."""

from types import SimpleNamespace

import pytest

from app.shared import access
from bikd_core.store import control_key
from tests.app.shown import words
from tests.made_up import make_run
from tests.repeated import first_quick

STEERED = ("pause", "stop")


@pytest.fixture
def shared(manager, as_stranger):
    """A running run that somebody else started, and its key."""
    run = make_run(manager.places.runs, state="running")
    return run, control_key.make_key(run)


def test_a_viewer_sees_the_run_and_cannot_steer_it(open_lab, shared):
    run, _ = shared
    lab = open_lab(run=run.run_id)
    assert not lab.exception
    assert not lab.warning
    assert "training" in words(lab)
    for key in STEERED:
        assert lab.button(key=key).disabled
        assert "viewer's link" in lab.button(key=key).help
    assert lab.text_input(key=f"name {run.run_id}").disabled
    assert lab.checkbox(key=f"sure {run.run_id}").disabled
    assert lab.button(key="delete").disabled
    assert not lab.button(key="start").disabled
    assert not any("key=" in code.value for code in lab.code)


@pytest.mark.slow
@pytest.mark.parametrize("action", first_quick(["rename", "delete", "pause", "stop"], 2))
def test_what_a_viewer_sends_all_the_same_is_refused(open_lab, manager, monkeypatch, action):
    run = make_run(manager.places.runs, state="finished" if action == "delete" else "running")
    lab = open_lab(run=run.run_id)
    if action == "delete":
        lab.checkbox(key=f"sure {run.run_id}").check().run()
    control_key.make_key(run)
    monkeypatch.setattr(access, "is_owner", lambda: False)  # after the page was drawn
    if action == "rename":
        lab.text_input(key=f"name {run.run_id}").input("Mine now").run()
    else:
        lab.button(key=action).click().run()
    assert not manager.asked
    assert run.record().name != "Mine now"
    assert run.path.exists()
    assert lab.warning[0].value == access.VIEWER


def test_a_control_link_gives_control_and_leaves_the_address_at_once(open_lab, manager, shared):
    run, key = shared
    lab = open_lab(run=run.run_id, key=key)
    assert not lab.warning
    assert lab.query_params["run"] == run.run_id
    assert "key" not in lab.query_params
    lab.button(key="stop").click().run()
    assert manager.asked == [("stop", run.run_id)]
    assert [f"run={run.run_id}&key={key}" in code.value for code in lab.code] == [False, True]


WRONG_KEYS = ["\"><script>alert('x')</script>", "", "junk", "x" * 5000, "ключ"]


@pytest.mark.parametrize("key", first_quick(WRONG_KEYS))
def test_a_wrong_key_is_one_sentence_and_the_view_works(open_lab, shared, key):
    run, _ = shared
    lab = open_lab(run=run.run_id, key=key)
    assert not lab.exception
    [warning] = lab.warning
    assert f"key = {key[:12]!r} is not the control key of this run" in warning.value
    assert len(warning.value) < 300
    assert lab.button(key="stop").disabled
    assert "key" not in lab.query_params
    assert "training" in words(lab)


def test_the_key_of_one_run_does_not_steer_another(open_lab, manager, shared):
    other = make_run(manager.places.runs, state="running")
    control_key.make_key(other)
    lab = open_lab(run=other.run_id, key=shared[1])
    assert lab.button(key="stop").disabled


def test_a_key_without_a_run_is_one_sentence(open_lab):
    [warning] = open_lab(key="abc").warning
    assert "key = 'abc' needs a run" in warning.value


def test_a_key_of_a_run_that_is_gone_adds_nothing_to_what_is_said(open_lab):
    [warning] = open_lab(run="digits-bikd-50-s0-aaaaa", key="abc").warning
    assert "is not a run of this server" in warning.value


def test_who_starts_a_run_steers_it(open_lab, manager, as_stranger):
    lab = open_lab()
    lab.button(key="start").click().run()
    [run] = manager.list()
    assert control_key.has_key(run.folder)
    assert not lab.text_input(key=f"name {run.run_id}").disabled
    stranger = open_lab(run=run.run_id)
    assert stranger.text_input(key=f"name {run.run_id}").disabled


@pytest.mark.slow
def test_the_owner_who_resumes_a_run_without_a_key_gets_one(open_lab, manager, monkeypatch):
    run = make_run(manager.places.runs, state="stopped")
    lab = open_lab(run=run.run_id)
    lab.button(key="pause").click().run()
    assert manager.asked == [("resume_from_checkpoint", run.run_id)]
    assert any("key=" in code.value for code in lab.code)


def test_a_run_without_a_key_is_steered_by_the_owner_alone(open_lab, manager, monkeypatch):
    run = make_run(manager.places.runs, state="running")
    assert not open_lab(run=run.run_id).button(key="stop").disabled
    monkeypatch.setattr(access, "is_owner", lambda: False)
    lab = open_lab(run=run.run_id)
    assert lab.button(key="stop").disabled
    assert "only the owner of the server" in lab.button(key="stop").help


def test_the_owner_steers_the_runs_of_others_too(open_lab, manager, shared, monkeypatch):
    monkeypatch.setattr(access, "is_owner", lambda: True)
    lab = open_lab(run=shared[0].run_id)
    lab.button(key="stop").click().run()
    assert manager.asked == [("stop", shared[0].run_id)]
    assert not any("key=" in code.value for code in lab.code)  # not theirs to hand on


def test_a_wrong_owners_key_is_one_sentence_and_leaves_the_address(open_lab, as_stranger):
    lab = open_lab(owner="abc")
    assert "is not the key of this server" in lab.warning[0].value
    assert len(lab.warning) == 1
    assert "owner" not in lab.query_params


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"digits-bikd": "abc"}, {"digits-bikd": "abc"}),
        ({"a": 1, "b": None, "c": ["x"], "d": "x" * 1000}, {}),
        (["a", "b"], {}),
        (None, {}),
        ("abc", {}),
    ],
)
def test_what_a_browser_sends_as_keys_may_be_junk(sent, expected):
    assert access.read_keys(sent) == expected


def test_of_a_browsers_endless_keys_only_some_are_kept():
    sent = {f"run-{number}": "key" for number in range(10_000)}
    assert len(access.read_keys(sent)) == access.MAX_KEYS


@pytest.mark.parametrize(
    ("opened", "shared", "expected"),
    [
        ("http://localhost:8501/base/lab?run=a", "", "http://localhost:8501/base/lab?run=b"),
        (
            "http://localhost:8501/base/lab?run=a",
            "http://192.168.1.7:8501/base",
            "http://192.168.1.7:8501/base/lab?run=b",
        ),
        ("https://lab.example.org/", "http://192.168.1.7:8501", "https://lab.example.org/?run=b"),
    ],
)
def test_a_viewers_link_leads_from_other_machines_where_the_server_is_shared(
    monkeypatch, opened, shared, expected
):
    monkeypatch.setattr(access, "shared_url", lambda: shared)
    monkeypatch.setattr(access.st, "context", SimpleNamespace(url=opened))
    assert access.viewers_link("b") == expected
    assert access.is_for_this_machine_alone() == ("localhost" in expected)
