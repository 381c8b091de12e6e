"""A run's student with all that lies around it: from pixels in 0 … 1 to what it predicts from.

B images, c channels, H height, W width, C classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bikd_core.config import RunConfig
from bikd_core.data.long_tail import LongTailSplit, load_split
from bikd_core.methods import METHODS, Method, Setting
from bikd_core.models import build
from bikd_core.store import RunFolder, StoreError
from bikd_core.teachers.parameter_files import load_parameters, read_parameters
from bikd_core.training.val_roles import trained_counts, val_roles


class Student(nn.Module):
    """Normalisation, the network in eval mode, and what its method adds to the logits."""

    mean: Tensor
    std: Tensor
    added: Tensor

    def __init__(self, network: nn.Module, split: LongTailSplit, added: Tensor) -> None:
        super().__init__()
        self.network = network
        for name, values in (("mean", split.mean), ("std", split.std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1))
        self.register_buffer("added", added)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return scores, whose largest is the prediction; float32 in 0 … 1 (B, c, H, W) -> (B, C).

        Their softmax is the probabilities.
        """
        scores: Tensor = self.network((images - self.mean) / self.std)
        return scores + self.added


class Loaded(NamedTuple):
    """A run's student, and the split that it was trained and tested on."""

    student: Student
    split: LongTailSplit


def load_student(folder: RunFolder, data_dir: Path) -> Loaded:
    """Return the student of a finished run. Its normalisation follows from its training images.

    Raises:
        StoreError: The run has no student, or it is damaged.
        DatasetUnavailable: Its data set is not on this machine and cannot be fetched.
    """
    config, path = folder.record().config, folder.student_path
    if not path.is_file():
        why = f"it is {folder.status().state}"
        if config.is_recorded_elsewhere:
            why = "its own loop keeps it"
        raise StoreError(f"The run {folder.run_id} has no student to export: {why}.")
    split = load_split(config.data, data_dir)
    channels, size = split.train.images.shape[1:3]
    name = config.models.student
    network = build(name, len(split.class_names), channels, size, torch.Generator())
    load_parameters(network, read_parameters(path), path, name)
    return Loaded(Student(network, split, _added(config, split)), split)


def method_of(config: RunConfig, split: LongTailSplit) -> Method:
    """Return a run's method as it is before training, to ask it for what does not change."""
    setting = Setting(
        options=config.method,
        student=nn.Linear(1, len(split.class_names)),
        next_val_batch=lambda: None,  # type: ignore[arg-type, return-value]  # nobody trains
        class_counts=trained_counts(config, split, val_roles(config, split)),
        device=torch.device("cpu"),
        generator=torch.Generator(),
        num_epochs=config.training.epochs,
        weights_generator=torch.Generator(),
    )
    return METHODS[config.method.method](setting)


def _added(config: RunConfig, split: LongTailSplit) -> Tensor:
    """Return what the run's method adds to the logits before it predicts, (C,).

    Raises:
        StoreError: It does something else with them.
    """
    predict = method_of(config, split).predict
    zeros = torch.zeros(1, len(split.class_names))
    some = torch.arange(zeros.shape[1], dtype=torch.float32)[None] / 7
    added = predict(zeros)
    if not torch.allclose(predict(some) - added, some, atol=1e-5):
        raise StoreError(
            f"The method {config.method.method} predicts from more than logits and constants, so "
            "its student cannot be exported."
        )
    return added[0].detach().clone()
