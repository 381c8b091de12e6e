import os
import signal
import subprocess
from pathlib import Path

import pytest

from bikd_core.places import Places
from bikd_core.runs import child
from bikd_core.speed import Speed, Speeds
from bikd_core.store import create_run
from bikd_core.worker import pipe
from tests import fake_training as fake
from tests.fake_training import config, until

ROOT = Path(__file__).parents[2]
EPOCH = pipe.Written(is_epoch=True)


class Pipes:
    """A worker, with the fake training for one, seen from its server."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def send(self, command):
        self.process.stdin.write(pipe.to_line(command))
        self.process.stdin.flush()

    def start(self, folder, places, *, resume=False):
        self.send(pipe.Start(folder=folder.path, places=places, resume=resume, num_threads=1))

    def next(self):
        return pipe.read_reply(self.process.stdout.readline())

    def up_to(self, wanted):
        """The replies up to the first of a type, or to the first that is equal."""
        replies = [self.next()]
        while not (type(replies[-1]) is wanted or replies[-1] == wanted):
            replies.append(self.next())
        return replies

    def close_input(self):
        self.process.stdin.close()
        return self.process.wait(20)


@pytest.fixture
def worker():
    started = []

    def start(command=fake.WORKER):
        started.append(Pipes(command))
        return started[-1]

    yield start
    for pipes in started:
        pipes.process.kill()
        pipes.process.wait(20)
        for stream in (pipes.process.stdin, pipes.process.stdout, pipes.process.stderr):
            stream.close()


@pytest.fixture
def places(tmp_path):
    return Places.at(tmp_path)


def new_run(places, **values):
    return create_run(places.runs, config(**values))


def test_a_run_from_ready_to_ended(worker, places):
    folder, pipes = new_run(places), worker()
    assert pipes.next() == pipe.Ready()
    pipes.start(folder, places)
    started, finished = pipe.Written(is_epoch=False), pipe.Ended(state="finished", reason="")
    assert pipes.up_to(pipe.Ended) == [started, EPOCH, EPOCH, EPOCH, finished]
    assert pipes.process.wait(20) == 0
    assert pipes.process.stdout.read() == b""
    assert len(folder.events()) == 4


def last_control(folder, control):
    """Wait until the last event of a run's log says that something was done, and return it."""

    def look():
        events = folder.events()
        return events and getattr(events[-1], "control", "") == control and events[-1]

    return until(look)


@pytest.mark.slow
def test_commands_reach_the_training(worker, places):
    folder, pipes = new_run(places, epochs=10_000), worker()
    pipes.start(folder, places)
    pipes.send(pipe.Pause())
    paused = last_control(folder, "paused")
    until(lambda: folder.status().state == "paused")
    pipes.send(pipe.SetLearningRate(value=0.25))
    assert last_control(folder, "learning_rate").value == 0.25
    pipes.send(pipe.Step(level="inner"))
    last_control(folder, "paused")  # after an epoch's event, where the step was the epoch's last
    [step] = [event for event in folder.events() if event.kind == "step"]
    assert step.step == paused.step + 1
    pipes.send(pipe.Resume())
    pipes.up_to(EPOCH)
    pipes.send(pipe.Stop())
    assert pipes.up_to(pipe.Ended)[-1].state == "stopped"
    assert folder.checkpoint_epoch() == folder.status().epoch > 0


@pytest.mark.slow
def test_a_measurement_is_answered_with_speeds_or_a_reason(worker):
    pipes = worker()
    pipes.send(pipe.Measure(config=config(), num_threads=1))
    assert pipes.up_to(pipe.Measured)[-1].speeds == Speeds(Speed(0.1, 0.01), Speed(0.2, 0.0))
    pipes.send(pipe.Measure(config=config(batch_size=2), num_threads=1))
    reply = pipes.next()
    assert (reply.speeds, reply.reason) == (None, "RuntimeError: cannot be measured")
    pipes.send(pipe.Measure(config=config(student="digits_mlp"), num_threads=1))
    pipes.send(pipe.Cancel())
    assert pipes.next() == pipe.Measured(speeds=None, reason=pipe.CANCELLED)


