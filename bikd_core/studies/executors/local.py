"""Processes of this machine, each with one thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any

from bikd_core.config import AllowedCode, ConfigError, allow_code, allowed_code
from bikd_core.places import Places
from bikd_core.studies.executors.executor import LOST, POLL_S, Item, ShouldStop, Work, never
from bikd_core.studies.executors.work import use_one_thread

_BYTES_A_RUN = 10**9  # torch alone takes a third of it
_AHEAD = 2  # items for each process: one runs, one waits, so that no process waits for this one


class LocalExecutor:
    """Trains in processes of this machine.

    Args:
        places: Where data sets and teachers lie.
        jobs: Processes; None: as many as the cores and the free memory allow.
        prepare: What each process does first; a function of a module.

    Raises:
        ConfigError: `jobs` is less than 1.
    """

    def __init__(
        self,
        places: Places,
        jobs: int | None = None,
        prepare: Callable[[], None] = use_one_thread,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise ConfigError(f"jobs = {jobs} is not possible: it must be 1 or more.")
        self._places, self._prepare = places.absolute(), prepare
        self.slots = jobs or max(1, min(num_cores(), _free_bytes() // _BYTES_A_RUN))

    def map(
        self,
        work: Work[Item],
        items: Iterable[Item],
        on_result: Callable[[Item, Any], None],
        on_lost: Callable[[Item, str], None],
        should_stop: ShouldStop = never,
    ) -> None:
        """Do work on each item: see `Executor.map`.

        Where a process is killed, all that was under way is done again, one after the other: what
        ends its process once more is the cause.
        """
        waiting = iter(items)
        while suspects := self._use_pool(work, waiting, self.slots, on_result, should_stop):
            for item in suspects:
                if self._use_pool(work, iter([item]), 1, on_result, should_stop):
                    on_lost(item, LOST)

    def _use_pool(
        self,
        work: Work[Item],
        waiting: Iterator[Item],
        jobs: int,
        on_result: Callable[[Item, Any], None],
        should_stop: ShouldStop,
    ) -> list[Item]:
        """Do what waits; return what was under way when a process was killed, if one was."""
        under_way: dict[Future[Any], Item] = {}
        lost: list[Item] = []
        pool = ProcessPoolExecutor(
            jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._prepare, self._places, allowed_code()),
        )
        try:
            while not should_stop() and not lost:
                for item in islice(waiting, _AHEAD * jobs - len(under_way)):
                    under_way[pool.submit(work, item, self._places)] = item
                if not under_way:
                    break
                done, _ = wait(under_way, timeout=POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    item = under_way.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        lost.append(item)
                    else:
                        on_result(item, result)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((pool._processes or {}).values()):
                process.terminate()  # what has not ended is trained again by the next call
        return [*lost, *under_way.values()] if lost else []


def _begin(prepare: Callable[[], None], places: Places, code: AllowedCode) -> None:
    """Prepare a process: it leaves Ctrl-C to the one that began it, and ends with that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(places.as_environment())  # there it looks for the facts of own pictures
    allow_code(*code)
    prepare()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_bytes() -> int:
    """Return the memory that is free or can be freed; a lot where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return 2**62
    sizes = dict(line.split(":", 1) for line in lines)
    return int(sizes["MemAvailable"].split()[0]) * 1024
