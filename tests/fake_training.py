"""A stand-in for training: events and arrays in the right order, without torch, in milliseconds.

Run as a script it is a worker that trains with it. The seed of a run's config says what goes wrong.
"""

import os
import signal
import sys
import time

import numpy as np

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import ControlChanged, StepDone, TeacherEpochDone
from bikd_core.speed import Speed, Speeds
from bikd_core.store import Checkpoint
from bikd_core.worker import process, recording
from bikd_core.worker.recording import Setup
from bikd_core.worker.together import TogetherSetup
from tests.made_up import epoch_done, frame, panel, started, trace
from tests.patience import PATIENCE_S

WORKER = (sys.executable, __file__)
STEPS_PER_EPOCH = 4
SECONDS_PER_STEP = 0.003

REFUSES = 101  # raises ValueError before anything is yielded
DIVERGES = 102  # raises RuntimeError in epoch 3
RUNS_OUT_OF_MEMORY = 103  # raises MemoryError in epoch 3
IS_KILLED = 104  # SIGKILL in epoch 3
CRASHES = 105  # SIGSEGV in epoch 3
IS_DEAF = 106  # prints and hangs in epoch 3, whatever it is told
PRINTS = 107  # to standard output in epoch 3, as libraries do
TRAINS_A_TEACHER = 108
EXITS = 109  # leaves the process in epoch 3, with code 7


def config(epochs: int = 3, seed: int = 0, **values) -> RunConfig:
    return RunConfig.from_flat({"epochs": epochs, "seed": seed, **values})


class FakeTraining:
    """Its student is one number, to which each step adds; so a resumed run can be compared."""

    def __init__(self, setup: Setup, fingerprint: str = "f1") -> None:
        self.setup = setup
        self.fingerprint = fingerprint
        self.epoch, self.value = 0, np.zeros(1)
        if setup.checkpoint is not None:
            self.epoch = setup.checkpoint.values["epoch"]
            self.value = setup.checkpoint.tensors["student.weight"].copy()

    def state_arrays(self) -> Checkpoint:
        tensors = {"student.weight": self.value.copy(), "generator.order": np.arange(3)}
        return Checkpoint(tensors, {"epoch": self.epoch})

    def __iter__(self):
        training = self.setup.config.training
        if training.seed == REFUSES:
            raise ValueError("teacher = 'nobody' is not possible: there is no such file.")
        if training.seed == TRAINS_A_TEACHER:
            for epoch in (1, 2):
                yield TeacherEpochDone(epoch=epoch, epochs=2, seconds=0.1, accuracy=0.5)
        yield started(data_fingerprint=self.fingerprint, num_threads=self.setup.num_threads)
        yield panel()
        while self.epoch < training.epochs and not self.setup.control.is_stopped:
            yield from self._run_epoch(self.epoch + 1, training.seed)

    def _run_epoch(self, epoch, seed):
        control = self.setup.control
        for number in range(1, STEPS_PER_EPOCH + 1):
            step = (epoch - 1) * STEPS_PER_EPOCH + number
            time.sleep(SECONDS_PER_STEP)
            if epoch == 3:
                go_wrong(seed)
            self.value = 0.5 * self.value + step
            if control.is_stepping:
                yield trace(epoch, step)
                yield StepDone(
                    epoch=epoch, step=step, weighted_loss=1.0, outer_loss=None, weight_step=False
                )
            if number < STEPS_PER_EPOCH:
                ends = frozenset({"inner", "outer"})
                yield from control.between_steps(epoch=epoch, step=step, ends=ends)
            if control.is_stopped:
                return
        self.epoch = epoch
        loss = float(self.value[0])
        yield frame(epoch, loss)
        yield epoch_done(epoch, train_hard_loss=loss, train_weighted_loss=loss)
        ends = frozenset({"inner", "outer", "epoch"})
        yield from control.between_steps(epoch=epoch, step=step, ends=ends)


class ControlOfOne:
    """A control that only the first of some runs waits at, as seeds in one batch do."""

    def __init__(self, control: Control) -> None:
        self.control, self.is_first = control, False

    @property
    def is_stopped(self) -> bool:
        return self.control.is_stopped

    @property
    def is_stepping(self) -> bool:
        return self.control.is_stepping

    def between_steps(self, **about):
        return self.control.between_steps(**about) if self.is_first else iter(())


class FakeTogether:
    """Trains fake runs in turns, an item of each; one that raises ends alone."""

    part = FakeTraining

    def __init__(self, setup: TogetherSetup) -> None:
        checkpoints = setup.checkpoints or [None] * len(setup.configs)
        self.controls = [ControlOfOne(setup.control) for _ in setup.configs]
        self.parts = [
            self.part(Setup(config, control, setup.places, checkpoint, setup.num_threads))
            for config, control, checkpoint in zip(
                setup.configs, self.controls, checkpoints, strict=True
            )
        ]
        self.ended = set()

    def end(self, number: int) -> None:
        self.ended.add(number)

    def state_arrays(self, number: int) -> Checkpoint:
        return self.parts[number].state_arrays()

    def __iter__(self):
        going = {number: iter(part) for number, part in enumerate(self.parts)}
        while going and not self.ended >= going.keys():
            for number, items in list(going.items()):
                self.controls[min(going)].is_first = True
                try:
                    item = next(items)
                except StopIteration:
                    del going[number]
                except (RuntimeError, MemoryError) as error:
                    del going[number]
                    yield number, error
                else:
                    told = list(going) if isinstance(item, ControlChanged) else [number]
                    yield from ((one, item) for one in told if one not in self.ended)


def go_wrong(seed: int) -> None:
    if seed == DIVERGES:
        raise RuntimeError("nan in epoch 3")
    if seed == RUNS_OUT_OF_MEMORY:
        raise MemoryError
    if seed in {IS_KILLED, CRASHES}:
        os.kill(os.getpid(), signal.SIGKILL if seed == IS_KILLED else signal.SIGSEGV)
    if seed in {PRINTS, IS_DEAF}:
        print("a library prints", flush=True)
    if seed == IS_DEAF:
        time.sleep(600)
    if seed == EXITS:
        os._exit(7)


def until(predicate):
    """Wait for a condition, and return what it returned when it held."""
    end = time.monotonic() + PATIENCE_S
    while not (value := predicate()):
        assert time.monotonic() < end, f"nothing after {PATIENCE_S} s"
        time.sleep(0.005)
    return value


def measure(config, num_threads, is_cancelled):
    if config.models.student == "digits_mlp":  # takes for ever
        until(is_cancelled)
        return None
    if config.training.batch_size == 2:
        raise RuntimeError("cannot be measured")
    return Speeds(Speed(0.1, 0.01), Speed(0.2, 0.0))


def load():
    if "fails-at-import" in sys.argv:
        raise ImportError("libtorch.so: cannot open shared object file")
    return FakeTraining


if __name__ == "__main__":
    process.ABANDONED_GRACE_S = 0.5
    recording.LOCK_TIMEOUT_S = 0.2
    process.main(load, measure, lambda: FakeTogether)
