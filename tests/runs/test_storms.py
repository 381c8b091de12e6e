"""Many steer at once, or at the wrong moment: no thread dies, no epoch is lost or told twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bikd_core.events import EpochDone
from bikd_core.runs import RunError, UnknownRun
from bikd_core.store import StoreError
from bikd_core.store import folder as store_folder
from tests.fake_training import config, until
from tests.patience import PATIENCE_S
from tests.repeated import as_many, first_quick
from tests.runs.waiting import LONG, reached, trained

EPOCHS = 40
NUM_STORMS = as_many(5, 100)  # each of a thread and of a child
STILL_SECONDS = as_many(3, 60)


def storm(manager, run_id, draw):
    """Ask for something thirty times, at random moments."""
    asks = (
        manager.pause,
        manager.resume,
        manager.stop,
        lambda run: manager.step(run, draw.choice(["inner", "outer", "epoch"])),
        lambda run: manager.set_learning_rate(run, draw.choice([0.01, 0.1, 1.0])),
        lambda run: manager.set_speed(run, draw.choice([None, 50.0, 100.0])),
        manager.resume_from_checkpoint,
        lambda run: manager.rename(run, f"name {draw.random()}"),
        lambda _: manager.list(),
    )
    for _ in range(30):
        time.sleep(draw.uniform(0, 0.01))
        try:
            draw.choice(asks)(run_id)
        except RunError as refusal:
            assert str(refusal)  # noqa: PT017 a run that has ended, or has not, may refuse


def bring_to_an_end(manager, run_id):
    def look():
        snapshot = manager.snapshot(run_id)
        if snapshot.state == "paused":
            manager.resume(run_id)
        elif snapshot.has_ended and snapshot.state != "finished":
            manager.resume_from_checkpoint(run_id)
        else:
            manager.set_speed(run_id, None)
        return snapshot if snapshot.state == "finished" else None

    return until(look)


@pytest.mark.parametrize("number", first_quick(range(NUM_STORMS)))
def test_four_who_steer_at_once_lose_no_epoch(manager, number):
    before = threading.active_count()
    run_id = manager.start(config(epochs=EPOCHS))
    with ThreadPoolExecutor(4) as pool:
        storms = [
            pool.submit(storm, manager, run_id, random.Random(4 * number + one)) for one in range(4)
        ]
        for each in storms:
            each.result(PATIENCE_S)
    finished = bring_to_an_end(manager, run_id)
    events = finished.folder.events()
    done = [event.epoch for event in events if isinstance(event, EpochDone)]
    assert done == list(range(1, EPOCHS + 1))
    assert [epoch.epoch for epoch in finished.epochs] == done
    assert finished.folder.frames_available == tuple(done)
    until(lambda: threading.active_count() <= before + 1)  # a spare process has a thread


def test_of_four_who_resume_at_once_one_does_and_the_run_ends_well(manager):
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id, 2)
    manager.stop(run_id)
    stopped = reached(manager, run_id, "stopped")

    def resume(_):
        try:
            manager.resume_from_checkpoint(run_id)
        except RunError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(resume, range(4))) == 1
    going_on = trained(manager, run_id, len(stopped.epochs) + 1)
    assert going_on.epochs[: len(stopped.epochs)] == stopped.epochs


def test_a_run_that_is_deleted_while_it_is_watched_is_gone_for_the_viewer_too(manager):
    run_id = manager.start(config(epochs=LONG))
    trained(manager, run_id, 2)
    ended, faults = threading.Event(), []

    def watch():
        while not ended.is_set():
            try:
                snapshot = manager.snapshot(run_id)
                if snapshot.epochs:
                    snapshot.folder.frame(snapshot.epochs[-1].epoch)
            except UnknownRun:
                return
            except StoreError:
                continue  # a frame of a folder that is going
            except Exception as error:
                faults.append(error)
                return

    viewers = [threading.Thread(target=watch) for _ in range(3)]
    for viewer in viewers:
        viewer.start()
    manager.stop(run_id)
    reached(manager, run_id, "stopped")
    manager.delete(run_id)
    for viewer in viewers:
        viewer.join(20)
    ended.set()
    assert not faults
    assert not [viewer for viewer in viewers if viewer.is_alive()]
    assert run_id not in [run.run_id for run in manager.list()]


def test_two_servers_on_one_home_do_not_train_one_run_twice(new_manager):
    first, second = new_manager(in_process=True), new_manager(in_process=True)
    run_id = first.start(config(epochs=LONG))
    trained(first, run_id, 2)
    first.stop(run_id)
    reached(first, run_id, "stopped")

    def resume(manager):
        try:
            manager.resume_from_checkpoint(run_id)
        except (RunError, StoreError):
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        asked = list(pool.map(resume, (first, second)))
    assert any(asked)
    going_on = until(
        lambda: next((m for m in (first, second) if m.snapshot(run_id).state == "running"), None)
    )
    seen = len(going_on.snapshot(run_id).epochs)
    trained(going_on, run_id, seen + 2)
    done = [
        event.epoch
        for event in going_on.snapshot(run_id).folder.events()
        if hasattr(event, "accuracy")
    ]
    assert done == list(range(1, len(done) + 1))


BIKD = [sys.executable, "-c", "import sys; from bikd_core.cli import main; sys.exit(main())"]
SMALL = "run --method ce --student digits_mlp --epochs 100 --imbalance-factor 5 --head-count 20"


@pytest.mark.slow
def test_two_servers_and_a_command_line_on_one_home_all_train_to_the_end(new_manager, places):
    first, second = servers = [new_manager(in_process=True) for _ in range(2)]
    home = os.environ | {"BIKD_HOME": str(places.runs.parent)}
    with subprocess.Popen([*BIKD, *SMALL.split()], env=home, stdout=subprocess.DEVNULL) as line:
        started = [server.start(config(epochs=EPOCHS)) for server in servers]
        of_line = until(lambda: {run.run_id for run in first.list()} - set(started)).pop()
        until(lambda: second.snapshot(of_line).epochs)
        for refused in (first.stop, second.delete, first.resume_from_checkpoint):
            with pytest.raises(RunError):
                refused(of_line)
        assert line.wait(PATIENCE_S) == 0
    for run_id, epochs in [(of_line, 100), *((run_id, EPOCHS) for run_id in started)]:
        for server in servers:
            done = reached(server, run_id, "finished").folder.events()
            numbers = [event.epoch for event in done if isinstance(event, EpochDone)]
            assert numbers == list(range(1, epochs + 1))
    first.delete(of_line)
    assert {run.run_id for run in second.list()} == set(started)


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_changes_no_epoch_and_no_list(manager, monkeypatch, days):
    earlier = manager.start(config())
    reached(manager, earlier, "finished")
    run_id = manager.start(config(epochs=LONG))
    before = trained(manager, run_id, 2)

    class Jumped(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + timedelta(days=days)

    monkeypatch.setattr(store_folder, "datetime", Jumped)
    later = trained(manager, run_id, len(before.epochs) + 3)
    assert later.epochs[: len(before.epochs)] == before.epochs
    assert later.seconds_left > 0
    manager.stop(run_id)
    reached(manager, run_id, "stopped")
    assert {run.run_id for run in manager.list()} == {earlier, run_id}
    assert abs(later.folder.status().updated - datetime.now(UTC)) < timedelta(days=2)


@pytest.mark.slow
def test_a_child_that_stands_still_for_a_while_goes_on(parent):
    run_id = parent.start(config(epochs=LONG))
    trained(parent, run_id, 2)
    pid = parent._job_of(run_id)._child.pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(STILL_SECONDS)
    still = parent.snapshot(run_id)
    assert not still.has_ended
    os.kill(pid, signal.SIGCONT)
    going_on = trained(parent, run_id, len(still.epochs) + 2)
    assert going_on.epochs[: len(still.epochs)] == still.epochs
