"""Training as a generator of events: `train(config, control)`. No threads, files or prints."""

from bikd_core.training.loop import State
from bikd_core.training.record import NonFiniteLoss
from bikd_core.training.start import Training, resolve_device, train
from bikd_core.training.teachers import teacher_config, train_teacher

__all__ = [
    "NonFiniteLoss",
    "State",
    "Training",
    "resolve_device",
    "teacher_config",
    "train",
    "train_teacher",
]
