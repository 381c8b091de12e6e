"""Executors: what trains the runs of a study. This machine's processes, or a Ray cluster."""

from bikd_core.studies.executors.executor import Executor, OnResult
from bikd_core.studies.executors.local import LocalExecutor
from bikd_core.studies.executors.outcome import MEASURES, Outcome

__all__ = ["MEASURES", "Executor", "LocalExecutor", "OnResult", "Outcome"]
