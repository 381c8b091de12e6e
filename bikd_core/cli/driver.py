"""Trains one run in this process: records it in its folder and shows it on the screen."""

from __future__ import annotations

import logging
import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from bikd_core.cli.progress import Reporter
from bikd_core.config import ConfigError, RunConfig
from bikd_core.config.own_loop import OWN_LOOP_REFUSAL
from bikd_core.control import Control
from bikd_core.data.possible import check_possible
from bikd_core.data.sources import DatasetUnavailable, facts_of, source_of
from bikd_core.events import EpochDone, Event, RunStarted, StepDone
from bikd_core.experiment_logs import ExperimentLog, Listener, check_installed
from bikd_core.places import Places
from bikd_core.store import RunFolder, StoreError, checkpoint, create_run
from bikd_core.teachers.card import TeacherError
from bikd_core.worker.process import load_together, load_training
from bikd_core.worker.recording import Outcome, record
from bikd_core.worker.together import record_together

#: What a training raises when its data or its teacher cannot be used; only it finds out.
_REFUSALS = (ConfigError, DatasetUnavailable, TeacherError)


class EndedRun(NamedTuple):
    """A run that has ended."""

    folder: RunFolder
    outcome: Outcome
    last: EpochDone | None


def drive(
    config: RunConfig,
    places: Places,
    name: str,
    *,
    as_json: bool,
    lens_epochs: frozenset[int] = frozenset(),
    log: ExperimentLog | None = None,
) -> EndedRun:
    """Train a new run and show its progress on the screen.

    Args:
        config: The config of the run.
        places: Folders of runs, teachers and data sets.
        name: The name of the run on the page.
        as_json: Print one JSON object per epoch.
        lens_epochs: Epochs whose steps are recorded up to the first one of the weight net.
        log: A tool that the epochs' numbers go to as well.

    Raises:
        ValueError: The config, data set, teacher, a lens epoch or the log cannot be used; the run
            is deleted.
        StoreError: The run cannot be written.
        KeyboardInterrupt: Ctrl-C came before the training began, or twice.
    """
    check_possible(config)
    _check_lens(lens_epochs, config.training.epochs)
    if log is not None:
        check_installed(log)
    with _reporter(config, as_json=as_json) as reporter:
        _fetch(config, places, reporter)
        folder = create_run(places.runs, config, name)
        try:
            listener = None if log is None else Listener(log, folder.path, config)
            outcome = _record(folder, places, reporter, lens_epochs, listener=listener)
        except _REFUSALS:
            folder.delete()
            raise
    return EndedRun(folder, outcome, reporter.last)


def drive_on(
    folder: RunFolder, places: Places, *, as_json: bool, log: ExperimentLog | None = None
) -> EndedRun:
    """Train a run that ended early to its end: after its checkpoint, or else from the beginning.

    Args:
        folder: The run.
        places: Folders of runs, teachers and data sets.
        as_json: Print one JSON object per epoch.
        log: A tool that the epochs' numbers go to as well.

    Raises:
        ValueError: Its data set or the log cannot be used.
        StoreError: It is finished, or somebody trains it, or it cannot be read or written.
    """
    config = folder.record().config
    if config.is_recorded_elsewhere:
        raise StoreError(OWN_LOOP_REFUSAL)
    if folder.status().state == "finished":
        raise StoreError(f"The run {folder.run_id} is finished: nothing to resume.")
    if log is not None:
        check_installed(log)
    with _reporter(config, as_json=as_json) as reporter:
        _fetch(config, places, reporter)
        listener = None
        if log is not None:
            done = checkpoint.epoch(folder.path)
            listener = Listener(log, folder.path, config, resumed_after=done)
        outcome = _record(folder, places, reporter, frozenset(), is_resumed=True, listener=listener)
    return EndedRun(folder, outcome, reporter.last)


def _reporter(config: RunConfig, *, as_json: bool) -> Reporter:
    # The screen shows a failure in one sentence; the traceback is in the run's folder.
    logging.getLogger("bikd_core.worker.recording").addHandler(logging.NullHandler())
    return Reporter(config.training.epochs, as_json=as_json)


def _check_lens(epochs: frozenset[int], planned: int) -> None:
    for epoch in sorted(epochs):
        if not 1 <= epoch <= planned:
            raise ConfigError(
                f"lens_epochs = {epoch} is not possible: it must be an epoch from 1 to {planned}."
            )


def _record(
    folder: RunFolder,
    places: Places,
    reporter: Reporter,
    lens_epochs: frozenset[int],
    *,
    is_resumed: bool = False,
    listener: Listener | None = None,
) -> Outcome:
    """Train a run to its end, however that is, and tell its listener, if there is one."""
    state = "failed"
    try:
        outcome = _recorded(folder, places, reporter, lens_epochs, is_resumed, listener)
        state = outcome.state
    finally:
        if listener is not None:
            listener.close(state)
    return outcome


def _recorded(
    folder: RunFolder,
    places: Places,
    reporter: Reporter,
    lens_epochs: frozenset[int],
    is_resumed: bool,
    listener: Listener | None,
) -> Outcome:
    control = Control()

    def emit(event: Event) -> None:
        _use_lens(control, event, lens_epochs)
        try:
            reporter.show(event)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            control.stop()
        if listener is not None:
            listener.hear(event)

    with _signals_stop(control):
        import torch

        if folder.record().together:
            together = record_together(
                [folder],
                places,
                control,
                load_together(),
                num_threads=1,  # it takes the number it began with
                resume=True,
                emit=emit,
            )
            return together[folder.run_id]
        return record(
            folder,
            places,
            control,
            load_training(),
            # As for runs of the page. On all cores, another busy process slows a run many times.
            num_threads=max(1, torch.get_num_threads() - 1),
            resume=is_resumed,
            emit=emit,
            refusals=() if is_resumed else _REFUSALS,
        )


def _use_lens(control: Control, event: Event, epochs: frozenset[int]) -> None:
    """Request steps as a viewer does, and resume the training before it pauses after them."""
    if isinstance(event, StepDone) and (event.weight_step or event.outer_loss is None):
        control.resume()
    begins = 1 if isinstance(event, RunStarted) else 0
    if isinstance(event, EpochDone):
        begins = event.epoch + 1
    if begins in epochs:
        control.step("outer")


def _fetch(config: RunConfig, places: Places, reporter: Reporter) -> None:
    """Download the data set if it is missing, before a run exists that would wait for it."""
    if facts_of(config.data.dataset).download_mb:
        source_of(config.data.dataset).load(places.data, reporter.download)


@contextmanager
def _signals_stop(control: Control) -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or SIGHUP stop the training after its step.

    A second one acts as usual. What is ignored, as SIGHUP is under nohup, stays ignored.
    """
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _frame: FrameType | None) -> None:
        restore()
        if number not in {signal.SIGINT, signal.SIGTERM}:
            _leave_the_terminal()
        control.stop()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()


def _leave_the_terminal() -> None:
    """Write no more to a terminal that is gone: each line would be an error."""
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
