"""The one study that this server runs: a child process of the command line, which can be paused.

The child writes every result to a file as soon as it is there, so a pause, a crash or a restart of
the server loses nothing: the same command goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from bikd_core.places import Places
from bikd_core.runs.child import environment
from bikd_core.runs.manager import RunError

_ANSWERED = (0, 1)  # exit codes of `bikd study run` that has an answer, be it without some cells
_GRACE_S = 10.0
_READ_AT_MOST_BYTES = 4000


class Task(NamedTuple):
    """A study that is run."""

    study: str
    dataset: str
    seeds: str  # as `bikd study run` takes them


class Runner:
    """Runs one study at a time.

    Args:
        places: Where runs, teachers and data sets lie.
        command: What runs a study, before its arguments.
    """

    def __init__(
        self,
        places: Places,
        command: tuple[str, ...] = (sys.executable, "-P", "-m", "bikd_core.cli"),
    ) -> None:
        self.places, self._command = places.absolute(), command
        self._lock = threading.Lock()  # guards all below
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as the server)
        self._task: Task | None = None
        self._is_paused = False

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        return self.places.studies

    @property
    def task(self) -> Task | None:
        """What runs now."""
        with self._lock:
            return self._task if self._is_running() else None

    def failure_of(self, study: str, dataset: str) -> str:
        """Return why a study did not end well, if it ran last, in its own words; "" otherwise."""
        with self._lock:
            process, task = self._process, self._task
            if process is None or self._is_paused or process.poll() in (None, *_ANSWERED):
                return ""
            if task is None or (task.study, task.dataset) != (study, dataset):
                return ""
            return self._last_line() or f"The study ended by itself (exit code {process.poll()})."

    @property
    def said(self) -> str:
        """The newest line about its progress; "" before the first."""
        with self._lock:
            return self._last_line()

    def _last_line(self) -> str:
        descriptor = self._errors.fileno()
        size = os.fstat(descriptor).st_size
        # Not by seeking: the child writes at the same position.
        read = os.pread(descriptor, _READ_AT_MOST_BYTES, max(0, size - _READ_AT_MOST_BYTES))
        lines = read.decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def start(self, task: Task) -> None:
        """Run a study, or go on with it.

        Raises:
            RunError: Another one runs.
            OSError: The process cannot be started.
        """
        with self._lock:
            if self._is_running():
                assert self._task is not None
                raise RunError(
                    f"The study {self._task.study} on {self._task.dataset} runs now: pause it "
                    "first, or wait for its end."
                )
            self._errors.close()
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (as above)
            options = (f"--dataset={task.dataset}", f"--seeds={task.seeds}", f"--out={self.folder}")
            self._process = subprocess.Popen(
                (*self._command, "study", "run", task.study, *options),
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
