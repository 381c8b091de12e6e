"""The only way into a training that runs: pause, resume, step, stop, learning rate; thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Literal

from bikd_core.events import ControlChanged

StepLevel = Literal["inner", "outer", "epoch"]


class Control:
    """Any thread may call the public methods; `train` alone calls `between_steps`.

    A step runs the training until the next student step ("inner"), the next weight-net step
    ("outer"; a student step for methods without one) or the end of the epoch ("epoch"), and
    leaves it paused there.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all below
        self._is_paused = False
        self._is_stopped = False
        self._run_until: StepLevel | None = None
        self._learning_rate: float | None = None

    def pause(self) -> None:
        with self._changed:
            self._is_paused = True
            self._run_until = None
            self._changed.notify_all()

    def resume(self) -> None:
        with self._changed:
            self._is_paused = False
            self._run_until = None
            self._changed.notify_all()

    def step(self, level: StepLevel) -> None:
        """Run to the next end of `level`, then pause."""
        with self._changed:
            self._is_paused = False
            self._run_until = level
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask the training to end after its current step. Returns at once; safe to repeat."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def set_learning_rate(self, value: float) -> None:
        """Replace the base learning rate, before its decay, from the next step on.

        Raises:
            ValueError: It is not a number above 0 and at most 10.
        """
        if not 0 < value <= 10:
            raise ValueError(
                f"learning_rate = {value!r} is not possible: it is above 0, at most 10."
            )
        with self._changed:
            self._learning_rate = value
            self._changed.notify_all()

    @property
    def is_stopped(self) -> bool:
        with self._changed:
            return self._is_stopped

    @property
    def is_stepping(self) -> bool:
        """Somebody looks at single steps, so these are worth an event each."""
        with self._changed:
            return self._run_until is not None

    def between_steps(
        self, *, epoch: int, step: int, ends: frozenset[StepLevel] = frozenset()
    ) -> Iterator[ControlChanged]:
        """Yield each change since the last call; while paused, wait here for the next.

        Args:
            epoch: The epoch that runs or has just ended, from 1.
            step: Student steps done since the run began.
            ends: The levels that the step just done has ended.
        """
        with self._changed:
            if self._run_until in ends:
                self._run_until = None
                self._is_paused = True
        waits = False
        while True:
            with self._changed:
                if waits:
                    self._changed.wait_for(self._has_news)
                rate, self._learning_rate = self._learning_rate, None
                must_wait = self._is_paused and not self._is_stopped
            if rate is not None:
                yield ControlChanged(epoch=epoch, step=step, control="learning_rate", value=rate)
            if must_wait != waits:
                waits = must_wait
                yield ControlChanged(
                    epoch=epoch, step=step, control="paused" if waits else "resumed"
                )
            if not waits:
                return

    def _has_news(self) -> bool:
        return not self._is_paused or self._is_stopped or self._learning_rate is not None
