"""The process that asks a run's student: its answer, its end, and why there is none to ask."""

import io
import shutil
import sys
import threading
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from bikd_core import Recorder
from bikd_core.cli import main
from bikd_core.data.own.opening import open_pictures
from bikd_core.places import Places
from bikd_core.runs import ask_student
from bikd_core.runs.ask_student import (
    ask_about_file,
    ask_about_test_picture,
    student_and_card,
    why_not,
)
from bikd_core.runs.history import History
from bikd_core.store import list_runs
from bikd_core.students.ask import NumberedPicture, ask
from bikd_core.students.picture_answer import NoAnswer
from tests.data.own.own_pictures import encoded, make_folder, noise
from tests.made_up import make_run
from tests.torch_loops import NAMES, TEST, TRAIN, focal


def snapshot_of(folder):
    history = History(folder, is_ours=True)
    history.refresh(is_ours=True)
    return history.snapshot()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("BIKD_HOME", str(folder))
        assert main(["run", "--method", "bikd", "--epochs", "2"]) == 0
    return folder


@pytest.fixture
def places(home):
    return Places.at(home)


@pytest.fixture
def run(places):
    return snapshot_of(list_runs(places.runs)[0])


@pytest.fixture
def made_up(tmp_path):
    """Make a run that says it has finished, with a student's file or without."""

    def made_up(*, has_student=True, **values):
        folder = make_run(Places.at(tmp_path).runs, **values)
        if has_student:
            folder.student_path.write_bytes(b"parameters")
        return snapshot_of(folder)

    return made_up


@pytest.mark.slow
def test_the_process_gives_what_the_networks_say_and_writes_nothing(run, places, home):
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    picture = NumberedPicture(9, 3)
    expected = ask(run.folder, places.data, places.teacher_folders(), picture)
    assert ask_about_test_picture(run, 9, 3, places) == expected
    content = encoded(Image.fromarray(noise(1, (70, 50))), format="JPEG")
    expected = ask(run.folder, places.data, places.teacher_folders(), content)
    assert ask_about_file(run, content, places) == expected
    with pytest.raises(NoAnswer, match=r"^The file is not a picture\.$"):
        ask_about_file(run, b"words\nwords", places)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


@pytest.mark.slow
def test_the_student_comes_with_its_card(run, places):
    for ending in (".safetensors", ".pt2"):
        content = student_and_card(run, ending, places)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert sorted(archive.namelist()) == sorted([f"student{ending}", "student.md"])
            assert f"# student{ending}" in archive.read("student.md").decode()
            if ending == ".pt2":
                program = torch.export.load(io.BytesIO(archive.read("student.pt2")))
    scores = program.module()(torch.zeros(1, 1, 8, 8)).detach().numpy()
    black = encoded(Image.fromarray(np.zeros((8, 8), dtype=np.uint8)))
    found = ask_about_file(run, black, places).student
    np.testing.assert_allclose(found, np.exp(scores[0]) / np.exp(scores[0]).sum(), atol=1e-6)


# A process that gives no answer -------------------------------------------------------------------


def instead(monkeypatch, code):
    monkeypatch.setattr(ask_student, "_COMMAND", (sys.executable, "-c", code))


def test_a_process_that_dies_is_one_sentence(run, places, monkeypatch, caplog):
    instead(monkeypatch, "import sys; sys.exit('the networks broke')")
    with pytest.raises(NoAnswer, match=r"ended by itself \(exit code 1\)"):
        ask_about_test_picture(run, 0, 0, places)
    assert "the networks broke" in caplog.text


def test_a_process_that_takes_too_long_is_ended(run, places, monkeypatch):
    instead(monkeypatch, "import threading; threading.Event().wait()")
    monkeypatch.setattr(ask_student, "LIMIT_S", 0.2)
    with pytest.raises(NoAnswer, match=r"took more than 0\.2 s, so it was stopped"):
        ask_about_test_picture(run, 0, 0, places)


def test_one_visitor_is_answered_at_a_time(run, places, monkeypatch):
    busy = threading.Lock()
    monkeypatch.setattr(ask_student, "_ONE_AT_A_TIME", busy)
    monkeypatch.setattr(ask_student, "WAIT_S", 0.01)
    instead(monkeypatch, 'print(\'{"error": "answered"}\')')
    with busy, pytest.raises(NoAnswer, match="try again in a moment"):
        ask_about_test_picture(run, 0, 0, places)
    with pytest.raises(NoAnswer, match=r"^answered$"):
        ask_about_test_picture(run, 0, 0, places)


def test_a_file_that_is_too_large_starts_no_process(run, places, monkeypatch):
    monkeypatch.setattr(ask_student, "_COMMAND", ("/no/such/program",))
    with pytest.raises(NoAnswer, match="larger than 25 MB"):
        ask_about_file(run, bytes(25 * 2**20 + 1), places)


# Why there is none to ask -------------------------------------------------------------------------


def test_a_finished_run_with_its_student_can_be_asked(run, places):
    assert why_not(run, places) == ""


def test_a_run_without_a_student_says_what_would_help(made_up, tmp_path, monkeypatch):
    places = Places.at(tmp_path)
    assert "Start in the Lab trains one" in why_not(made_up(has_student=False), places)
    assert "has no epoch" in why_not(made_up(done=0), places)
    paused = made_up(has_student=False, state="stopped")
    assert why_not(paused, places) == (
        "This run is stopped: it has a student to try when it has finished."
    )
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    with Recorder(TRAIN.y, NAMES, TEST.y, epochs=1) as recorder:
        focal(recorder, 1)
    [folder] = [one for one in list_runs(places.runs) if one.run_id == recorder.run_id]
    assert why_not(snapshot_of(folder), places).startswith("Somebody's own loop trained")


def test_a_run_whose_student_is_somebodys_code_is_not_asked(made_up, tmp_path):
    places = Places.at(tmp_path)
    assert "code is imported only if it is typed" in why_not(made_up(student="nets:net"), places)
    assert why_not(made_up(student="torchvision:resnet18"), places) == ""


def test_a_run_whose_pictures_are_not_here_says_how_to_get_them(made_up, tmp_path):
    places = Places.at(tmp_path)
    cifar = made_up(dataset="cifar10", method="kd")
    assert why_not(cifar, places) == (
        "CIFAR-10, whose mean the student needs, is not on this machine: start a run on it here, "
        "which downloads it, or set BIKD_DATA to a folder that holds it."
    )


def test_own_pictures_that_are_gone_are_to_be_opened_again(made_up, tmp_path):
    places = Places.at(tmp_path)
    folder = make_folder(tmp_path / "pets", {"a": 6, "b": 5, "c": 4}, size=(8, 8), channels=1)
    dataset = open_pictures(folder, places.data, size=8)
    run = made_up(dataset=dataset, method="kd")
    assert why_not(run, places) == ""
    shutil.rmtree(places.data / "own" / dataset)
    assert "The pictures 'pets'" in why_not(run, places)
    assert "open them here again" in why_not(run, places)
