"""The role of each image of D_val in a run: to guide the weight net, to train on, to measure by.

    train_on_val = no       all guide, none train
    mixed, batch            all guide, all train
    cross_fit               one half guides, the other trains; they swap each epoch
    hold_out_half           the above applies to one half; the other (measured_half) only measures

M images of D_val, C classes. A half has half of every class. The split seed draws it, so it is the
same for every method and seed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bikd_core.config import RunConfig
from bikd_core.data.long_tail import LongTailSplit


class ValRoles(NamedTuple):
    """Positions in D_val, ascending, (K,) each. A role with two entries alternates by epoch."""

    guide: tuple[Tensor, ...]  # for L_val
    train: tuple[Tensor, ...]  # the student trains on them; as many entries as `guide`
    measure: Tensor  # for validation loss and accuracy


def val_roles(config: RunConfig, split: LongTailSplit) -> ValRoles:
    """Return the role of each image of D_val in a run."""
    labels, seed = split.val.labels, config.data.split_seed
    everything = torch.arange(len(labels))
    used, measure = everything, everything
    if config.protocol.hold_out_half:
        used, measure = halves(everything, labels, seed)
        if config.protocol.measured_half == "first":
            used, measure = measure, used
    if config.cross_fits:
        first, second = halves(used, labels, seed + 1)
        return ValRoles((first, second), (second, first), measure)
    trained = used[:0] if config.protocol.train_on_val == "no" else used
    return ValRoles((used,), (trained,), measure)


def halves(positions: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Split positions (K,) into two halves of each class, both ascending.

    The first half gets the odd image of a class.

    Args:
        positions: (K,), in D_val.
        labels: (M,), of all of D_val.
        seed: Seeds the draw within each class, together with the class.
    """
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for label in sorted(set(labels[positions].tolist())):
        members = positions[labels[positions] == label]
        order = np.random.default_rng([seed, label, len(labels)]).permutation(len(members))
        drawn = members[torch.from_numpy(order)]
        middle = (len(members) + 1) // 2
        parts[0].append(drawn[:middle])
        parts[1].append(drawn[middle:])
    first, second = (torch.cat(part).sort().values for part in parts)
    return first, second


def trained_counts(config: RunConfig, split: LongTailSplit, roles: ValRoles) -> tuple[float, ...]:
    """Return how often the student sees each class, in label order, for the class priors.

    Images of D_tr count for the label that they are given: a method knows no other.

    If D_val is mixed in, its images count like those of D_tr. If it is a batch of equal weight,
    all of D_val counts as much as all of D_tr, so each class gets N/C more.
    """
    counts, protocol = split.label_counts, config.protocol
    if protocol.train_on_val == "no":
        return counts
    of_val = torch.bincount(split.val.labels[roles.train[0]], minlength=len(counts)).tolist()
    scale = sum(counts) / sum(of_val) if protocol.train_on_val == "batch" else 1
    return tuple(count + scale * extra for count, extra in zip(counts, of_val, strict=True))
