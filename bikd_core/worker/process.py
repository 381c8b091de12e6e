"""`python -m bikd_core.worker`: the child process that trains one run.

It imports torch, says that it is ready and waits. One JSON object a line each way:

    to it      {"command": "measure", "config", "num_threads"}, {"command": "cancel"}; then, once,
               {"command": "start", "folder", "places": {"runs", "teachers", "data"}, "resume",
                "num_threads"}; then any of
               {"command": "pause" | "resume" | "stop"}, {"command": "step", "level"},
               {"command": "learning_rate", "value"}, {"command": "speed", "value"}
    from it    {"kind": "ready"}; {"kind": "speed", "run", "teacher", "reason"} a measure;
               the run's events, {"kind": "ended", "state", "reason"}

It ends with its run. It also ends when its input closes, which a server that was killed cannot
help doing: so a server never leaves a writer behind.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import io
import json
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import Event, to_json
from bikd_core.places import Places
from bikd_core.speed import Speeds
from bikd_core.store import Checkpoint, RunFolder, StoreError
from bikd_core.store.files import writing
from bikd_core.worker.recording import MakeTraining, Order, Outcome, Trains, record, sentence

ABANDONED_GRACE_S = 5.0  # for the step, and the checkpoint, after the input has closed


def load_training() -> MakeTraining:
    """Import torch and the training; what is returned makes trainings."""
    import torch

    from bikd_core.training import State, Training
    from bikd_core.training.compute import keep_freed_memory

    keep_freed_memory()
    # torch puts seconds of imports off until the first optimiser and the first forward-mode
    # derivative; a warm child has them behind it, or the first chart would wait for them.
    torch.optim.SGD([torch.zeros(1)])
    torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))

    class Recorded(Training):
        """A training whose state can be stored: arrays that share the tensors' memory."""

        def state_arrays(self) -> Checkpoint:
            tensors, values = self.state()
            return Checkpoint({name: tensor.numpy() for name, tensor in tensors.items()}, values)

    def make(order: Order) -> Trains:
        torch.set_num_threads(order.num_threads)
        state = None
        if order.checkpoint is not None:
            tensors, values = order.checkpoint
            state = State({name: torch.tensor(array) for name, array in tensors.items()}, values)
        return Recorded(order.config, order.control, order.places, state=state)

    return make


Measure = Callable[[RunConfig, int, Callable[[], bool]], Speeds | None]


def measure_here(
    config: RunConfig, num_threads: int, is_cancelled: Callable[[], bool]
) -> Speeds | None:
    """As `bikd_core.training.measure`, with so many threads."""
    import torch

    from bikd_core.training.measure import measure

    torch.set_num_threads(num_threads)
    return measure(config, is_cancelled)


def obey(control: Control, command: dict[str, Any]) -> None:
    """Pass a command on to the training that runs."""
    match command:
        case {"command": "pause"}:
            control.pause()
        case {"command": "resume"}:
            control.resume()
        case {"command": "stop"}:
            control.stop()
        case {"command": "step", "level": level}:
            control.step(level)
        case {"command": "learning_rate", "value": value}:
            control.set_learning_rate(value)
        case {"command": "speed", "value": value}:
            control.set_speed(value)
        case _:
            raise ValueError(f"The worker knows no command {command!r}.")


def start_command(
    folder: RunFolder, places: Places, *, resume: bool, num_threads: int
) -> dict[str, Any]:
    """The line that gives a waiting worker its run."""
    return {
        "command": "start",
        "folder": str(folder.path.absolute()),
        "places": {
            field.name: str(getattr(places, field.name).absolute())
            for field in dataclasses.fields(places)
        },
        "resume": resume,
        "num_threads": num_threads,
    }


class Worker:
    """The child's side of the two pipes."""

    def __init__(self, commands: io.RawIOBase, messages: TextIO) -> None:
        self._commands = commands
        self._messages = messages
        self._control = Control()
        self._orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._is_abandoned = threading.Event()
        self._has_ended = threading.Event()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def _listen(self) -> None:
        has_run = False
        try:
            for line in self._commands:
                command = json.loads(line)
                has_run = has_run or command["command"] == "start"
                if command["command"] in {"measure", "cancel", "start"}:
                    self._orders.put(command)
                else:
                    obey(self._control, command)
        finally:  # the server is gone, or nobody would hear it any more
            if not has_run:
                os._exit(0)
            self._is_abandoned.set()
            self._control.stop()
            if not self._has_ended.wait(ABANDONED_GRACE_S):
                os._exit(1)  # the training is in the middle of something long

    def serve(self, make_training: MakeTraining, measure: Measure) -> None:
        """Measure what is asked for, then train the one run that this process is for."""
        self._say({"kind": "ready"})
        while (order := self._orders.get())["command"] != "start":
            if order["command"] == "measure":
                self._say({"kind": "speed", **self._measure(order, measure)})
        outcome = self._train(order, make_training)
        self._say({"kind": "ended", **outcome._asdict()})
        self._has_ended.set()

    def _measure(self, order: dict[str, Any], measure: Measure) -> dict[str, Any]:
        try:
            config = RunConfig.model_validate(order["config"])
            # Whatever comes next comes first.
            speeds = measure(config, order["num_threads"], lambda: not self._orders.empty())
        except Exception as error:  # what cannot be measured is no reason to lose a warm child
            return {"run": None, "teacher": None, "reason": sentence(error)}
        if speeds is None:
            return {"run": None, "teacher": None, "reason": "cancelled"}
        return {**speeds._asdict(), "reason": ""}

    def _train(self, start: dict[str, Any], make_training: MakeTraining) -> Outcome:
        folder = RunFolder(Path(start["folder"]))
        try:
            _write_output_to(folder.path / "worker.log")
            return record(
                folder,
                Places(**{name: Path(path) for name, path in start["places"].items()}),
                self._control,
                make_training,
                num_threads=start["num_threads"],
                resume=start["resume"],
                emit=self._emit,
                is_abandoned=self._is_abandoned.is_set,
            )
        except StoreError as error:
            return Outcome("failed", str(error))

    def _emit(self, event: Event) -> None:
        self._write(to_json(event))

    def _say(self, message: dict[str, Any]) -> None:
        self._write(json.dumps(message))

    def _write(self, line: str) -> None:
        try:
            self._messages.write(line + "\n")
            self._messages.flush()
        except BrokenPipeError:
            # The server is gone. Its end of the other pipe is closed as well: see `_listen`.
            pass


def _write_output_to(path: Path) -> None:
    """Send what libraries print, and a crash's last words, to a file of the run."""
    with writing(path), path.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def main(load: Callable[[], MakeTraining] = load_training, measure: Measure = measure_here) -> None:
    """Serve one run over standard input and output.

    Prints of libraries go where errors go: standard output belongs to the messages.
    """
    faulthandler.enable()
    if hasattr(os, "nice"):
        os.nice(10)  # the page goes first: a core that it leaves idle trains as fast as ever
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Unbuffered: a thread that waits in a buffered read cannot be left behind at exit.
    worker = Worker(io.FileIO(0, closefd=False), messages)
    worker.serve(load(), measure)
