"""What each image of D_val is for in a run: to guide the weight net, to train on, to measure by.

    train_on_val = no       all guide, none trains
    mixed, batch            all guide, all train
    cross_fit               one half guides, the other trains; they swap each epoch
    hold_out_half           all this is of one half; the other only measures

M images of D_val, C classes. Halves are halves of every class, drawn by the split seed, and so the
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
    """Positions in D_val, ascending. Two entries take turns, epoch by epoch, from the first on."""

    guide: tuple[Tensor, ...]  # feed L_val
    train: tuple[Tensor, ...]  # the student trains on them; as many entries as `guide`
    measure: Tensor  # validation loss and accuracy are those of these


def val_roles(config: RunConfig, split: LongTailSplit) -> ValRoles:
    """The roles that a run gives to D_val."""
    labels, seed = split.val.labels, config.data.split_seed
    everyone = torch.arange(len(labels))
    used, measure = everyone, everyone
    if config.protocol.hold_out_half:
        used, measure = halves(everyone, labels, seed)
    if config.cross_fits:
        first, second = halves(used, labels, seed + 1)
        return ValRoles((first, second), (second, first), measure)
    nobody = everyone[:0]
    return ValRoles((used,), (nobody if config.protocol.train_on_val == "no" else used,), measure)


def halves(positions: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Two parts of these positions, each ascending, with half of each class; the first larger.

    Args:
        positions: (K,), in D_val.
        labels: (M,), of all of D_val.
        seed: What the draw within each class depends on, besides the class.
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
    """How often the student sees each class, in label order: what class priors are made from.

    Mixed in, an image of D_val counts as one of D_tr. As a batch of equal weight all of D_val
    counts as much as all of D_tr, so each class gets N/C more.
    """
    counts, protocol = split.class_counts, config.protocol
    if protocol.train_on_val == "no":
        return counts
    of_val = torch.bincount(split.val.labels[roles.train[0]], minlength=len(counts)).tolist()
    scale = sum(counts) / sum(of_val) if protocol.train_on_val == "batch" else 1
    return tuple(count + scale * extra for count, extra in zip(counts, of_val, strict=True))
