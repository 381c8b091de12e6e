"""The one study that this server runs: a child process of the command line, which can be paused."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.shared.child_command import BIKD, ChildCommand
from bikd_core.places import Places


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

    def __init__(self, places: Places, command: tuple[str, ...] = BIKD) -> None:
        self._child: ChildCommand[Task] = ChildCommand(places, command)

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        return self._child.places.studies

    @property
    def task(self) -> Task | None:
        """What runs now."""
        return self._child.task

    def failure_of(self, study: str, dataset: str) -> str:
        """Return why a study did not end well, if it ran last, in its own words; "" otherwise."""
        task = self._child.last_task
        if task is None or (task.study, task.dataset) != (study, dataset):
            return ""
        return self._child.failure

    @property
    def said(self) -> str:
        """The newest line about its progress; "" before the first."""
        return self._child.said

    def start(self, task: Task) -> None:
        """Run a study, or go on with it.

        Raises:
            RunError: Another one runs.
            OSError: The process cannot be started.
        """
        options = (f"--dataset={task.dataset}", f"--seeds={task.seeds}", f"--out={self.folder}")
        busy = "The study {task.study} on {task.dataset} runs now: pause it first, or wait for its"
        self._child.start(task, ("study", "run", task.study, *options), f"{busy} end.")

    def pause(self) -> None:
        """Ask what runs to end; what has finished is kept, and `start` goes on."""
        self._child.pause()

    def shut_down(self) -> None:
        """End what runs, and wait for it; nothing is started after that."""
        self._child.shut_down()
