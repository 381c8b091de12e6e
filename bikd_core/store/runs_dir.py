"""A folder of runs: make a new one, open an earlier one, list them all."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bikd_core import __version__
from bikd_core.config import RunConfig, own_data_of
from bikd_core.store.files import CorruptRunError, remove_folder, replace_text, writing
from bikd_core.store.folder import RunFolder
from bikd_core.store.record import (
    MAX_ID_LENGTH,
    RunRecord,
    checked_name,
    is_id,
    new_id,
)

log = logging.getLogger(__name__)


class UnknownRun(LookupError):
    """There is no run of this id."""


def create_run(runs_dir: Path, config: RunConfig, name: str = "") -> RunFolder:
    """Return the folder of a new run, queued; its id is readable, unique and safe in a URL.

    Raises:
        StoreError: The name is too long, or the folder cannot be written; nothing is left of it.
    """
    return _create(runs_dir, new_id(config), config, checked_name(name))


def create_together(runs_dir: Path, configs: Sequence[RunConfig]) -> list[RunFolder]:
    """Return the folders of new runs that train together, queued.

    Raises:
        StoreError: A folder cannot be written; nothing is left of any.
    """
    ids = [new_id(config) for config in configs]
    folders: list[RunFolder] = []
    try:
        for run_id, config in zip(ids, configs, strict=True):
            folders.append(_create(runs_dir, run_id, config, "", together=tuple(ids)))
    except BaseException:
        for folder in folders:
            folder.delete()
        raise
    return folders


def _create(
    runs_dir: Path, run_id: str, config: RunConfig, name: str, together: tuple[str, ...] = ()
) -> RunFolder:
    record = RunRecord(
        id=run_id,
        name=name or run_id,
        config=config,
        created=datetime.now(UTC),
        versions={"bikd": __version__},
        together=together,
        own_data=own_data_of(config.data.dataset),
    )
    unfinished = RunFolder(runs_dir / f".new-{run_id}")
    with writing(runs_dir):
        try:
            (unfinished.path / "frames").mkdir(parents=True)
            unfinished.log_path.touch()
            replace_text(unfinished.path / "run.json", record.model_dump_json(indent=2))
            unfinished.write_status("queued", epoch=0, epochs=config.training.epochs)
            unfinished.path.rename(runs_dir / run_id)
        except BaseException:
            remove_folder(unfinished.path)
            raise
    return RunFolder(runs_dir / run_id)


def open_run(runs_dir: Path, run_id: str) -> RunFolder:
    """Return the folder of an earlier run. The id may be anything: it comes from a URL.

    Raises:
        UnknownRun: There is no such run.
    """
    if not is_id(run_id) or not (runs_dir / run_id / "run.json").is_file():
        raise UnknownRun(f"There is no run {run_id[:MAX_ID_LENGTH]!r} in {runs_dir}.")
    return RunFolder(runs_dir / run_id)


def run_ids(runs_dir: Path) -> list[str]:
    """Return the ids of all runs of a folder, broken ones included, in no order."""
    return [path.parent.name for path in runs_dir.glob("[a-z0-9_]*/run.json")]


def list_runs(runs_dir: Path) -> list[RunFolder]:
    """Return all runs of a folder, newest first. Broken ones are logged and left out."""
    found: list[tuple[datetime, str]] = []
    for run_id in run_ids(runs_dir):
        try:
            found.append((RunFolder(runs_dir / run_id).record().created, run_id))
        except CorruptRunError as error:
            log.warning("left out of the list of runs: %s", error)
    return [RunFolder(runs_dir / run_id) for _, run_id in sorted(found, reverse=True)]
