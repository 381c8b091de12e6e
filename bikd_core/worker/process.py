"""`python -m bikd_core.worker`: the child process that trains one run.

It imports torch, says that it is ready and waits for its run; `bikd_core.worker.pipe` has what
passes between it and its server. It ends with its run. It also ends when its input closes, as it
does when the server is killed: so a server never leaves a writer behind.
"""

from __future__ import annotations

import faulthandler
import io
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from bikd_core.config import RunConfig, allow_code
from bikd_core.control import Control
from bikd_core.events import EpochDone, Event
from bikd_core.speed import Speeds
from bikd_core.store import Checkpoint, RunFolder, StoreError
from bikd_core.store.files import writing
from bikd_core.worker import pipe
from bikd_core.worker.recording import (
    MakeTraining,
    Outcome,
    RecordableTraining,
    Setup,
    reason_for,
    record,
)
from bikd_core.worker.recording import TogetherTraining as RecordableTogether
from bikd_core.worker.together import MakeTogether, TogetherSetup, record_together

ABANDONED_GRACE_S = 5.0  # after the input has closed, for the step and the checkpoint


def load_training() -> MakeTraining:
    """Import torch and the training; return the function that makes a training."""
    import torch

    from bikd_core.training import State, Training
    from bikd_core.training.compute import keep_freed_memory

    keep_freed_memory()

    class Recorded(Training):
        """A training whose state can be stored: arrays that share the tensors' memory."""

        def state_arrays(self) -> Checkpoint:
            tensors, values = self.state()
            return Checkpoint({name: tensor.numpy() for name, tensor in tensors.items()}, values)

    def make(setup: Setup) -> RecordableTraining:
        torch.set_num_threads(setup.num_threads)
        state = None
        if setup.checkpoint is not None:
            tensors, values = setup.checkpoint
            state = State({name: torch.tensor(array) for name, array in tensors.items()}, values)
        return Recorded(setup.config, setup.control, setup.places, state=state)

    return make


def load_together() -> MakeTogether:
    """Return the function that makes a training of runs that train together."""
    import torch

    from bikd_core.training import State
    from bikd_core.training.together import TogetherTraining

    class Recorded(TogetherTraining):
        """One whose states can be stored: arrays that share the tensors' memory."""

        def state_arrays(self, number: int) -> Checkpoint:
            assert self.together is not None  # an epoch has ended
            tensors, values = self.together.loops[number].state()
            return Checkpoint({name: tensor.numpy() for name, tensor in tensors.items()}, values)

    def make(setup: TogetherSetup) -> RecordableTogether:
        torch.set_num_threads(setup.num_threads)
        states = None
        if setup.checkpoints is not None:
            states = [
                State({name: torch.tensor(array) for name, array in tensors.items()}, values)
                for tensors, values in setup.checkpoints
            ]
        return Recorded(setup.configs, setup.control, setup.places, states)

    return make


def load_all_of_training() -> MakeTraining:
    """Return what `load_training` does; import what torch would import only in the first steps.

    It is for a process that waits for its run, so that the first chart need not wait for this.
    """
    import torch
    from torch.autograd import forward_ad

    make_training = load_training()
    with forward_ad.dual_level():  # the first derivative is slow
        torch.sin(forward_ad.make_dual(torch.zeros(1), torch.ones(1)))  # type: ignore[no-untyped-call]
    return make_training


Measure = Callable[[RunConfig, int, Callable[[], bool]], Speeds | None]


def measure_here(
    config: RunConfig, num_threads: int, is_cancelled: Callable[[], bool]
) -> Speeds | None:
    """Return the speeds of a config on this many threads; None if cancelled."""
    import torch

    from bikd_core.training.measure import measure

    torch.set_num_threads(num_threads)
    return measure(config, is_cancelled)


