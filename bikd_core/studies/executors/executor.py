"""The interface of executors, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from bikd_core.config import RunConfig
from bikd_core.places import Places
from bikd_core.studies.executors.outcome import Outcome

Item = TypeVar("Item")
#: Runs that share their steps.
Group = Sequence[RunConfig]
#: Called with a group and what its work returned of each run, or the `Outcome` of each that was
#: lost; once for each group.
OnResult = Callable[[Group, list[Any]], None]
ShouldStop = Callable[[], bool]
#: What a worker does with an item; a function of a module, so that it can be sent.
Work = Callable[[Item, Places], Any]

POLL_S = 0.2  # between two looks at `ShouldStop`
LOST = "The process that trained it ended each time it was tried: its memory may not suffice."


def never() -> bool:
    """Return False: nobody stops this."""
    return False


class Executor(Protocol):
    """Trains runs somewhere. Each method returns early where it should stop.

    What is cut short, by an exception or Ctrl-C too, is cancelled: whatever was handed to the
    callback before is finished, the rest has left nothing.
    """

    @property
    def slots(self) -> int:
        """How many runs train at a time."""

    def map(
        self,
        work: Work[Item],
        items: Iterable[Item],
        on_result: Callable[[Item, Any], None],
        on_lost: Callable[[Item, str], None],
        should_stop: ShouldStop = never,
    ) -> None:
        """Do work on each item, in no order.

        Args:
            work: What is done with an item.
            items: The items.
            on_result: Called in this thread with an item and its result.
            on_lost: Called with an item that ends its process each time, and why it was given up.
            should_stop: Polled.
        """


def execute(
    executor: Executor,
    work: Work[Group],
    groups: Iterable[Group],
    on_result: OnResult,
    should_stop: ShouldStop = never,
) -> None:
    """Train groups of runs; a group whose process ends each time has failed.

    Args:
        executor: Where they are trained.
        work: `train_group` or `train_and_keep`, unless this is a measurement.
        groups: Runs that share their steps, by group.
        on_result: Called with each group that has ended.
        should_stop: Polled.
    """

    def lost(group: Group, reason: str) -> None:
        on_result(group, [Outcome.failed(reason) for _ in group])

    executor.map(work, groups, on_result, lost, should_stop)
