"""Studies: a question, the grid of runs it takes, the answer with its uncertainty. Torch-free."""

from bikd_core.studies.answer import METRICS, Interval, Line, answer, interval
from bikd_core.studies.calibration import Calibration
from bikd_core.studies.comparison import EPOCH_WORDS, Comparison, active_runs, queue_missing
from bikd_core.studies.entries import ENTRY_NAMES, Entry, label_of, read_entry, split_entries
from bikd_core.studies.export import export
from bikd_core.studies.faults import FAULTS, read_faults
from bikd_core.studies.learned_weights import Gain, gains, with_learned_weights
from bikd_core.studies.planned import PlannedRun, each_once, planned_runs, seconds_to_go
from bikd_core.studies.report import Report, protocol_of, protocol_sentences, report_of
from bikd_core.studies.seeds import read_seeds, write_seeds

__all__ = [
    "ENTRY_NAMES",
    "EPOCH_WORDS",
    "FAULTS",
    "METRICS",
    "Calibration",
    "Comparison",
    "Entry",
    "Gain",
    "Interval",
    "Line",
    "PlannedRun",
    "Report",
    "active_runs",
    "answer",
    "each_once",
    "export",
    "gains",
    "interval",
    "label_of",
    "planned_runs",
    "protocol_of",
    "protocol_sentences",
    "queue_missing",
    "read_entry",
    "read_faults",
    "read_seeds",
    "report_of",
    "seconds_to_go",
    "split_entries",
    "with_learned_weights",
    "write_seeds",
]
