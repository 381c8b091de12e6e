from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bikd_core.config import RunConfig
from bikd_core.data.augmentation import crop_and_flip
from bikd_core.data.batches import DeviceSet, Endless, epoch_order
from bikd_core.data.long_tail import LongTailSplit, channel_statistics
from bikd_core.training.measure import random_split
from tests.cuda_waits import waiting_refused
from tests.repeated import first_quick


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pixels(batch: int, channels: int, size: int) -> Tensor:
    shape = (batch, channels, size, size)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator(5))


@pytest.fixture(scope="module")
def split() -> LongTailSplit:
    """Without a data set: these tests also run where there is none, beside a GPU."""
    split = random_split(RunConfig.from_flat({"batch_size": 293}), num_batches=1)
    mean, std = channel_statistics(split.train.images)
    return replace(split, mean=mean, std=std)


def crop_and_flip_reference(images: Tensor, draws: torch.Generator, *, flip: bool) -> Tensor:
    """One image after the other, pixel by pixel."""
    batch, _, size, _ = images.shape
    pad = size // 8
    offsets = torch.randint(2 * pad + 1, (batch, 2), generator=draws).tolist()
    flips = (
        (torch.rand(batch, 1, generator=draws) < 0.5)[:, 0].tolist() if flip else [False] * batch
    )
    out = torch.zeros_like(images)
    for b, ((down, right), is_flipped) in enumerate(zip(offsets, flips, strict=True)):
        for row in range(size):
            for column in range(size):
                source_row, source_column = row + down - pad, column + right - pad
                if 0 <= source_row < size and 0 <= source_column < size:
                    target = size - 1 - column if is_flipped else column
                    out[b, :, row, target] = images[b, :, source_row, source_column]
    return out


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("channels", "size"), first_quick([(1, 8), (1, 28), (3, 32)]))
def test_crop_and_flip_equal_the_slow_reference(channels, size, flip, device):
    images = pixels(12, channels, size)
    fast = crop_and_flip(images.to(device), generator(1), flip=flip)
    assert fast.dtype == torch.uint8
    assert torch.equal(fast.cpu(), crop_and_flip_reference(images, generator(1), flip=flip))


def test_every_offset_and_both_directions_occur():
    image = pixels(1, 1, 8)
    many = crop_and_flip(image.expand(500, 1, 8, 8), generator(2), flip=True)
    assert len(many.unique(dim=0)) == 3 * 3 * 2


def test_crop_alone_never_flips():
    image = pixels(1, 1, 8)
    many = crop_and_flip(image.expand(500, 1, 8, 8), generator(2), flip=False)
    assert len(many.unique(dim=0)) == 3 * 3


def test_a_batch_is_normalised_by_the_training_images(split, device):
    images = DeviceSet(split.train, split, device)
    batch = images.batch(torch.arange(len(images)))
    assert batch.device.type == device
    assert batch.shape == (293, 1, 8, 8)
    assert float(batch.mean()) == pytest.approx(0, abs=1e-5)
    assert float(batch.std(correction=0)) == pytest.approx(1, abs=1e-5)
    expected = (split.train.images[7].float() / 255 - split.mean[0]) / split.std[0]
    assert torch.allclose(batch[7].cpu(), expected, atol=1e-6)


def test_each_channel_has_its_own_mean_and_std(split):
    colour = type(split)(**(vars(split) | {"mean": (0.5, 0.0), "std": (0.25, 2.0)}))
    white = type(split.val)(
        torch.full((1, 2, 8, 8), 255, dtype=torch.uint8),
        torch.zeros(1).long(),
        torch.zeros(1).long(),
    )
    batch = DeviceSet(white, colour, "cpu").batch(torch.tensor([0]))
    assert batch[0, :, 0, 0].tolist() == pytest.approx([2.0, 0.5])


def test_padding_is_black_before_normalisation(split):
    images = DeviceSet(split.train, split, "cpu", "crop")
    batch = images.batch(torch.zeros(200, dtype=torch.int64), generator())
    black = -split.mean[0] / split.std[0]
    moved_down = [image for image in batch if torch.allclose(image[0, 0], torch.tensor(black))]
    assert moved_down
    assert float(batch.min()) >= black - 1e-6


