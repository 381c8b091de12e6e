"""Trust in labels: how much an image counts by what its out-of-fold teacher gives to its label."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bikd_core.losses import hard_loss
from bikd_core.methods.protocol import Batch


def trust_in_labels(batch: Batch, power: float) -> Tensor:
    """Return p(y)^power of each image, divided by its mean in the image's class; -> (B,).

    p is the out-of-fold teacher's softmax at temperature 1. The mean is over the images of that
    class in the batch, each with its share of the loss, so that no class gains or loses weight as
    a whole; the only image of its class has 1. It is computed from logarithms, since a
    probability may be too small for its type.
    """
    logits = batch.out_of_fold_logits
    assert logits is not None  # trust is read only with out-of-fold teachers
    log_trust = -power * hard_loss(logits, batch.labels)
    log_share = torch.zeros_like(log_trust) if batch.shares is None else batch.shares.log()
    is_member = F.one_hot(batch.labels, logits.shape[-1]).bool()
    log_mean = _log_sums(log_trust + log_share, is_member) - _log_sums(log_share, is_member)
    return torch.exp(log_trust - log_mean.gather(-1, batch.labels))


def _log_sums(logs: Tensor, is_member: Tensor) -> Tensor:
    """Return the log of each class's sum of exp(logs); (B,), (B, C) -> (C,)."""
    return torch.where(is_member, logs[..., None], -torch.inf).logsumexp(dim=-2)
