"""The versions that a run's numbers depend on. torch is imported only when they are read."""

from __future__ import annotations

import platform

import numpy as np

from bikd_core import __version__


def versions() -> dict[str, str]:
    """Return the versions of the project, Python, torch and numpy, by name; imports torch."""
    import torch

    return {
        "bikd": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
