import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from bikd_core.control import Control
from bikd_core.places import Places
from bikd_core.runs import child
from bikd_core.store import create_run
from bikd_core.worker.process import obey, start_command
from tests import fake_training as fake
from tests.fake_training import config, until

ROOT = Path(__file__).parents[2]


class Pipes:
    """A worker, with the fake training for one, seen from its server."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )

    def send(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def start(self, folder, places, *, resume=False):
        self.send(**start_command(folder, places, resume=resume, num_threads=1))

    def next(self):
        return json.loads(self.process.stdout.readline())

    def up_to(self, kind):
        messages = [self.next()]
        while messages[-1]["kind"] != kind:
            messages.append(self.next())
        return messages

    def hang_up(self):
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
    assert pipes.next() == {"kind": "ready"}
    pipes.start(folder, places)
    messages = pipes.up_to("ended")
    kinds = [message["kind"] for message in messages]
    assert kinds == ["started", "epoch", "epoch", "epoch", "ended"]
    assert messages[-1] == {"kind": "ended", "state": "finished", "reason": ""}
    assert pipes.process.wait(20) == 0
    assert pipes.process.stdout.read() == ""
    assert len(folder.events()) == 4


def test_commands_reach_the_training(worker, places):
    folder, pipes = new_run(places, epochs=10_000), worker()
    pipes.start(folder, places)
    pipes.send(command="pause")
    paused = pipes.up_to("control")[-1]
    assert paused["control"] == "paused"
    assert folder.status().state == "paused"
    pipes.send(command="learning_rate", value=0.25)
    change = pipes.up_to("control")[-1]
    assert (change["control"], change["value"]) == ("learning_rate", 0.25)
    pipes.send(command="step", level="inner")
    step = pipes.up_to("step")[-1]
    assert step["step"] == paused["step"] + 1
    assert pipes.up_to("control")[-1]["control"] == "paused"
    pipes.send(command="resume")
    pipes.up_to("epoch")
    pipes.send(command="stop")
    assert pipes.up_to("ended")[-1]["state"] == "stopped"
    assert folder.checkpoint_epoch() == folder.status().epoch > 0


def test_it_ends_when_nobody_gives_it_a_run(worker):
    pipes = worker()
    pipes.next()
    assert pipes.hang_up() == 0


@pytest.mark.parametrize("is_paused", [False, True])
def test_it_saves_and_ends_when_its_server_goes(worker, places, is_paused):
    folder, pipes = new_run(places, epochs=10_000), worker()
    pipes.start(folder, places)
    pipes.up_to("epoch")
    if is_paused:
        pipes.send(command="pause")
        pipes.up_to("control")
    pipes.process.stdout.close()
    assert pipes.hang_up() in {0, 120}  # 120: Python could not flush what nobody reads
    assert folder.status().state == "interrupted"
    assert folder.checkpoint_epoch() == folder.status().epoch > 0
    assert not folder.is_held()


def test_it_ends_in_the_middle_of_something_long_when_its_server_goes(worker, places):
    folder, pipes = new_run(places, seed=fake.IS_DEAF), worker()
    pipes.start(folder, places)
    until(lambda: (folder.path / "worker.log").exists())
    until(lambda: "prints" in (folder.path / "worker.log").read_text())
    assert pipes.hang_up() == 1
    assert folder.status().state == "running"  # it had no time to say more
    assert not folder.is_held()


def test_what_libraries_print_goes_to_the_runs_own_log(worker, places):
    folder, pipes = new_run(places, seed=fake.PRINTS), worker()
    pipes.start(folder, places)
    assert pipes.up_to("ended")[-1]["state"] == "finished"
    assert pipes.process.wait(20) == 0
    assert "a library prints" in (folder.path / "worker.log").read_text()


def test_a_second_worker_on_the_same_run_is_refused(worker, places):
    folder, first, second = new_run(places, epochs=10_000), worker(), worker()
    first.start(folder, places)
    first.up_to("epoch")
    second.start(folder, places)
    ended = second.up_to("ended")[-1]
    assert ended["state"] == "failed"
    assert "Another process trains the run" in ended["reason"]
    assert folder.status().state == "running"
    first.up_to("epoch")


def test_what_was_written_survives_a_kill(worker, places):
    folder, pipes = new_run(places, epochs=10_000), worker()
    pipes.start(folder, places)
    for _ in range(5):
        pipes.up_to("epoch")
    pipes.process.send_signal(signal.SIGKILL)
    pipes.process.wait(20)
    epochs = [event.epoch for event in folder.events() if event.kind == "epoch"]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) >= 5
    assert set(epochs) <= set(folder.frames_available)
    assert [folder.frame(epoch).epoch for epoch in epochs] == epochs
    assert not folder.is_held()


def test_an_unknown_command_is_refused():
    with pytest.raises(ValueError, match="knows no command"):
        obey(Control(), {"command": "dance"})


@pytest.mark.slow
def test_the_real_worker_starts_and_ends(worker):
    pipes = worker(command=child.WORKER)
    assert pipes.next() == {"kind": "ready"}
    assert pipes.hang_up() == 0


def test_it_ends_at_once_if_its_server_goes_while_it_imports(worker):
    assert worker(command=child.WORKER).hang_up() == 0
