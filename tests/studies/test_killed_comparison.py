"""`bikd compare` as a process that is killed at work, and what the same command makes of it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from bikd_core.events import EpochDone
from bikd_core.store import list_runs
from tests.fake_training import until

METHODS, SEEDS, EPOCHS = ("ce", "kd", "bikd"), (0, 1), 12
BIKD = [sys.executable, "-c", "import sys; from bikd_core.cli import main; sys.exit(main())"]
TIMEOUT_S = 300  # for six short runs of the digits on a busy machine


def begin(home):
    """The comparison as a process; its answer goes to a file of its home."""
    asked = f"--methods {','.join(METHODS)} --seeds 0-1 --epochs {EPOCHS} --device cpu".split()
    return subprocess.Popen(
        [*BIKD, "compare", *asked, "--export", str(home / "answer.json")],
        env=os.environ | {"BIKD_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends(process) -> int:
    """Its exit code; what it complains of is shown where a test fails."""
    _, complaints = process.communicate(timeout=TIMEOUT_S)
    print(complaints)
    return process.returncode


def asked_of(folder):
    config = folder.record().config
    return config.method.method, config.training.seed


def runs_of(home):
    """By method and seed; more than one of a kind would be one too many."""
    folders = list_runs(home / "runs")
    by_question = {asked_of(folder): folder for folder in folders}
    assert len(by_question) == len(folders)
    return by_question


def epochs_of(folder):
    return [event.epoch for event in folder.events() if isinstance(event, EpochDone)]


def while_it_trains(home, process, method, seed):
    """Wait until that run has some epochs, of which more are to come."""

    def look():
        assert process.poll() is None
        run = next((r for r in list_runs(home / "runs") if asked_of(r) == (method, seed)), None)
        return run is not None and len(epochs_of(run)) >= 3

    until(look, TIMEOUT_S)
    assert len(epochs_of(runs_of(home)[method, seed])) < EPOCHS


def children_of(pid):
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def kill(process, *, with_children):
    """As out of memory does it, or with everything else as a power cut does."""
    children = children_of(process.pid)
    assert children
    for pid in (process.pid, *(children if with_children else ())):
        os.kill(pid, signal.SIGKILL)
    process.communicate()


def fingerprints(folder):
    """Of every file of a run that is to stay as it is; the lock is looked at by whoever reads."""
    return {
        str(path.relative_to(folder.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.path.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    }


def finished(home):
    return {
        key: fingerprints(run)
        for key, run in runs_of(home).items()
        if run.status().state == "finished"
    }


def answer_of(home):
    """Without what the clock says."""
    [report] = json.loads((home / "answer.json").read_text())
    for line in report["lines"]:
        del line["seconds_per_epoch"], line["cost"]
    return report


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc: children are not found")
def test_a_killed_comparison_goes_on_and_answers_as_an_undisturbed_one(tmp_path):
    whole, home = tmp_path / "whole", tmp_path / "killed"
    assert ends(begin(whole)) == 0

    first = begin(home)
    while_it_trains(home, first, "kd", 0)
    kill(first, with_children=False)
    assert not (home / "answer.json").exists()
    after_first = finished(home)
    assert set(after_first) == {("ce", 0)}

    second = begin(home)  # at once: the orphan of the first may still be saving its checkpoint
    while_it_trains(home, second, "ce", 1)
    kill(second, with_children=True)
    after_second = finished(home)
    assert set(after_second) == {("ce", 0), ("kd", 0), ("bikd", 0)}

    assert ends(begin(home)) == 0
    at_last = finished(home)
    assert set(at_last) == {(method, seed) for method in METHODS for seed in SEEDS}
    assert {key: at_last[key] for key in after_second} == after_second
    assert after_second["ce", 0] == after_first["ce", 0]
    for key, run in runs_of(home).items():
        assert epochs_of(run) == list(range(1, EPOCHS + 1)), key
        assert run.frames_available == tuple(range(1, EPOCHS + 1))
        assert load_file(run.path / "student.safetensors")
        assert set(at_last[key]) == set(fingerprints(runs_of(whole)[key])), "left-over files"
    assert answer_of(home) == answer_of(whole)
