"""Runs in the background: start, steer, queue, follow. Imports no torch."""

from bikd_core.runs.history import BrokenRun, Snapshot
from bikd_core.runs.manager import RunError, RunManager
from bikd_core.store import CorruptRunError, RunFolder, RunState, StoreError, UnknownRun

__all__ = [
    "BrokenRun",
    "CorruptRunError",
    "RunError",
    "RunFolder",
    "RunManager",
    "RunState",
    "Snapshot",
    "StoreError",
    "UnknownRun",
]
