"""Runs that are kept: recorded where they are trained, and sent back as a zip each.

So the node of a cluster needs no folder that this machine sees.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import NOT_FINITE, ClassBiasesFitted, EpochDone
from bikd_core.places import Places
from bikd_core.store import RunFolder, create_run
from bikd_core.store.archive import export_run, import_run
from bikd_core.store.runs_dir import create_together
from bikd_core.studies.executors.outcome import Outcome, outcome_of
from bikd_core.studies.executors.work import NUM_THREADS
from bikd_core.worker.process import load_together, load_training
from bikd_core.worker.recording import record
from bikd_core.worker.together import record_together


class KeptRun(NamedTuple):
    """A run that has ended, and what it came to."""

    outcome: Outcome
    run: bytes  # a zip, as `bikd export` writes it


def train_and_keep(configs: Sequence[RunConfig], places: Places) -> list[KeptRun]:
    """Train runs that share their steps; return each with what it came to.

    If one of them keeps all from beginning, each is trained alone.
    """
    with tempfile.TemporaryDirectory(prefix="bikd-kept-") as folder:
        kept = _recorded(configs, places, Path(folder))
    if len(configs) > 1 and all(one.outcome.failure and not one.outcome.diverged for one in kept):
        return [train_and_keep([config], places)[0] for config in configs]
    return kept


def _recorded(configs: Sequence[RunConfig], places: Places, runs: Path) -> list[KeptRun]:
    if len(configs) > 1:
        folders = create_together(runs, configs)
        record_together(folders, places, Control(), load_together(), num_threads=NUM_THREADS)
    else:
        folders = [create_run(runs, configs[0])]
        record(folders[0], places, Control(), load_training(), num_threads=NUM_THREADS)
    return [KeptRun(_outcome_of(folder), _zip(folder)) for folder in folders]


def _outcome_of(folder: RunFolder) -> Outcome:
    status, events = folder.status(), folder.events()
    if status.state != "finished":
        return Outcome.failed(status.reason, diverged=status.reason.startswith(NOT_FINITE))
    epochs = [event for event in events if isinstance(event, EpochDone)]
    biases = [event for event in events if isinstance(event, ClassBiasesFitted)]
    return outcome_of(epochs, biases[-1] if biases else None)


def _zip(folder: RunFolder) -> bytes:
    file = io.BytesIO()
    export_run(folder, file)
    return file.getvalue()


def add_to_store(kept: KeptRun, name: str, runs: Path) -> None:
    """Add a run to a folder of runs, under a name.

    Raises:
        StoreError: The folder cannot be written; nothing is left of the run.
    """
    import_run(io.BytesIO(kept.run), runs).rename(name)
