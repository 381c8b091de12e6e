"""Trains runs that share each step, each into a folder of its own. No torch here.

They begin at the same epoch: that of their checkpoints if these agree, else the first one. What a
log has already is computed again and not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import ControlChanged, Event
from bikd_core.places import Places
from bikd_core.store import Checkpoint, CorruptRunError, RunFolder, StoreError
from bikd_core.worker.recording import (
    LOCK_TIMEOUT_S,
    Outcome,
    Recording,
    TogetherTraining,
    as_resolved,
)


class TogetherSetup(NamedTuple):
    """What a training of runs that train together is made from."""

    configs: tuple[RunConfig, ...]
    control: Control
    places: Places
    checkpoints: tuple[Checkpoint, ...] | None  # to go on from, all after the same epoch
    num_threads: int


MakeTogether = Callable[[TogetherSetup], TogetherTraining]


def record_together(
    folders: Sequence[RunFolder],
    places: Places,
    control: Control,
    make_training: MakeTogether,
    *,
    num_threads: int,
    resume: bool = False,
    emit: Callable[[Event], None] = lambda event: None,
    is_stopped: Callable[[str], bool] = lambda run_id: False,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> dict[str, Outcome]:
    """Train runs to their ends and hold their locks meanwhile; return how each ended, by id.

    Args:
        folders: Those to write, of the runs that the first one's `run.json` names.
        places: Where the training finds data sets and teachers.
        control: Steers all of them, from other threads.
        make_training: `bikd_core.worker.process.load_together()`.
        num_threads: For runs that begin; resumed ones take the number they began with.
        resume: Go on where they ended.
        emit: Called with each event once it is in its folder.
        is_stopped: Whether a run, by its id, is to end alone.
        is_abandoned: Whether a stop means that the server is gone: they are then interrupted.

    Raises:
        StoreError: Somebody else trains one of them, or one of those they trained with is missing.
    """
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(folder.hold(LOCK_TIMEOUT_S))
        whole = companions(folders[0])
        recordings = {folder.run_id: Recording(folder, control, emit) for folder in folders}
        outcomes: dict[str, Outcome] = {}
        try:
            setup = _setup(whole, recordings, places, control, num_threads, resume=resume)
            training = make_training(setup)
            ids = [folder.run_id for folder in whole]
            for number in (n for n, run_id in enumerate(ids) if run_id not in recordings):
                training.end(number)
            for number, item in training:
                run_id = ids[number]
                if run_id not in recordings or run_id in outcomes:
                    continue  # it has ended: only a teacher of it may still be trained
                if isinstance(item, Exception):
                    outcomes[run_id] = recordings[run_id].fail(item)
                else:
                    recordings[run_id].take(item, partial(training.state_arrays, number))
                for other in (r for r in recordings if r not in outcomes and is_stopped(r)):
                    training.end(ids.index(other))
                    outcomes[other] = recordings[other].end(is_abandoned=False)
        except Exception as error:
            for run_id in recordings.keys() - outcomes.keys():
                outcomes[run_id] = recordings[run_id].fail(error)
        for run_id in recordings.keys() - outcomes.keys():
            outcomes[run_id] = recordings[run_id].end(is_abandoned=is_abandoned())
        return outcomes


def companions(folder: RunFolder) -> list[RunFolder]:
    """Return the folders of the runs that a run trains with, its own included, in their order.

    Raises:
        StoreError: One is missing.
        CorruptRunError: The run is not among them.
    """
    ids = folder.record().together or (folder.run_id,)
    if folder.run_id not in ids:
        raise CorruptRunError(f"{folder.path / 'run.json'}: together does not name the run itself.")
    found = [RunFolder(folder.path.with_name(run_id)) for run_id in ids]
    missing = [one.run_id for one in found if not one.path.is_dir()]
    if missing:
        raise StoreError(
            f"The run {folder.run_id} trained together with {', '.join(missing)}, which is not "
            "here any more, so it cannot go on: start it again."
        )
    return found


def _setup(
    whole: Sequence[RunFolder],
    recordings: dict[str, Recording],
    places: Places,
    control: Control,
    num_threads: int,
    *,
    resume: bool,
) -> TogetherSetup:
    """Return what to train from, and let each recording begin."""
    records = [folder.record() for folder in whole]
    configs = []
    for record in records:
        config, resolved = record.config, record.resolved
        if resume and resolved is not None:
            config, num_threads = as_resolved(config, resolved)
        configs.append(config)
    checkpoints = _agreeing([folder.load_checkpoint() for folder in whole]) if resume else None
    if resume and checkpoints is None:
        _refuse_tuned(whole)
    for number, folder in enumerate(whole):
        if folder.run_id in recordings:
            recordings[folder.run_id].go_on(checkpoints[number] if checkpoints else None)
    return TogetherSetup(tuple(configs), control, places, checkpoints, num_threads)


def _agreeing(found: Sequence[Checkpoint | None]) -> tuple[Checkpoint, ...] | None:
    """Return checkpoints that are all after the same epoch; else None."""
    whole = tuple(checkpoint for checkpoint in found if checkpoint is not None)
    epochs = {checkpoint.values["epoch"] for checkpoint in whole}
    return whole if len(whole) == len(found) and len(epochs) == 1 else None


def _refuse_tuned(whole: Sequence[RunFolder]) -> None:
    for folder in whole:
        changes = (e for e in folder.events() if isinstance(e, ControlChanged))
        if any(change.control == "learning_rate" for change in changes):
            raise StoreError(
                f"The run {folder.run_id} would have to begin again, but its learning rate was "
                "changed while it trained: start a new one."
            )
