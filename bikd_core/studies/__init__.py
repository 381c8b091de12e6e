"""A question → a grid of runs → an answer with its uncertainty. Imports no torch."""

from bikd_core.studies.answer import METRICS, Interval, Line, answer, interval
from bikd_core.studies.comparison import Comparison, run_missing
from bikd_core.studies.seeds import read_seeds, write_seeds
from bikd_core.studies.standing import Place, seconds_to_go, standing

__all__ = [
    "METRICS",
    "Comparison",
    "Interval",
    "Line",
    "Place",
    "answer",
    "interval",
    "read_seeds",
    "run_missing",
    "seconds_to_go",
    "standing",
    "write_seeds",
]
