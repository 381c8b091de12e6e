"""Training objectives by name; one short file each, one protocol."""

from __future__ import annotations

from bikd_core.methods.bikd import BiKD
from bikd_core.methods.ce import CrossEntropy
from bikd_core.methods.kd import KnowledgeDistillation
from bikd_core.methods.protocol import Batch, Method, Setting, StepResult

METHODS: dict[str, type[Method]] = {
    "bikd": BiKD,
    "ce": CrossEntropy,
    "kd": KnowledgeDistillation,
}

__all__ = ["METHODS", "Batch", "Method", "Setting", "StepResult"]