@pytest.mark.slow
def test_it_ends_when_nobody_gives_it_a_run(worker):
    pipes = worker()
    pipes.next()
    assert pipes.close_input() == 0


@pytest.mark.slow
@pytest.mark.parametrize("is_paused", [False, True])
def test_it_saves_and_ends_when_its_server_goes(worker, places, is_paused):
    folder, pipes = new_run(places, epochs=10_000), worker()
    pipes.start(folder, places)
    pipes.up_to(EPOCH)
    if is_paused:
        pipes.send(pipe.Pause())
        until(lambda: folder.status().state == "paused")
    pipes.process.stdout.close()
    assert pipes.close_input() in {0, 120}  # 120: Python could not flush what nobody reads
    assert folder.status().state == "interrupted"
    assert folder.checkpoint_epoch() == folder.status().epoch > 0
    assert not folder.is_held()


@pytest.mark.slow
def test_it_ends_in_the_middle_of_something_long_when_its_server_goes(worker, places):
    folder, pipes = new_run(places, seed=fake.IS_DEAF), worker()
    pipes.start(folder, places)
    until(lambda: (folder.path / "worker.log").exists())
    until(lambda: "prints" in (folder.path / "worker.log").read_text())
    assert pipes.close_input() == 1
    assert folder.status().state == "running"  # it had no time to say more
    assert not folder.is_held()


@pytest.mark.slow
def test_what_libraries_print_goes_to_the_runs_own_log(worker, places):
    folder, pipes = new_run(places, seed=fake.PRINTS), worker()
    pipes.start(folder, places)
    assert pipes.up_to(pipe.Ended)[-1].state == "finished"
    assert pipes.process.wait(20) == 0
    assert "a library prints" in (folder.path / "worker.log").read_text()


@pytest.mark.slow
def test_a_second_worker_on_the_same_run_is_refused(worker, places):
    folder, first, second = new_run(places, epochs=10_000), worker(), worker()
    first.start(folder, places)
    first.up_to(EPOCH)
    second.start(folder, places)
    ended = second.up_to(pipe.Ended)[-1]
    assert ended.state == "failed"
    assert "Another process trains the run" in ended.reason
    assert folder.status().state == "running"
    first.up_to(EPOCH)


@pytest.mark.slow
def test_what_was_written_survives_a_kill(worker, places):
    folder, pipes = new_run(places, epochs=10_000), worker()
    pipes.start(folder, places)
    for _ in range(5):
        pipes.up_to(EPOCH)
    pipes.process.send_signal(signal.SIGKILL)
    pipes.process.wait(20)
    epochs = [event.epoch for event in folder.events() if event.kind == "epoch"]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) >= 5
    assert set(epochs) <= set(folder.frames_available)
    assert [folder.frame(epoch).epoch for epoch in epochs] == epochs
    assert not folder.is_held()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"command": "dance"}',
        b'{"command": "step", "level": "leap"}',
        b'{"command": "learning_rate", "value": "fast"}',
        b'{"command": "learning_rate", "value": NaN}',
        b'{"command": "stop", "now": true}',
    ],
)
def test_what_is_no_command_is_refused(line):
    with pytest.raises(ValueError, match="validation error"):
        pipe.read_command(line)


@pytest.mark.parametrize(
    "line", [b"{}", b'{"kind": "epoch"}', b'{"kind": "ended", "state": "asleep", "reason": ""}']
)
def test_what_is_no_reply_is_refused(line):
    with pytest.raises(ValueError, match="validation error"):
        pipe.read_reply(line)


@pytest.mark.slow
def test_the_real_worker_starts_and_ends(worker):
    pipes = worker(command=child.WORKER)
    assert pipes.next() == pipe.Ready()
    assert pipes.close_input() == 0


@pytest.mark.slow
def test_it_ends_at_once_if_its_server_goes_while_it_imports(worker):
    assert worker(command=child.WORKER).close_input() == 0
