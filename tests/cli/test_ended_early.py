"""Runs that end before their last epoch, by a signal or a closed pipe, and go on later."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from bikd_core.cli import driver, main
from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.store import create_run, list_runs
from bikd_core.worker.recording import record
from tests import fake_training, made_up
from tests.fake_training import FakeTraining
from tests.patience import PATIENCE_S

SMALL = "--imbalance-factor 5 --head-count 20 --batch-size 16".split()
BIKD = [sys.executable, "-c", "import sys; from bikd_core.cli import main; sys.exit(main())"]


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    return Places.at(tmp_path)


def the_run(home):
    (folder,) = list_runs(home.runs)
    return folder


def epochs_of(folder):
    return [event for event in folder.events() if isinstance(event, EpochDone)]


def hear_signals():
    """Undo what `nohup` and a shell's `&` do, should the tests run under them."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def hear_signals_alone():
    """Do so in a session of its own."""
    hear_signals()
    os.setsid()


def begin(**options):
    """Start a process that trains until it is stopped, and wait for its first line of JSON."""
    process = subprocess.Popen(
        [*BIKD, "run", *SMALL, "--method", "ce", "--epochs", "10000", "--json"],
        **options,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert json.loads(process.stdout.readline())["epoch"] == 1
    return process


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_a_stopped_run_that_can_be_resumed(home, name):
    process = begin(preexec_fn=hear_signals)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert f"bikd resume {the_run(home).run_id}" in err
    assert "Traceback" not in err
    folder = the_run(home)
    assert folder.status().state == "stopped"
    assert folder.checkpoint_epoch() == folder.status().epoch == 1 + len(out.splitlines())


@pytest.mark.slow
def test_a_hangup_that_is_ignored_stops_nothing(home):
    process = begin(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    for _ in range(3):
        assert "epoch" in process.stdout.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert the_run(home).status().state == "stopped"


@pytest.mark.slow
def test_a_terminal_that_is_closed_leaves_a_stopped_run(home):
    """Its process gets SIGHUP, and whatever it writes to the terminal is an error."""
    terminal, inside = os.openpty()
    process = subprocess.Popen(
        [*BIKD, "run", *SMALL, "--method", "ce", "--epochs", "10000"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        preexec_fn=hear_signals_alone,
    )
    os.close(inside)
    os.set_blocking(terminal, False)
    end = time.monotonic() + PATIENCE_S
    while not (list_runs(home.runs) and the_run(home).checkpoint_epoch()):
        assert time.monotonic() < end
        time.sleep(0.05)
        with contextlib.suppress(BlockingIOError):
            os.read(terminal, 2**16)  # a terminal that nobody reads holds up who writes
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    assert process.wait(PATIENCE_S) in {130, 120}  # 120: Python could not flush the closed terminal
    assert the_run(home).status().state == "stopped"


def test_resume_trains_a_stopped_run_to_its_end(home, monkeypatch, capsys):
    started = made_up.started(class_names=("a", "b", "c"), class_counts=(4, 2, 1))
    monkeypatch.setattr(fake_training, "started", lambda *_, **__: started)
    monkeypatch.setattr(
        fake_training,
        "epoch_done",
        lambda epoch, **_: made_up.epoch_done(epoch, accuracy_per_class=(0.25, 0.5, 0.75)),
    )
    monkeypatch.setattr(driver, "load_training", lambda: FakeTraining)
    run = create_run(home.runs, RunConfig.from_flat({"epochs": 4, "method": "ce"}))
    control = Control()

    def stop_after_two(event):
        if isinstance(event, EpochDone) and event.epoch == 2:
            control.stop()

    record(run, home, control, FakeTraining, num_threads=1, emit=stop_after_two)
    assert main(["resume", run.run_id, "--json"]) == 0
    out = capsys.readouterr().out
    assert [json.loads(line)["epoch"] for line in out.splitlines()] == [3, 4]
    assert run.status().state == "finished"
    assert [event.epoch for event in epochs_of(run)] == [1, 2, 3, 4]
    assert main(["resume", run.run_id]) == 2
    assert "is finished: nothing to resume" in capsys.readouterr().err
    assert main(["resume", "../nobody"]) == 2
    assert "There is no run '../nobody'" in capsys.readouterr().err


@pytest.mark.slow
def test_closing_the_output_pipe_stops_the_run(home):
    process = begin()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(PATIENCE_S) == 130
    process.stderr.close()
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert the_run(home).status().state == "stopped"
