"""The class prior: how frequent each class is in what the student trains on."""

from __future__ import annotations

import torch
from torch import Tensor


def log_prior(class_counts: tuple[float, ...], device: torch.device) -> Tensor:
    """Return log π, π_c = n_c / Σ n, of class counts n (C,); -> (C,), in nats, float64.

    Raises:
        ValueError: A class has no image, so its prior has no logarithm.
    """
    if min(class_counts) <= 0:
        raise ValueError(
            f"class_counts = {class_counts!r} is not possible: each class needs an image."
        )
    counts = torch.tensor(class_counts, dtype=torch.float64)
    return (counts / counts.sum()).log().to(device)
