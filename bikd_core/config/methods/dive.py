"""DiVE's options: those of KD."""

from bikd_core.config.methods.kd import Options

__all__ = ["Options"]
