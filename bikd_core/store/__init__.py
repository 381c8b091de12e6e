"""A run is a folder: write it, read it, follow it, resume it. Imports no torch."""

from bikd_core.store.checkpoint import Checkpoint
from bikd_core.store.files import CorruptRunError, StoreError
from bikd_core.store.folder import RunFolder
from bikd_core.store.log import LogReader
from bikd_core.store.record import ENDED, RunRecord, RunState, Status
from bikd_core.store.runs_dir import UnknownRun, create_run, list_runs, open_run, run_ids

__all__ = [
    "ENDED",
    "Checkpoint",
    "CorruptRunError",
    "LogReader",
    "RunFolder",
    "RunRecord",
    "RunState",
    "Status",
    "StoreError",
    "UnknownRun",
    "create_run",
    "list_runs",
    "open_run",
    "run_ids",
]
