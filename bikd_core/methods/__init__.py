"""Training objectives by name: one short file each, one interface. A new file is a new method."""

from __future__ import annotations

from importlib import import_module

from bikd_core.config import METHOD_FACTS
from bikd_core.methods.protocol import Batch, Method, PlainMethod, Setting, StepResult


def _method_in(name: str) -> type[Method]:
    """Return the class with a title in the file of that name."""
    module = import_module(f"bikd_core.methods.{name}")
    [method] = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and "title" in vars(value)
    )
    return method


METHODS: dict[str, type[Method]] = {name: _method_in(name) for name in METHOD_FACTS}

__all__ = ["METHODS", "Batch", "Method", "PlainMethod", "Setting", "StepResult"]
