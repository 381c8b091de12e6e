"""A command of `bikd` that the server runs in a child process, one at a time, and can pause.

The commands that it is for write every result to a file as soon as it is there, so a pause, a crash
or a restart of the server loses nothing: the same command goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

from bikd_core.places import Places
from bikd_core.runs.child import environment
from bikd_core.runs.manager import RunError

Task = TypeVar("Task")

_ANSWERED = (0, 1)  # exit codes of a command that has an answer, be it without some runs
_GRACE_S = 10.0
_READ_AT_MOST_BYTES = 4000
BIKD = (sys.executable, "-P", "-m", "bikd_core.cli")


class ChildCommand(Generic[Task]):
    """Runs one command at a time.

    Args:
        places: Where runs, teachers and data sets lie.
        command: What runs, before its arguments.
    """

    def __init__(self, places: Places, command: tuple[str, ...] = BIKD) -> None:
        self.places, self._command = places.absolute(), command
        self._lock = threading.Lock()  # guards all below
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as the server)
        self._task: Task | None = None
        self._is_paused = False

    @property
    def task(self) -> Task | None:
        """What runs now."""
        with self._lock:
            return self._task if self._is_running() else None

    @property
    def said(self) -> str:
        """The newest line about its progress; "" before the first."""
        with self._lock:
            return self._last_line()

    @property
    def last_task(self) -> Task | None:
        """What runs now, or ran last."""
        with self._lock:
            return self._task

    @property
    def failure(self) -> str:
        """Why the last task did not end well, in its own words; "" if it did, or was paused."""
        with self._lock:
            process = self._process
            if process is None or self._is_paused or process.poll() in (None, *_ANSWERED):
                return ""
            return self._last_line() or f"It ended by itself (exit code {process.poll()})."

    def _last_line(self) -> str:
        descriptor = self._errors.fileno()
        size = os.fstat(descriptor).st_size
        # Not by seeking: the child writes at the same position.
        read = os.pread(descriptor, _READ_AT_MOST_BYTES, max(0, size - _READ_AT_MOST_BYTES))
        lines = read.decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def start(self, task: Task, arguments: Sequence[str], busy: str) -> None:
        """Run a command, or go on with it.

        Args:
            task: What it is about.
            arguments: Of the command.
            busy: Says what runs now, for people; `{task}` stands for that task.

        Raises:
            RunError: Another one runs.
            OSError: The process cannot be started.
        """
        with self._lock:
            if self._is_running():
                raise RunError(busy.format(task=self._task))
            self._errors.close()
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (as above)
            self._process = subprocess.Popen(
                (*self._command, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=environment() | self.places.as_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for the server alone
            )
            self._task, self._is_paused = task, False

    def pause(self) -> None:
        """Ask what runs to end; what has finished is kept, and `start` goes on."""
        with self._lock:
            if self._is_running():
                self._is_paused = True
                assert self._process is not None
                self._process.send_signal(signal.SIGINT)

    def shut_down(self) -> None:
        """End what runs, and wait for it; nothing is started after that."""
        self.pause()
        if self._process is not None:
            _end(self._process)
        self._errors.close()

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


def _end(process: subprocess.Popen[bytes]) -> None:
    for end in (process.terminate, process.kill):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
            return
        end()
    process.wait()
