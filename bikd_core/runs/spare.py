"""The warm child that waits for the next run and meanwhile times steps for estimates."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from bikd_core.config import RunConfig, allowed_code
from bikd_core.runs.child import Child
from bikd_core.runs.estimate import speed_key
from bikd_core.speed import Speeds
from bikd_core.worker import pipe

log = logging.getLogger(__name__)

_NO_REPLY = pipe.Measured(speeds=None, reason="the child died")
_CANCEL_TIMEOUT_S = 30.0
_CLOSE_GRACE_S = 0.0  # a child without a run has nothing to save


class Spare:
    """At most one waiting child. Any thread may call any method."""

    def __init__(self, command: Sequence[str], num_threads: int) -> None:
        self._command = command
        self._num_threads = num_threads
        self._lock = threading.Lock()  # guards all below
        self._child: Child | None = None
        self._is_shut_down = False
        self._measuring: threading.Thread | None = None
        self._wanted: RunConfig | None = None  # to be measured next; a newer one takes its place
        self._speeds: dict[tuple[object, ...], Speeds | None] = {}  # None: cannot be measured

    def keep(self) -> None:
        """Start a child unless one waits."""
        with self._lock:
            if self._child is None and not self._is_shut_down:
                self._child = Child(self._command)

    def take(self) -> Child:
        """Return the waiting child, or a new one if none waits or it has died."""
        with self._lock:
            child, self._child = self._child, None
            measuring, self._wanted = self._measuring, None
        if child is None:
            return Child(self._command)
        if measuring is not None:
            child.send(pipe.Cancel())
            measuring.join(_CANCEL_TIMEOUT_S)  # a step on a few images, as a rule
            if measuring.is_alive():
                child.kill()
                measuring.join()
        if child.is_alive:
            return child
        child.close(_CLOSE_GRACE_S)
        return Child(self._command)

    def shutdown(self) -> None:
        """End the waiting child; `keep` starts no other."""
        with self._lock:
            self._is_shut_down = True
            child, self._child = self._child, None
            measuring = self._measuring
        if child is not None:
            child.kill()
        if measuring is not None:
            measuring.join()
        if child is not None:
            child.close(_CLOSE_GRACE_S)

    def known_speeds(self, config: RunConfig) -> Speeds | None:
        """Return what was measured for configs of this speed, None if nothing was."""
        with self._lock:
            return self._speeds.get(speed_key(config))

    def measure(self, config: RunConfig) -> Speeds | None:
        """Return `known_speeds`; if nothing is known yet, let the child begin to measure."""
        with self._lock:
            if speed_key(config) not in self._speeds and not self._is_shut_down:
                self._wanted = config
                if self._measuring is None:
                    self._measuring = threading.Thread(
                        target=self._measure, name="measure", daemon=True
                    )
                    self._measuring.start()
            return self._speeds.get(speed_key(config))

    def _measure(self) -> None:
        while True:
            with self._lock:
                child, config, self._wanted = self._child, self._wanted, None
                if child is None or config is None:
                    self._measuring = None
                    return
                child.send(
                    pipe.Measure(config=config, num_threads=self._num_threads, code=allowed_code())
                )
            found = (reply for reply in child.replies() if isinstance(reply, pipe.Measured))
            reply = next(found, _NO_REPLY)
            if reply.reason:
                log.info("no speed was measured: %s", reply.reason)
            with self._lock:
                if reply.reason != pipe.CANCELLED:
                    self._speeds[speed_key(config)] = reply.speeds
