"""What is recorded of an epoch does not depend on how many steps are computed together."""

import numpy as np
import pytest
import torch

from bikd_core.methods import Batch, StepResult
from bikd_core.training import record as record_module
from bikd_core.training.record import EpochRecord, NonFiniteLoss

NUM_STEPS, SIZE, CLASSES = 70, 3, 10


def steps(seeds=(), bad_at=None):
    """Yield indices, number, batch and result of each step; `seeds` is (K,) or ()."""
    draw = torch.Generator().manual_seed(0)
    order = torch.randperm(NUM_STEPS * SIZE, generator=draw).view(NUM_STEPS, SIZE)
    for number, indices in enumerate(order, 1):
        if seeds:
            indices = indices + NUM_STEPS * SIZE * torch.arange(seeds[0])[:, None]
        shape = (*seeds, SIZE)

        def drawn(*more, shape=shape):
            return torch.randn(*shape, *more, generator=draw)

        losses = drawn().abs()
        if number == bad_at:
            losses[..., 1] = float("nan")
        labels = torch.randint(CLASSES, shape, generator=draw)
        batch = Batch(drawn(1, 2, 2), labels, drawn(CLASSES), out_of_fold_logits=drawn(CLASSES))
        yield (
            indices,
            number,
            batch,
            StepResult(drawn(CLASSES), losses, drawn(2), drawn(2), raw_weights=drawn(2)),
        )


def recorded(**options):
    seeds = options.get("seeds", ())
    temperature = torch.tensor([2.0, 3.0]) if seeds else 2.0
    record = EpochRecord(NUM_STEPS * SIZE, temperature, torch.device("cpu"), *seeds)
    for step in steps(**options):
        record.add(*step)
    return record


@pytest.mark.parametrize("seeds", [(), (2,)])
def test_every_step_of_a_long_epoch_is_there_bit_for_bit(seeds, monkeypatch):
    together = recorded(seeds=seeds)
    monkeypatch.setattr(record_module, "MOST_WAITING", 1)
    one_by_one = recorded(seeds=seeds)
    for seed in range(*seeds or (1,)):
        found, expected = (r.arrays(NUM_STEPS * SIZE, seed) for r in (together, one_by_one))
        assert found.keys() == expected.keys() >= {"step", "ce_teacher", "raw_weights", "soft"}
        assert sorted(found["step"]) == sorted(np.repeat(np.arange(1, NUM_STEPS + 1), SIZE))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_a_bad_loss_among_the_last_steps_is_found_with_its_step():
    with pytest.raises(NonFiniteLoss, match="step 69"):
        recorded(bad_at=69).check(epoch=1)
    assert recorded().errors(epoch=1) == {}
