"""Train one run in this process: into its folder, onto the screen, until it ends or is stopped."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from bikd_core.cli.progress import Reporter
from bikd_core.config import ConfigError, RunConfig
from bikd_core.control import Control
from bikd_core.data.possible import check_possible
from bikd_core.data.sources import DatasetUnavailable, facts_of, source_of
from bikd_core.events import EpochDone, Event, RunStarted, StepDone
from bikd_core.places import Places
from bikd_core.store import RunFolder, create_run
from bikd_core.teachers.card import TeacherError
from bikd_core.worker.process import load_training
from bikd_core.worker.recording import Outcome, record

#: What a training raises when its data or its teacher cannot be used; only it finds out.
_REFUSALS = (ConfigError, DatasetUnavailable, TeacherError)


class Driven(NamedTuple):
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
) -> Driven:
    """Train a new run, shown on the screen.

    Args:
        config: What is asked.
        places: Where runs, teachers and data sets lie.
        name: What the run is called on the page.
        as_json: One JSON object a line instead of a progress line.
        lens_epochs: In these the steps up to the first one of the weight net are recorded.

    Raises:
        ValueError: Config, data set or teacher cannot be used, or there is no such epoch; no run
            is left.
        StoreError: The run cannot be written.
        KeyboardInterrupt: Ctrl-C before the training began, or a second one.
    """
    check_possible(config)
    _check_lens(lens_epochs, config.training.epochs)
    # A failure is told in one sentence; its traceback is in the run's folder.
    logging.getLogger("bikd_core.worker.recording").addHandler(logging.NullHandler())
    with Reporter(config.training.epochs, as_json=as_json) as reporter:
        _fetch(config, places, reporter)
        folder = create_run(places.runs, config, name)
        try:
            outcome = _record(folder, places, reporter, lens_epochs)
        except _REFUSALS:
            folder.delete()
            raise
    return Driven(folder, outcome, reporter.last)


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
) -> Outcome:
    import torch

    control = Control()

    def emit(event: Event) -> None:
        _use_lens(control, event, lens_epochs)
        try:
            reporter.show(event)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            control.stop()

    with _ctrl_c_stops(control):
        return record(
            folder,
            places,
            control,
            load_training(),
            # As beside the page. With all cores, another busy process slows a run many times over.
            num_threads=max(1, torch.get_num_threads() - 1),
            emit=emit,
            refusals=_REFUSALS,
        )


def _use_lens(control: Control, event: Event, epochs: frozenset[int]) -> None:
    """Ask for steps as a viewer does, and let the training go on before it pauses after them."""
    if isinstance(event, StepDone) and (event.weight_step or event.outer_loss is None):
        control.resume()
    begins = 1 if isinstance(event, RunStarted) else 0
    if isinstance(event, EpochDone):
        begins = event.epoch + 1
    if begins in epochs:
        control.step("outer")


def _fetch(config: RunConfig, places: Places, reporter: Reporter) -> None:
    """Download the data set where it is not there yet, before there is a run that waits for it."""
    if facts_of(config.data.dataset).download_mb:
        source_of(config.data.dataset).load(places.data, reporter.download)


@contextmanager
def _ctrl_c_stops(control: Control) -> Iterator[None]:
    """Let the first Ctrl-C stop the training after its step; a second one interrupts as usual."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        control.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
