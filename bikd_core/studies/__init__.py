"""A question → a grid of runs → an answer with its uncertainty. Imports no torch."""

from bikd_core.studies.answer import METRICS, Interval, Line, answer
from bikd_core.studies.comparison import Comparison, run_missing

__all__ = ["METRICS", "Comparison", "Interval", "Line", "answer", "run_missing"]
