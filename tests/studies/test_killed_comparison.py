"""`bikd compare` is killed while it trains, and the same command finishes the comparison."""

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
from tests.patience import PATIENCE_S

METHODS, SEEDS, EPOCHS = ("ce", "kd", "bikd"), (0, 1), 12
BIKD = [sys.executable, "-c", "import sys; from bikd_core.cli import main; sys.exit(main())"]


def begin(home):
    """Start the comparison as a process that writes its answer to a file in its home."""
    arguments = f"--methods {','.join(METHODS)} --seeds 0-1 --epochs {EPOCHS} --device cpu".split()
    return subprocess.Popen(
        [*BIKD, "compare", *arguments, "--export", str(home / "answer.json")],
        env=os.environ | {"BIKD_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_exit(process) -> int:
    """Return the exit code; print standard error for a failing test to show."""
    _, errors = process.communicate(timeout=PATIENCE_S)
    print(errors)
    return process.returncode


def key_of(folder):
    config = folder.record().config
    return config.method.method, config.training.seed


def runs_of(home):
    """Return the runs by method and seed; no two may be the same."""
    folders = list_runs(home / "runs")
    by_key = {key_of(folder): folder for folder in folders}
    assert len(by_key) == len(folders)
    return by_key


def epochs_of(folder):
    return [event.epoch for event in folder.events() if isinstance(event, EpochDone)]


def wait_until_it_trains(home, process, method, seed):
    """Wait until that run has some of its epochs."""

    def look():
        assert process.poll() is None
        run = next((r for r in list_runs(home / "runs") if key_of(r) == (method, seed)), None)
        return run is not None and len(epochs_of(run)) >= 3

    until(look)
    assert len(epochs_of(runs_of(home)[method, seed])) < EPOCHS


def children_of(pid):
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def kill(process, *, with_children):
    """Kill the process, as when memory runs out, or also its children, as in a power cut."""
    children = children_of(process.pid)
    assert children
    for pid in (process.pid, *(children if with_children else ())):
        os.kill(pid, signal.SIGKILL)
    process.communicate()


def fingerprints(folder):
    """Return a hash of every file of a run except the lock, which every reader opens."""
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
    """Return the exported answer without wall-clock times."""
    [report] = json.loads((home / "answer.json").read_text())
    for line in report["lines"]:
        del line["seconds_per_epoch"]
    return report


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc: children are not found")
def test_a_killed_comparison_is_resumed_and_gives_the_same_answer(tmp_path):
    whole, home = tmp_path / "whole", tmp_path / "killed"
    assert wait_for_exit(begin(whole)) == 0

    first = begin(home)
    wait_until_it_trains(home, first, "kd", 0)
    kill(first, with_children=False)
    assert not (home / "answer.json").exists()
    after_first = finished(home)
    assert set(after_first) == {("ce", 0), ("ce", 1)}  # the seeds of a method train together

    second = begin(home)  # at once: the orphan of the first may still be saving its checkpoint
    wait_until_it_trains(home, second, "bikd", 1)
    kill(second, with_children=True)
    after_second = finished(home)
    assert set(after_second) == {("ce", 0), ("ce", 1), ("kd", 0), ("kd", 1)}

    assert wait_for_exit(begin(home)) == 0
    at_last = finished(home)
    assert set(at_last) == {(method, seed) for method in METHODS for seed in SEEDS}
    assert {key: at_last[key] for key in after_second} == after_second
    assert {key: after_second[key] for key in after_first} == after_first
    for key, run in runs_of(home).items():
        assert epochs_of(run) == list(range(1, EPOCHS + 1)), key
        assert run.frames_available == tuple(range(1, EPOCHS + 1))
        assert load_file(run.path / "student.safetensors")
        assert set(at_last[key]) == set(fingerprints(runs_of(whole)[key])), "left-over files"
    assert answer_of(home) == answer_of(whole)
