"""A training loop of somebody's own as a run of the Lab, live: see `Recorder`."""

from bikd_core.recorder.recorder import Recorder

__all__ = ["Recorder"]
