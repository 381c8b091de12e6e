"""Times augmented batches: drawn on the device, against torchvision's transforms per image."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from bikd_core.bench.report import Row
from bikd_core.bench.turns import in_turns
from bikd_core.config import RunConfig
from bikd_core.data.batches import DeviceSet
from bikd_core.training.measure import random_split

BATCH = 100
NUM_BATCHES = 50
OURS = "batches on the device"
WORKERS = (0, 2)  # worker processes of the DataLoader


class _PerImage(Dataset[Tensor]):
    """The usual way: each PIL image is cropped, flipped, made a tensor and normalised."""

    def __init__(self, images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.pictures = [v2.functional.to_pil_image(image) for image in images]
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=4),
                v2.RandomHorizontalFlip(),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.pictures[index])


def measure(repeats: int) -> list[Row]:
    """Return rows with images per second of each way, on random images of CIFAR's size."""
    config = RunConfig.from_flat({"dataset": "cifar10", "batch_size": BATCH})
    split = random_split(config, num_batches=NUM_BATCHES)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ours = DeviceSet(split.train, split, device, "crop_flip")
    theirs = _PerImage(split.train.images, split.mean, split.std)
    ways = {OURS: partial(_speed, lambda: _ours(ours), device)}
    for workers in WORKERS:
        loader = DataLoader(theirs, BATCH, shuffle=True, num_workers=workers)
        name = f"torchvision and DataLoader, {workers} workers"
        ways[name] = partial(_speed, partial(iter, loader), device)
    turns = in_turns(ways, repeats)
    medians = {name: statistics.median(turn[name] for turn in turns) for name in ways}
    return [
        {"way": name, "images_per_second": value, "ours_is_faster": medians[OURS] / value}
        for name, value in medians.items()
    ]


def _speed(batches: Callable[[], Iterator[Tensor]], device: torch.device) -> float:
    """Return images per second, on the device, for one pass through the set."""
    start, count = time.perf_counter(), 0
    for batch in batches():
        count += len(batch.to(device))
    if device.type == "cuda":
        torch.cuda.synchronize()
    return count / (time.perf_counter() - start)


def _ours(images: DeviceSet) -> Iterator[Tensor]:
    draw = torch.Generator().manual_seed(0)
    for indices in torch.split(torch.randperm(len(images), generator=draw), BATCH):
        yield images.batch(indices, draw)
