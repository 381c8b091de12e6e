"""One child process that trains, seen from the server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from bikd_core.worker.pipe import Command, Reply, read_reply, to_line

ROOT = Path(__file__).parents[2]
# -P: a folder in which somebody starts the app may hold files named like modules.
WORKER = (sys.executable, "-P", "-m", "bikd_core.worker")
_READ_AT_MOST_BYTES = 4000


def environment() -> dict[str, str]:
    """Return the environment of a child process, in which it finds this package anywhere."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


class Child:
    """A process that imports torch at once and then waits for its run.

    A `subprocess`, never multiprocessing: that would run the front end's script a second time.
    """

    def __init__(self, command: Sequence[str] = WORKER) -> None:
        # A file and not a pipe: nobody has to read it, and it outlives the child.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (`close` closes it)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for the server alone
        )
        self._sending = threading.Lock()
        self._was_ready = False
        self.was_terminated = False  # by us, in `end_within`

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, command: Command) -> None:
        """Write a command and return at once. A dead child never gets it; `replies` ends then."""
        self.send_line(to_line(command))

    def send_line(self, line: bytes) -> None:
        """Write a line and return at once, as `send` does."""
        assert self._process.stdin is not None
        with self._sending:
            if self._process.stdin.closed:
                return
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def replies(self) -> Iterator[Reply]:
        """Yield the child's replies until it ends."""
        return map(read_reply, self.lines())

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that the child writes until it ends, without one that is cut off."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self._was_ready = True
                yield line

    def close(self, grace_s: float) -> None:
        """Ask the process to save and end, by closing its input; then call `end_within`."""
        self.close_input()
        self.end_within(grace_s)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def kill(self) -> None:
        """Kill the process at once."""
        self._process.kill()

    def close_input(self) -> None:
        """Ask the process to save and end, by closing its input."""
        assert self._process.stdin is not None
        with self._sending, contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def end_within(self, grace_s: float) -> None:
        """Wait for the process to end; terminate it after the grace, kill it after another."""
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(grace_s)
                return
            except subprocess.TimeoutExpired:
                self.was_terminated = True
                end()
        self._process.wait()

    def failure_reason(self, more: str = "; see worker.log") -> str:
        """Wait for the process to end; return in one sentence why it ended unexpectedly.

        Args:
            more: Ends the sentence where a log can say more.
        """
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return (
                "The training process was killed (signal 9); "
                "running out of memory is the usual cause."
            )
        if code < 0:
            return (
                f"The training process was ended by signal {-code} "
                f"({signal.strsignal(-code)}){more}."
            )
        if self._was_ready:
            return f"The training process ended by itself (exit code {code}){more}."
        return f"The training process could not start: {self._last_line()}"

    def _last_line(self) -> str:
        """Return the last line of its errors, such as that of a failed import."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _READ_AT_MOST_BYTES))
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing.")
