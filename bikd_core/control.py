"""The only way into a training that runs: pause, resume, step, stop, learning rate, speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Literal

from bikd_core.events import ControlChanged

StepLevel = Literal["inner", "outer", "epoch"]
Setting = Literal["learning_rate", "speed"]
SLOWEST, FASTEST = 0.01, 100.0  # epochs per second that a speed may be limited to


class Control:
    """Steers one training. Any thread may call it; only `train` calls `between_steps`.

    A step runs the training until the next student step ("inner"), the next weight-net step
    ("outer"; a student step for methods without one) or the end of the epoch ("epoch"), and
    leaves it paused there.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all below
        self._is_paused = False
        self._is_stopped = False
        self._run_until: StepLevel | None = None
        self._settings: dict[Setting, float | None] = {}  # those that have changed

    def pause(self) -> None:
        """Pause after the current step."""
        with self._changed:
            self._is_paused = True
            self._run_until = None
            self._changed.notify_all()

    def resume(self) -> None:
        """Continue after a pause."""
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
                f"learning_rate = {value!r} is not possible: it must be above 0 and at most 10."
            )
        self._set("learning_rate", value)

    def set_speed(self, epochs_per_second: float | None) -> None:
        """Limit the training to a speed that eyes can follow; None removes the limit.

        Raises:
            ValueError: It is not a number from 0.01 to 100.
        """
        if epochs_per_second is not None and not SLOWEST <= epochs_per_second <= FASTEST:
            raise ValueError(
                f"speed = {epochs_per_second!r} is not possible: it must be from {SLOWEST:g} to "
                f"{FASTEST:g} epochs per second, or None."
            )
        self._set("speed", epochs_per_second)

    def _set(self, setting: Setting, value: float | None) -> None:
        with self._changed:
            self._settings[setting] = value
            self._changed.notify_all()

    @property
    def is_stopped(self) -> bool:
        with self._changed:
            return self._is_stopped

    @property
    def is_stepping(self) -> bool:
        """Whether somebody looks at single steps, so that each is worth an event."""
        with self._changed:
            return self._run_until is not None

    def between_steps(
        self,
        *,
        epoch: int,
        step: int,
        ends: frozenset[StepLevel] = frozenset(),
        not_before: float = 0.0,
        takes_settings: bool = True,
    ) -> Iterator[ControlChanged]:
        """Yield each change since the last call; while paused, wait here for the next.

        Args:
            epoch: The epoch that runs or has just ended, from 1.
            step: Student steps done since the run began.
            ends: The levels that the last step has ended.
            not_before: When the next step is due, by `time.monotonic`; a change ends the wait.
            takes_settings: Whether a changed learning rate or speed is for this training. If not,
                it waits for the next one, as one that is made before a run waits for its teacher.
        """
        with self._changed:
            if self._run_until in ends:
                self._run_until = None
                self._is_paused = True
            self._changed.wait_for(self._is_disturbed, max(0.0, not_before - time.monotonic()))
        waits = False
        while True:
            with self._changed:
                if waits:
                    self._changed.wait_for(lambda: self._has_news(takes_settings=takes_settings))
                settings: dict[Setting, float | None] = {}
                if takes_settings:
                    settings, self._settings = self._settings, {}
                must_wait = self._is_paused and not self._is_stopped
            for setting, value in settings.items():
                yield ControlChanged(epoch=epoch, step=step, control=setting, value=value)
            if must_wait != waits:
                waits = must_wait
                yield ControlChanged(
                    epoch=epoch, step=step, control="paused" if waits else "resumed"
                )
            if not waits:
                return

    def _has_news(self, *, takes_settings: bool) -> bool:
        is_set = takes_settings and bool(self._settings)
        return not self._is_paused or self._is_stopped or is_set

    def _is_disturbed(self) -> bool:
        return self._is_paused or self._is_stopped or bool(self._settings)
