"""The fast hypergradient on real images, while students train."""

from statistics import median

import pytest
import torch

from bikd_core.config import RunConfig
from bikd_core.data.long_tail import load_split
from bikd_core.hypergradients import Inside, OuterBatch, hypergradient, pair_of
from bikd_core.models import build
from bikd_core.training.loop import Loop
from bikd_core.training.record import EpochRecord

#: Relative error of ∂L_val/∂w; steps far too long or too short exceed it. torch's convolutions of
#: few channels round more coarsely in channels_last.
LIMITS = {"contiguous": 0.005, "channels_last": 0.01}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "layout"),
    [
        ("digits_cnn_s", "channels_last"),
        ("digits_cnn_s", "contiguous"),
        ("digits_mlp", "contiguous"),
    ],
)
def test_finite_difference_is_near_throughout_a_digits_run(places, student, layout):
    controls = {"imbalance_factor": 50, "student": student, "memory_format": layout}
    config, limit = RunConfig.from_flat(controls), LIMITS[layout]
    split = load_split(config.data, places.data)
    teacher = build("digits_cnn_l", 10, 1, 8, torch.Generator().manual_seed(1)).eval()
    loop = Loop(config, split, teacher.requires_grad_(False), torch.device("cpu"))
    loop.student.train()
    record = EpochRecord(len(split.train), 4.0, loop.device)
    errors = []
    for epoch in range(30):
        batches = loop.feed.epoch_batches(epoch)
        if epoch % 5 == 0:
            errors += [error(loop, positions) for positions in batches[:3]]
        for positions in batches:
            loop.step(positions, record, epoch + 1, under_lens=False)
    assert median(errors) < limit, errors
    assert max(errors) < 10 * limit, errors  # one ReLU of a small network may cross its kink


def error(loop, positions):
    """Return the error of `finite_difference` relative to `forward`."""
    train, val = loop.feed.training_batch(positions, 0)[0], loop.feed.next_guide(0)
    inner = pair_of(train.images, train.labels, train.teacher_logits, 4.0)
    outer = OuterBatch(val.images, val.labels, None, 4.0, "hard")
    weights = torch.full((len(train.labels), 2), 0.5)
    found, exact = (
        hypergradient(name, loop.student, inner, outer, Inside(weights), 0.05).inside.weights
        for name in ("finite_difference", "forward")
    )
    return float((found - exact).norm() / exact.norm())
