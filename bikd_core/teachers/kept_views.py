"""A pool of fixed augmented views of each training image, whose teacher logits are kept.

An approximation: without it every epoch draws new views and runs the teacher on them.
N training images, M views of each, B images of a batch, c channels, C classes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from bikd_core.data.augmentation import Crops, draw_crops
from bikd_core.data.batches import DeviceSet
from bikd_core.data.image_set import to_device
from bikd_core.models.network import precision_of
from bikd_core.teachers.files import write_whole

log = logging.getLogger(__name__)

FILL_BATCH = 500  # views that pass through the teacher at once


class Filled(NamedTuple):
    """The number of a pool's views that have logits."""

    done: int
    total: int


class TeacherViews:
    """The views of one training set, and the teacher's logits for them, on the set's device.

    Args:
        images: The training set, with its augmentation.
        num_views: M; without augmentation there is only one.
        generator: Draws the views; the same generator gives the same views.
    """

    def __init__(self, images: DeviceSet, num_views: int, generator: torch.Generator) -> None:
        self.images = images
        self.num_views = num_views if images.augmentation != "none" else 1
        crops = draw_crops(
            len(images) * self.num_views,
            images.images.shape[2],
            generator,
            flip=images.augmentation == "crop_flip",
        )
        self._crops = Crops(*(part.to(images.device) for part in crops))
        self.logits = torch.empty(0)  # [N · M, C] once they are there

    def draw(self, indices: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a view of each image at (B,) positions, (B, c, H, W), and its logits, (B, C)."""
        view = torch.randint(self.num_views, (len(indices),), generator=generator)
        rows = indices * self.num_views + to_device(view, indices.device)
        return self._pictures(rows), self.logits[rows]

    def _pictures(self, rows: Tensor) -> Tensor:
        crops = Crops(*(part[rows] for part in self._crops))
        return self.images.cropped(torch.div(rows, self.num_views, rounding_mode="floor"), crops)

    def fill(self, teacher: nn.Module) -> Iterator[Filled]:
        """Run the teacher, in eval mode, on every view; yield how far it is."""
        total = len(self.images) * self.num_views
        parts, done = [], 0
        for rows in torch.split(torch.arange(total, device=self.images.device), FILL_BATCH):
            with torch.no_grad():
                parts.append(teacher(self._pictures(rows)).float())
            done += len(rows)
            yield Filled(done, total)
        self.logits = torch.cat(parts)

    # On the disk --------------------------------------------------------------------------------

    def key(self, teacher: nn.Module) -> str:
        """Return 16 hex digits that differ for other images, views, teachers or precisions."""
        digest = hashlib.sha256(
            f"{self.num_views} {self.images.augmentation} "
            f"{precision_of(teacher)} {self.images.memory_format}".encode()
        )
        for tensor in (self.images.images, *teacher.state_dict().values(), *self._crops):
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write the logits, whole or not at all.

        Raises:
            OSError: They cannot be written.
        """
        logits = self.logits.cpu().contiguous()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, safetensors.torch.save({"logits": logits}, {"sha256": _sha256(logits)}))

    def load(self, path: Path, num_classes: int) -> bool:
        """Read the logits from a file; return whether it exists and is whole, else log why not."""
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                expected, logits = (file.metadata() or {}).get("sha256"), file.get_tensor("logits")
        except FileNotFoundError:
            return False
        except (OSError, safetensors.SafetensorError) as error:
            log.warning("%s is damaged (%s): it is filled again.", path, error)
            return False
        if logits.shape != (len(self.images) * self.num_views, num_classes) or (
            expected != _sha256(logits)
        ):
            log.warning("%s is damaged: it is filled again.", path)
            return False
        self.logits = logits.to(self.images.device)
        return True


def _sha256(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.numpy().data).hexdigest()
