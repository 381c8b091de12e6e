"""A question → a grid of runs → an answer with its uncertainty. Imports no torch."""

from bikd_core.studies.answer import METRICS, Interval, Line, answer
from bikd_core.studies.comparison import EPOCH_WORDS, Comparison, run_missing
from bikd_core.studies.entries import Entry, label_of, read_entry, split_entries
from bikd_core.studies.export import export
from bikd_core.studies.faults import FAULTS, read_faults
from bikd_core.studies.report import Report, protocol_of, protocol_sentences

__all__ = [
    "EPOCH_WORDS",
    "FAULTS",
    "METRICS",
    "Comparison",
    "Entry",
    "Interval",
    "Line",
    "Report",
    "answer",
    "export",
    "label_of",
    "protocol_of",
    "protocol_sentences",
    "read_entry",
    "read_faults",
    "run_missing",
    "split_entries",
]
