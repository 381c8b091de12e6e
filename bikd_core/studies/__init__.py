"""A question → a grid of runs → an answer with its uncertainty. Imports no torch."""

from bikd_core.studies.answer import METRICS, Interval, Line, answer, interval
from bikd_core.studies.comparison import EPOCH_WORDS, Comparison, queue_missing, under_way
from bikd_core.studies.entries import Entry, label_of, read_entry, split_entries
from bikd_core.studies.export import export
from bikd_core.studies.faults import FAULTS, read_faults
from bikd_core.studies.report import Report, protocol_of, protocol_sentences, report_of
from bikd_core.studies.seeds import read_seeds, write_seeds
from bikd_core.studies.standing import Place, seconds_to_go, standing

__all__ = [
    "EPOCH_WORDS",
    "FAULTS",
    "METRICS",
    "Comparison",
    "Entry",
    "Interval",
    "Line",
    "Place",
    "Report",
    "answer",
    "export",
    "interval",
    "label_of",
    "protocol_of",
    "protocol_sentences",
    "queue_missing",
    "read_entry",
    "read_faults",
    "read_seeds",
    "report_of",
    "seconds_to_go",
    "split_entries",
    "standing",
    "under_way",
    "write_seeds",
]
