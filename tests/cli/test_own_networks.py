"""Commands with networks of timm, torchvision and somebody's own code."""

import json
import sys

import pytest
import safetensors
import safetensors.torch
import torch

from bikd_core.cli import main
from bikd_core.config import own_networks
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.teachers.card import list_teachers

SMALL = "--imbalance-factor 10 --head-count 20 --epochs 1".split()
MODULE = """
from torch import nn

def small(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, num_classes))

def large(num_classes):
    layers = [nn.Flatten(), nn.Linear(64, 64), nn.GELU(), nn.LayerNorm(64), nn.Dropout(0.1)]
    return nn.Sequential(*layers, nn.Linear(64, num_classes))
"""
STUDENT = ["--student", "nets_of_a_user:small"]
TEACHER = ["--teacher-model", "nets_of_a_user:large"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module of the user's, in which the commands are given."""
    (tmp_path / "nets_of_a_user.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget(monkeypatch)
    yield tmp_path
    sys.modules.pop("nets_of_a_user", None)


def forget(monkeypatch):
    """Make this process as one that has just begun: each command is one of its own."""
    monkeypatch.setattr(own_networks, "_allowed", own_networks.AllowedCode())


def last_run(folder):
    return list_runs(Places.at(folder / "home").runs)[0]


def test_a_run_distils_one_function_into_another_and_its_student_is_exported(
    folder, monkeypatch, capsys
):
    assert main(["teacher", *SMALL, *TEACHER]) == 0
    [(name, card)] = list_teachers([Places.at(folder / "home").teachers])
    assert card.model == "nets_of_a_user:large"
    assert name.startswith("digits-nets_of_a_user_large_")
    forget(monkeypatch)
    assert main(["run", "--method", "kd", *SMALL, *STUDENT, *TEACHER]) == 0
    assert f"Teacher: {name}" in capsys.readouterr().err
    forget(monkeypatch)
    export = ["export", last_run(folder).run_id, "--student", "student.safetensors"]
    assert main(export) == 2
    assert "code is imported only if it is typed" in capsys.readouterr().err
    assert main([*export, "--code", "nets_of_a_user:small"]) == 0
    import nets_of_a_user

    net = nets_of_a_user.small(10)
    net.load_state_dict(safetensors.torch.load_file("student.safetensors"))  # its own names
    with safetensors.safe_open("student.safetensors", "pt") as file:
        assert file.metadata()["model"] == "nets_of_a_user:small"


def test_a_stopped_run_goes_on_only_if_its_code_is_typed_again(folder, monkeypatch, capsys):
    assert main(["run", "--method", "ce", *SMALL, *STUDENT]) == 0
    run = last_run(folder)
    status = json.loads((run.path / "status.json").read_text())
    (run.path / "status.json").write_text(json.dumps(status | {"state": "stopped"}))
    forget(monkeypatch)
    assert main(["resume", run.run_id]) == 1
    assert "code is imported only if it is typed" in capsys.readouterr().err
    assert main(["resume", run.run_id, "--code", "nets_of_a_user:small"]) == 0


def test_a_teacher_of_a_library_comes_from_a_local_file(folder, capsys):
    timm = pytest.importorskip("timm", reason="no timm: no teacher of it was loaded")
    teacher = timm.create_model("resnet18", num_classes=10, in_chans=1)
    torch.save({"state_dict": teacher.state_dict()}, "teacher.pth")
    model = ["--teacher", "teacher.pth", "--teacher-model", "timm:resnet18"]
    assert main(["run", "--method", "kd", *SMALL, *model]) == 0
    assert "it may have seen images of D_val" in capsys.readouterr().err
    assert main(["run", "--method", "kd", *SMALL, *model[:-1], "timm:resnet10t"]) == 2
    assert "is no timm:resnet10t" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["compare", "search"])
def test_many_runs_of_code_train_in_processes_of_their_own(folder, command, capsys):
    rest = ["--methods", "ce,kd", "--seeds", "0"] if command == "compare" else []
    rest = rest or ["--methods", "kd", "--trials", "2"]
    assert main([command, *rest, *SMALL, *STUDENT, "--teacher-model", "digits_cnn_s"]) == 0
    assert {run.status().state for run in list_runs(Places.at(folder / "home").runs)} == {
        "finished"
    }
