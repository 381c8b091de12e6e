"""The server's side of the toys: the child process that trains them, and their newest frames."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence

from bikd_core.runs.child import Child
from bikd_core.toy import pipe
from bikd_core.toy.plane import Task

log = logging.getLogger(__name__)

# -P: a folder in which somebody starts the app may hold files named like modules.
COMMAND = (sys.executable, "-P", "-m", "bikd_core.toy")
KEEP_S = 1800.0  # an answer to a toy that nobody looks at
TELL_DEATH_S = 12.0
MAX_DEATHS = 3  # in a row, without an answer between them
_CLOSE_GRACE_S = 1.0


class ToyServer:
    """One child process for all visitors, started when somebody first looks at a toy.

    A child that has died starts again at the next look: it needs nothing but the tasks, which come
    with each look. Any thread may call any method.

    Args:
        command: Starts the child.
        clock: Seconds, rising.
    """

    def __init__(
        self, command: Sequence[str] = COMMAND, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._command, self._clock = command, clock
        self._changed = threading.Condition()  # guards all below
        self._child: Child | None = None
        self._frames: dict[str, pipe.Frame | pipe.Refused] = {}
        self._answers: dict[str, pipe.Answer] = {}
        self._looked_at: dict[str, float] = {}
        self._death = ""  # why the last child ended
        self._died_at = 0.0
        self._num_deaths = 0
        self._is_closed = False

    def start(self) -> None:
        """Start the child, so that the first look need not wait for it."""
        with self._changed:
            self._running_child()

    def look(self, toy_id: str, task: Task, wait_s: float = 0.0) -> pipe.Frame | pipe.Refused:
        """Let a toy train by a task until the next look; return its newest frame, or a refusal.

        Args:
            toy_id: Any text of at most 80 characters, the same for the same toy.
            task: What it trains on.
            wait_s: Seconds to wait for a frame that shows this task.
        """
        self._send(pipe.Look(toy=toy_id, task=task))
        with self._changed:
            self._changed.wait_for(lambda: self._shows(toy_id, task), timeout=wait_s)
            frame = self._frames.get(toy_id)
        return frame or pipe.opening_frame(toy_id, task)

    def ask(self, question: pipe.Question, wait_s: float) -> pipe.Answer | pipe.Refused | None:
        """Return the answer to a question, or why there is none; None: not in so many seconds."""
        asker = question.toy

        def answer() -> pipe.Answer | None:
            found = self._answers.get(asker)
            return found if found is not None and found.number == question.number else None

        def refusal() -> pipe.Refused | None:  # a frame of a toy that trains is none
            found = self._frames.get(asker)
            return found if isinstance(found, pipe.Refused) else None

        if (found := answer()) is not None:
            return found
        with self._changed:
            if refusal() is not None:  # of an earlier question
                del self._frames[asker]
        self._send(question)
        with self._changed:
            self._changed.wait_for(
                lambda: answer() or refusal() or self._child is None, timeout=wait_s
            )
            return answer() or refusal()

    def _send(self, command: pipe.Command) -> None:
        with self._changed:
            self._looked_at[command.toy] = self._clock()
            self._forget()
            child = self._running_child()
        if child is not None:
            child.send_line(pipe.to_line(command))

    def _shows(self, toy_id: str, task: Task) -> bool:
        frame = self._frames.get(toy_id)
        if self._child is None or not isinstance(frame, pipe.Frame):
            return self._child is None or frame is not None
        is_behind = task.is_paused and frame.num_epochs_asked < task.num_epochs_asked
        return frame.last_edit >= task.last_edit and not is_behind

    def problem(self) -> str:
        """Return in one sentence what was wrong with the child lately; "" for nothing."""
        with self._changed:
            if self._num_deaths >= MAX_DEATHS:
                return f"Toys cannot be trained on this server: {self._death}"
            is_news = self._death and self._clock() - self._died_at < TELL_DEATH_S
            return f"The toys begin again. {self._death}" if is_news else ""

    @property
    def pid(self) -> int | None:
        """The child's process id; None: there is no child."""
        with self._changed:
            return self._child.pid if self._child is not None else None

    def close(self) -> None:
        """End the child; none is started any more."""
        with self._changed:
            self._is_closed = True
            child, self._child = self._child, None
        if child is not None:
            child.close(_CLOSE_GRACE_S)

    def _running_child(self) -> Child | None:
        """Return the child, a new one if there is none and it may start."""
        may_start = not self._is_closed and self._num_deaths < MAX_DEATHS
        if self._child is None and may_start:
            self._child = Child(self._command)
            threading.Thread(
                target=self._follow, args=(self._child,), name="toys", daemon=True
            ).start()
        return self._child

    def _follow(self, child: Child) -> None:
        try:
            for line in child.lines():
                reply = pipe.read_reply(line)
                with self._changed:
                    if isinstance(reply, pipe.Answer):
                        self._answers[reply.toy] = reply
                    else:
                        self._frames[reply.toy] = reply
                    self._num_deaths = 0
                    self._changed.notify_all()
        except ValueError:
            if self._child is not child:  # closed by us while it was being read
                return
            log.exception("the toys' process wrote a line that is no reply")
            child.kill()
        reason = child.failure_reason(more="")
        with self._changed:
            if self._child is not child:  # closed by us
                return
            self._child = None
            self._frames.clear()
            self._death, self._died_at = reason, self._clock()
            self._num_deaths += 1
            self._changed.notify_all()
        log.warning("the toys' process ended: %s", reason)
        child.close(_CLOSE_GRACE_S)

    def _forget(self) -> None:
        """Forget what nobody has looked at for long."""
        now = self._clock()
        for toy_id in [i for i, then in self._looked_at.items() if now - then > KEEP_S]:
            del self._looked_at[toy_id]
            self._frames.pop(toy_id, None)
            self._answers.pop(toy_id, None)