class Worker:
    """The child's side of the two pipes."""

    def __init__(self, commands: io.RawIOBase, replies: BinaryIO) -> None:
        self._commands = commands
        self._replies = replies
        self._control = Control()
        self._waiting: queue.SimpleQueue[pipe.Measure | pipe.Cancel | pipe.Start]
        self._waiting = queue.SimpleQueue()
        self._stopped: set[str] = set()  # runs that are to end alone, of those together
        self._is_abandoned = threading.Event()
        self._has_ended = threading.Event()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def _listen(self) -> None:
        has_run = False
        try:
            for line in self._commands:
                command = pipe.read_command(line)
                if isinstance(command, pipe.Measure | pipe.Cancel | pipe.Start):
                    has_run = has_run or isinstance(command, pipe.Start)
                    self._waiting.put(command)
                elif isinstance(command, pipe.Stop) and command.run_id:
                    self._stopped.add(command.run_id)
                else:
                    pipe.steer(self._control, command)
        finally:  # the server is gone, or sends what cannot be understood
            if not has_run:
                os._exit(0)
            self._is_abandoned.set()
            self._control.stop()
            if not self._has_ended.wait(ABANDONED_GRACE_S):
                os._exit(1)  # the training is in the middle of something long

    def serve(
        self,
        make_training: MakeTraining,
        measure: Measure,
        load_together: Callable[[], MakeTogether],
    ) -> None:
        """Measure what the server wants to know, then train the one run of this process."""
        self._load_together = load_together
        self._reply(pipe.Ready())
        while not isinstance(command := self._waiting.get(), pipe.Start):
            if isinstance(command, pipe.Measure):
                self._reply(self._measure(command, measure))
        outcome = self._train(command, make_training)
        self._reply(pipe.Ended(state=outcome.state, reason=outcome.reason))
        self._has_ended.set()

    def _measure(self, command: pipe.Measure, measure: Measure) -> pipe.Measured:
        def is_cancelled() -> bool:
            return not self._waiting.empty()  # whatever comes next is more urgent

        allow_code(*command.code)
        try:
            speeds = measure(command.config, command.num_threads, is_cancelled)
        except Exception as error:  # what cannot be measured is no reason to lose a warm child
            return pipe.Measured(speeds=None, reason=reason_for(error))
        return pipe.Measured(speeds=speeds, reason="" if speeds else pipe.CANCELLED)

    def _train(self, start: pipe.Start, make_training: MakeTraining) -> Outcome:
        folder = RunFolder(start.folder)
        allow_code(*start.code)
        try:
            _write_output_to(folder.path / "worker.log")
            if folder.record().together:
                return self._train_together(start)
            return record(
                folder,
                start.places,
                self._control,
                make_training,
                num_threads=start.num_threads,
                resume=start.resume,
                emit=self._tell,
                is_abandoned=self._is_abandoned.is_set,
            )
        except StoreError as error:
            return Outcome("failed", str(error))

    def _train_together(self, start: pipe.Start) -> Outcome:
        """Train runs together; return how the first of them ended."""
        folders = [RunFolder(path) for path in (start.folder, *start.others)]
        outcomes = record_together(
            folders,
            start.places,
            self._control,
            self._load_together(),
            num_threads=start.num_threads,
            resume=start.resume,
            emit=self._tell,
            is_stopped=self._stopped.__contains__,
            is_abandoned=self._is_abandoned.is_set,
        )
        return outcomes[folders[0].run_id]

    def _tell(self, event: Event) -> None:
        self._reply(pipe.Written(is_epoch=isinstance(event, EpochDone)))

    def _reply(self, reply: pipe.Reply) -> None:
        try:
            self._replies.write(pipe.to_line(reply))
            self._replies.flush()
        except BrokenPipeError:
            # The server is gone. Its end of the other pipe is closed as well: see `_listen`.
            pass


def _write_output_to(path: Path) -> None:
    """Send what libraries print, and the trace of a crash, to a file of the run."""
    with writing(path), path.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def main(
    load: Callable[[], MakeTraining] = load_all_of_training,
    measure: Measure = measure_here,
    load_together: Callable[[], MakeTogether] = load_together,
) -> None:
    """Serve one run, or runs that train together, over standard input and output.

    What libraries print goes where errors go: standard output is for replies.
    """
    faulthandler.enable()
    if hasattr(os, "nice"):
        os.nice(10)  # the page goes first; an idle core trains as fast as ever
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Unbuffered: a thread that waits in a buffered read cannot be left behind at exit.
    worker = Worker(io.FileIO(0, closefd=False), replies)
    worker.serve(load(), measure, load_together)
