"""Teachers that are made, taken in and deleted; the processes are real, the runs stand-ins."""

import os
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from bikd_core.config import RunConfig
from bikd_core.data.long_tail import load_split
from bikd_core.models import build
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.runs import shelf as runs_shelf
from bikd_core.runs.shelf import StoredTeachers, Upload
from bikd_core.store import control_key
from bikd_core.teachers.card import TeacherError, read_card
from bikd_core.teachers.creation import serve
from bikd_core.teachers.files import find_teacher, load_teacher

ONES = torch.ones(10, 128)
CONFIG = RunConfig.from_flat({"epochs": 1})


def parameters(model="digits_cnn_l", num_classes=10):
    return build(model, num_classes, 1, 8, torch.Generator().manual_seed(0)).state_dict()


def request_for(tmp_path, file, **changes):
    return {
        "file": str(file),
        "file_name": "mine.pth",
        "model": "digits_cnn_l",
        "dataset": "digits",
        "data": str(tmp_path / "data"),
        "teachers": str(tmp_path / "teachers"),
        "name": "mine",
    } | changes


def saved(tmp_path, content, suffix=".pth"):
    path = tmp_path / f"upload{suffix}"
    if suffix != ".safetensors":
        torch.save(content, path)
    else:
        safetensors.torch.save_file(content, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ""])
def test_an_upload_is_measured_and_teaches_with_a_caution(tmp_path, suffix):
    answer = serve(request_for(tmp_path, saved(tmp_path, parameters(), suffix)))
    assert answer == {"name": "mine"}
    card = read_card(tmp_path / "teachers" / "mine.json")
    assert card.is_uploaded
    assert card.made_by == "uploaded as mine.pth"
    assert len(card.accuracy_per_class) == len(card.predicted_share_per_class) == 10
    split = load_split(CONFIG.data, tmp_path)
    teacher = load_teacher("mine", "digits_cnn_l", split, [tmp_path / "teachers"])
    assert "unknown" in teacher.caution
    # Nobody knows its split: a run never takes it by itself.
    assert find_teacher(split, "digits_cnn_l", [tmp_path / "teachers"]) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": 1}, "holds no parameters by name"),
        (parameters("digits_cnn_s"), "mine.pth is no digits_cnn_l"),
        (parameters(num_classes=7), "tells 7 classes apart; the data set has 10"),
        (parameters() | {"fc.bias": torch.full((10,), torch.nan)}, "not finite"),
        ({"model": RunConfig()}, "holds more than parameters"),
        (
            parameters() | {"fc.bias": torch.full((10,), 3e38), "fc.weight": 3e38 * ONES},
            "its logits are not finite",
        ),
    ],
)
def test_what_cannot_teach_gets_one_sentence_and_leaves_nothing(tmp_path, content, reason):
    answer = serve(request_for(tmp_path, saved(tmp_path, content)))
    assert reason in answer["error"]
    assert str(tmp_path) not in answer["error"]
    assert not (tmp_path / "teachers").exists()


def test_a_damaged_file_and_one_of_another_kind_are_told_apart(tmp_path):
    path = tmp_path / "upload.pth"
    path.write_bytes(b"no torch file")
    assert "cut off or damaged" in serve(request_for(tmp_path, path))["error"]


@pytest.fixture
def shelf(tmp_path):
    manager = RunManager(Places.at(tmp_path))
    yield StoredTeachers(manager), manager
    manager.shutdown()


def wait_until_made(made):
    deadline = time.monotonic() + 120
    while made.in_making() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not made.in_making()


@pytest.mark.slow
def test_a_trained_teacher_is_stored_when_its_run_is_finished(shelf):
    made, manager = shelf
    made.train(CONFIG, "digits_cnn_s", "small")
    with pytest.raises(TeacherError, match="already"):
        made.train(CONFIG, "digits_cnn_s", "small")
    wait_until_made(made)
    assert made.failures() == {}
    card = read_card(manager.places.teachers / "small.json")
    [run] = manager.list()
    assert run.config.method.method == "ce"
    assert run.name == "Teacher small"
    assert card.accuracy_per_class == run.epochs[-1].accuracy_per_class
    assert card.predicted_share_per_class is not None
    made.store_run(run.run_id, "again")
    again = read_card(manager.places.teachers / "again.json")
    assert again.train_fingerprint == card.train_fingerprint
    made.delete("small")
    assert sorted(path.name for path in manager.places.teachers.iterdir()) == [
        "again.json",
        "again.safetensors",
    ]


@pytest.mark.slow
def test_a_teacher_whose_training_is_stopped_leaves_nothing_behind(shelf):
    made, manager = shelf
    run_id = made.train(CONFIG.changed(epochs=10_000), "digits_cnn_s", "small")
    made.key_of("small").parent.mkdir(parents=True)
    assert control_key.make_key(made.key_of("small"))
    manager.stop(run_id)
    wait_until_made(made)
    assert list(manager.places.teachers.iterdir()) == []
    made.check_new("small")


@pytest.mark.slow
def test_an_upload_that_is_refused_in_the_other_process_gives_its_reason(shelf, tmp_path):
    made, manager = shelf
    upload = Upload(b"nothing", "mine.safetensors", "digits_cnn_l", "digits")
    with pytest.raises(TeacherError, match=r"^mine\.safetensors is cut off or damaged"):
        made.store_upload(upload, "mine")
    assert list(manager.places.teachers.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no limit on this system")
def test_the_process_that_reads_an_upload_has_little_memory(shelf, monkeypatch):
    made, _ = shelf
    eat = (
        "from bikd_core.teachers import creation; import torch; "
        "creation.read_parameters = lambda file: torch.zeros(8 * 2**30, dtype=torch.uint8); "
        "creation.main()"
    )
    monkeypatch.setattr(runs_shelf, "_COMMAND", (sys.executable, "-P", "-c", eat))
    with pytest.raises(TeacherError, match=r"^big\.bin needs more than 4 GB of memory"):
        made.store_upload(Upload(b"x", "big.bin", "digits_cnn_l", "digits"), "mine")


def test_what_a_killed_server_left_of_an_upload_is_swept_when_it_is_old(tmp_path):
    places = Places.at(tmp_path)
    for name in (".upload-old", ".upload-new"):
        (places.teachers / name).mkdir(parents=True)
        (places.teachers / name / "upload").write_bytes(b"parameters")
    os.utime(places.teachers / ".upload-old", (0, 0))
    StoredTeachers(RunManager(places, in_process=True))
    assert [path.name for path in places.teachers.iterdir()] == [".upload-new"]


def test_the_project_s_own_teacher_is_not_deleted(tmp_path):
    made = StoredTeachers(RunManager(Places.at(tmp_path), in_process=True))
    with pytest.raises(TeacherError, match="was not made or uploaded here"):
        made.delete("digits-digits_cnn_l-803da1")
