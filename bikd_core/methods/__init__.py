"""Training objectives by name: one short file each, one interface. A new file is a new method."""

from __future__ import annotations

from bikd_core.config import METHOD_FACTS
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Batch, Method, Setting, StepResult, class_of

METHODS: dict[str, type[Method]] = {name: class_of(name) for name in METHOD_FACTS}

__all__ = ["METHODS", "Batch", "Method", "Objective", "Setting", "StepResult"]
