"""No link, page, upload or stored run makes this machine import code: only typing its name does.

The module that would be imported lies where Python finds it, and writes a file when it is.
"""

import io
import json
import os
import sys
import zipfile

import pytest

from app.shared.controls_link import read_controls
from bikd_core.cli import main
from bikd_core.config import (
    ConfigError,
    RunConfig,
    allowed_code,
    known_facts,
    own_data,
    own_networks,
)
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.runs.child import Child
from bikd_core.store import list_runs
from bikd_core.store.archive import import_run
from bikd_core.teachers.card import TeacherError
from bikd_core.teachers.creation import store_run
from bikd_core.worker import pipe

NAME = "trap_of_somebody:net"
SMALL = "--imbalance-factor 10 --head-count 20 --epochs 2 --method ce".split()
MODULE = """
import os
from pathlib import Path
from torch import nn
Path(os.environ["TRAP"]).touch()
def net(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with nothing in it; the module can be imported by this process and its children."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/trap_of_somebody.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "code")
    paths = [str(tmp_path / "code"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("TRAP", str(tmp_path / "imported"))
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(own_networks, "_allowed", own_networks.AllowedCode())
    monkeypatch.delitem(sys.modules, "trap_of_somebody", raising=False)
    yield tmp_path
    sys.modules.pop("trap_of_somebody", None)


@pytest.fixture
def uploaded(home):
    """A run of another machine whose student is code, finished, as somebody would upload it."""
    assert main(["run", *SMALL, "--student", "digits_mlp"]) == 0
    [run] = list_runs(Places.at(home / "home").runs)
    assert main(["export", run.run_id, "--output", str(home / "run.zip")]) == 0
    changed = io.BytesIO()
    with zipfile.ZipFile(home / "run.zip") as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith("run.json"):
                record = json.loads(content)
                record["config"]["models"]["student"] = NAME
                content = json.dumps(record).encode()
            new.writestr(entry, content)
    folder = import_run(changed, home / "runs")
    assert folder.record().config.models.student == NAME
    return folder


def was_imported(home):
    return (home / "imported").exists()


def test_typing_the_name_imports_it_so_that_the_other_tests_can_fail(home):
    assert main(["run", *SMALL, "--student", NAME]) == 0
    assert was_imported(home)


def test_a_link_that_names_code_is_refused_and_imports_nothing(home):
    for control in ("student", "teacher_model"):
        config, [complaint] = read_controls({control: NAME})
        assert complaint.startswith(f"{control} = '{NAME}' is not possible here: code is imported")
        assert getattr(config.models, control) != NAME
    assert not was_imported(home)


def test_a_server_starts_no_run_whose_network_is_code(home):
    manager = RunManager(Places.at(home / "home"), in_process=True)
    try:
        with pytest.raises(ConfigError, match="is not possible here: code is imported only if"):
            manager.start(RunConfig.from_flat({"student": NAME, "method": "ce"}))
    finally:
        manager.shutdown()
    assert allowed_code().names == ()
    assert not was_imported(home)


def test_the_defaults_of_somebody_elses_pictures_import_nothing(home, monkeypatch, capsys):
    """The facts of own pictures travel with a run, and may set the default of a network."""
    name = "own_trap_0123456789ab"
    monkeypatch.setattr(own_data, "_OWN_FACTS", {})
    facts = known_facts("digits").model_copy(
        update={"defaults": {"student": NAME}, "pool_counts": (170,) * 10}
    )
    own_data.remember_facts(name, facts, is_hearsay=True)
    assert RunConfig.from_flat({"dataset": name}).models.student == NAME
    assert main(["run", *SMALL, "--dataset", name]) == 2
    assert "code is imported only if it is typed" in capsys.readouterr().err
    assert not was_imported(home)


@pytest.mark.slow
def test_a_child_of_a_server_neither_trains_nor_measures_an_uploaded_run(home, uploaded):
    child = Child()
    try:
        replies = child.replies()
        assert isinstance(next(replies), pipe.Ready)
        config = uploaded.record().config
        child.send(pipe.Measure(config=config, num_threads=1))
        assert "code is imported only if" in next(replies).reason
        places = Places.at(home / "home").absolute()
        start = pipe.Start(folder=uploaded.path, places=places, resume=True, num_threads=1)
        child.send(start)
        ended = [reply for reply in replies if isinstance(reply, pipe.Ended)]
    finally:
        child.close(grace_s=5)
    assert ended[0].state == "failed"
    assert not was_imported(home)


def test_an_uploaded_run_gives_no_student_and_no_teacher_by_its_name_alone(home, uploaded, capsys):
    target = str(home / "student.safetensors")
    command = ["export", uploaded.run_id, "--student", target, "--runs-dir", str(home / "runs")]
    (uploaded.path / "student.safetensors").write_bytes(b"")
    assert main(command) == 2
    assert "--code" in capsys.readouterr().err
    with pytest.raises((TeacherError, ConfigError), match="code is imported only if"):
        store_run(uploaded, Places.at(home / "home").data, home / "teachers")
    assert not was_imported(home)
    # What is refused above is the import: typed once more, the same command gets past it.
    assert main([*command, "--code", NAME]) == 2
    assert was_imported(home)


def test_an_option_for_code_takes_nothing_else(home, capsys):
    assert main(["resume", "any", "--code", "timm:resnet18"]) == 2
    assert "code = 'timm:resnet18' is not possible: it must be module:function." in (
        capsys.readouterr().err
    )
