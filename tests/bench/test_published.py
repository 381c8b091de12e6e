"""The slow reference of the benchmark does what the engine does; rows summarise the timings."""

import pytest
import torch

from bikd_core.bench import step
from bikd_core.bench.published import Published
from bikd_core.config import METHOD_CONFIGS
from bikd_core.methods import METHODS, Batch, Setting
from bikd_core.models import build

LR = 0.1


def student():
    return build("digits_cnn_s", 10, 1, 8, torch.Generator().manual_seed(0)).double().train()


def batch(size, seed):
    draw = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 1, 8, 8, generator=draw, dtype=torch.float64)
    return Batch(images, torch.randint(0, 10, (size,), generator=draw), None)


@pytest.mark.slow
def test_published_and_engine_take_the_same_step():
    teacher = build("digits_cnn_l", 10, 1, 8, torch.Generator().manual_seed(1)).double().eval()
    train, val = batch(12, 2), batch(9, 3)
    published = Published(student(), teacher, student, LR, temperature=4.0)
    published.weight_net.double()

    ours = student()
    method = METHODS["bikd"](
        Setting(
            options=METHOD_CONFIGS["bikd"](),
            student=ours,
            next_val_batch=lambda: val,
            class_counts=(1,) * 10,
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
            num_epochs=1,
        )
    )
    method.weight_net.double()
    method.weight_net.load_state_dict(published.weight_net.state_dict())
    optimizer = torch.optim.SGD(ours.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)

    with torch.no_grad():
        with_logits = train._replace(teacher_logits=teacher(train.images))
    method.step(with_logits, LR)
    optimizer.step()
    published.step(train, val)
    for found, expected in (
        (ours, published.student),
        (method.weight_net, published.weight_net),
    ):
        for name, value in found.state_dict().items():
            torch.testing.assert_close(value, expected.state_dict()[name], rtol=1e-6, atol=1e-9)


def test_a_row_is_the_mean_over_k_steps_of_which_one_moves_the_weight_net():
    count = len(step.VARIANTS)
    quiet, slow = ({"plain": s, "window": 2 * s} for s in (1.0, 3.0))  # a busy machine
    turns = [
        [step.Turn(quiet, 0.5, 10.0), step.Turn(slow, 1.5, 30.0), step.Turn(quiet, 0.6, 9.0)]
    ] * count
    rows = step._rows("56-20", 5, turns, [None] * count, [100.0] * count)
    assert rows[1]["seconds"] == pytest.approx((2 + 4 * 1) / 5)
    assert rows[1]["speedup_to_published"] == pytest.approx(10 / 1.2)  # not of the medians
    assert (rows[1]["speedup_low"], rows[1]["speedup_high"]) == pytest.approx((9 / 1.2, 10 / 1.2))
    assert rows[1]["ratio_to_kd"] == pytest.approx(1.2 / 0.5)
    assert set(rows[0]) >= {
        "pair", "variant", "precision", "seconds", "speedup_to_published", "ratio_to_kd",
        "memory_to_published", "hypergradient_error",
    }  # fmt: skip


def test_each_variant_is_compared_to_plain_kd_of_its_precision():
    class FakeVariant:
        def __init__(self, variant):
            self.variant, self.num_measured = variant, 0

        def measure(self):
            self.num_measured += 1
            if self.variant.is_kd:
                return {"window": 1.0 if self.variant.precision == "float32" else 0.5}
            return {"window": 4.0 * self.num_measured}

    timed = [FakeVariant(variant) for variant in step.VARIANTS]
    turns = step._repeat(timed)
    assert turns[0] == step.Turn({"window": 6.0}, 1.0, 6.0)  # before and after the others: 4, 8
    for turn, variant in zip(turns[1:], step.VARIANTS[1:], strict=True):
        assert (turn.kd, turn.published) == (1.0 if variant.precision == "float32" else 0.5, 6.0)


@pytest.mark.slow
def test_the_published_algorithm_takes_its_turns_in_its_own_process():
    with step.VariantProcess("56-20", 0) as published:
        turns = [published.measure() for _ in range(2)]
    assert published.variant.name == "published"
    assert all(set(turn) == {"window"} and turn["window"] > 0 for turn in turns)
    assert published._process.returncode == 0