def test_nothing_is_augmented_without_a_generator_or_with_augmentation_none(split):
    plain = DeviceSet(split.val, split, "cpu")
    augmented = DeviceSet(split.val, split, "cpu", "crop_flip")
    some, draws = torch.arange(50), generator()
    before = draws.get_state()
    assert torch.equal(plain.batch(some, draws), augmented.batch(some))
    assert torch.equal(draws.get_state(), before)
    assert not torch.equal(augmented.batch(some, draws), augmented.batch(some))


def test_the_same_draws_give_the_same_batch_on_every_device(split, device):
    some = torch.tensor([3, 3, 0, 9])
    here = DeviceSet(split.val, split, "cpu", "crop_flip").batch(some, generator(4))
    there = DeviceSet(split.val, split, device, "crop_flip").batch(some, generator(4))
    assert torch.allclose(there.cpu(), here, atol=1e-6)


def test_the_set_is_stored_as_bytes_and_its_batches_have_the_requested_type(split, device):
    images = DeviceSet(split.val, split, device, dtype=torch.bfloat16)
    assert images.images.dtype == torch.uint8
    assert images.images.device.type == images.labels.device.type == device
    assert images.batch(torch.arange(4, device=device)).dtype == torch.bfloat16


def test_a_batch_never_makes_the_cpu_wait(split, device):
    if device == "cpu":
        pytest.skip("a CUDA device is needed to see whether anything waits for it")
    images = DeviceSet(split.val, split, device, "crop_flip")
    with waiting_refused():
        images.batch(torch.arange(50), generator())


@pytest.mark.parametrize(
    ("num_images", "batch_size", "sizes"),
    [
        (10, 5, [5, 5]),
        (11, 5, [5, 6]),  # a last batch of one joins the one before it
        (12, 5, [5, 5, 2]),
        (4, 5, [4]),
        (1, 5, [1]),
        (3, 2, [3]),
    ],
)
def test_an_epoch_visits_every_image_once(num_images, batch_size, sizes):
    batches = epoch_order(num_images, batch_size, generator())
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(batches).tolist()) == list(range(num_images))


def test_each_epoch_has_an_order_of_its_own_fixed_by_the_seed():
    draws = generator(3)
    first, second = (torch.cat(epoch_order(50, 8, draws)) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.cat(epoch_order(50, 8, generator(3))))


def test_an_endless_loader_takes_a_new_permutation_at_each_pass():
    loader = Endless(7, 3, generator())  # 7 = 3 + 4: a last batch of one joins
    passes = [torch.cat([loader.next_batch() for _ in range(2)]).tolist() for _ in range(3)]
    assert all(sorted(order) == list(range(7)) for order in passes)
    assert len({tuple(order) for order in passes}) == 3


@pytest.mark.parametrize("batches_before", range(6))
def test_an_endless_loader_continues_where_its_state_was_taken(batches_before):
    loader = Endless(8, 3, generator(1))
    for _ in range(batches_before):
        loader.next_batch()
    state = loader.state()
    expected = [loader.next_batch().tolist() for _ in range(9)]
    resumed = Endless(8, 3, generator(99))
    resumed.load_state(state)
    assert [resumed.next_batch().tolist() for _ in range(9)] == expected


def test_a_state_of_another_set_is_refused():
    with pytest.raises(ValueError, match=r"This set has 9 images; .* for 8"):
        Endless(9, 3, generator()).load_state(Endless(8, 3, generator()).state())


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_a_set_that_is_kept_as_floats_gives_the_same_batches(split, augmentation, monkeypatch):
    kept = DeviceSet(split.train, split, "cpu", augmentation)
    monkeypatch.setattr("bikd_core.data.batches.MOST_KEPT", 0)
    made_anew = DeviceSet(split.train, split, "cpu", augmentation)
    assert kept._floats is not None
    assert made_anew._floats is None
    positions = torch.tensor([5, 0, 5, 200])
    assert torch.equal(kept.batch(positions), made_anew.batch(positions))
    one, other = (images.batch(positions, generator()) for images in (kept, made_anew))
    assert torch.equal(one, other)
