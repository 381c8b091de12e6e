"""The batches of a run, from D_tr and from D_val in each of its roles.

B batch, C classes, N images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bikd_core.config import RunConfig, TeacherAndWeightNetOptions
from bikd_core.data.batches import DeviceSet, Endless, epoch_order
from bikd_core.data.image_set import ImageSet, to_device
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.methods import Batch
from bikd_core.teachers.folds import OutOfFold
from bikd_core.teachers.kept_views import TeacherViews
from bikd_core.training.val_roles import val_roles

LOGITS_BATCH = 500  # images that pass through a teacher at once


def generator_for(seed: int, purpose: str) -> torch.Generator:
    """Return a CPU generator for one purpose, so that no purpose disturbs another."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def generators_for(seed: int, *purposes: str) -> dict[str, torch.Generator]:
    """Return a generator for each purpose, by its name."""
    return {purpose: generator_for(seed, purpose) for purpose in purposes}


class Feed:
    """Gives batches by position in the training set: images of D_tr first, then those of D_val.

    A position below `num_rows` is therefore a row of the frames. Positions are drawn on the CPU.
    """

    def __init__(
        self,
        config: RunConfig,
        split: LongTailSplit,
        teacher: nn.Module | None,
        device: torch.device,
        memory_format: torch.memory_format,
        fold_teachers: Sequence[nn.Module] = (),
    ) -> None:
        self.config, self.teacher, self.device = config, teacher, device
        self.train_on_val = config.protocol.train_on_val
        self.num_rows = len(split.train)
        self.generators = generators_for(
            config.training.seed, "order", "augmentation", "val_augmentation"
        )
        self.out_of_fold: OutOfFold | None = None
        if fold_teachers:
            self.out_of_fold = OutOfFold(fold_teachers, split, config.data.split_seed)
        self.views: TeacherViews | None = None  # of the training images, once filled
        # On all images to train on, and on D_val, if they never change: computed once.
        self._fixed_logits: tuple[Tensor | None, Tensor | None] | None = None
        self._fixed_guide_logits: Tensor | None = None
        self.roles = val_roles(config, split)
        self.loaders = self._make_loaders()
        trained = split.train if self.train_on_val == "no" else joined(split.train, split.val)
        self.train_set, self.val_set = (
            DeviceSet(
                part, split, device, config.training.augmentation, memory_format=memory_format
            )
            for part in (trained, split.val)
        )

    def _make_loaders(self) -> dict[str, Endless]:
        """Return endless batches of D_val: one loader for each turn of each role."""
        roles = {"val": self.roles.guide}
        if self.train_on_val == "batch":
            roles["trained_val"] = self.roles.train
        training, loaders = self.config.training, {}
        for role, turns in roles.items():
            for turn, positions in enumerate(turns):
                name = _loader_name(role, turn)
                generator = generator_for(training.seed, f"{name}_order")
                self.generators[f"{name}_order"] = generator
                loaders[name] = Endless(len(positions), training.batch_size, generator)
        return loaders

    def _soft_logits(self, images: Tensor, positions: Tensor) -> Tensor:
        """Return the teacher logits (B, C) that the student imitates; there is a teacher."""
        if self.teacher is None:
            assert self.out_of_fold is not None
            return self.out_of_fold.logits(images, positions)
        with torch.no_grad():
            logits: Tensor = self.teacher(images)
        return logits

    def _batch_at(self, positions: Tensor) -> Batch:
        """Return the batch at these training positions, augmented or from the kept views."""
        indices = to_device(positions, self.device)
        augmentation, labels = self.generators["augmentation"], self.train_set.labels[indices]
        if self.views is not None:
            images, kept = self.views.draw(indices, augmentation)
            return Batch(images, labels, kept)
        images = self.train_set.batch(indices, augmentation)
        if not self._are_logits_fixed:
            soft, out_of_fold = self._logits(images, positions)
            return Batch(images, labels, soft, out_of_fold_logits=out_of_fold)
        if self._fixed_logits is None:
            self._fixed_logits = self._all_logits()
        soft, out_of_fold = (v if v is None else v[indices] for v in self._fixed_logits)
        return Batch(images, labels, soft, out_of_fold_logits=out_of_fold)

    @property
    def _are_logits_fixed(self) -> bool:
        is_augmented = self.train_set.augmentation != "none"
        return not is_augmented and not self.config.protocol.teacher_batch_statistics

    def _logits(self, images: Tensor, positions: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the logits (B, C) that the student imitates, and the out-of-fold ones."""
        soft = out_of_fold = None
        if self.out_of_fold is not None:
            soft = out_of_fold = self.out_of_fold.logits(images, positions)
        if self.teacher is not None:
            soft = self._soft_logits(images, positions)
        return soft, out_of_fold

    def _all_logits(self) -> tuple[Tensor | None, Tensor | None]:
        """Return `_logits` of the whole training set."""
        batches = torch.split(torch.arange(len(self.train_set)), LOGITS_BATCH)
        parts = [self._logits(self.train_set.batch(p), p) for p in batches]
        whole = [[v for v in column if v is not None] for column in zip(*parts, strict=True)]
        soft, out_of_fold = (torch.cat(column) if column else None for column in whole)
        return soft, out_of_fold

    def next_guide(self, epoch: int) -> Batch:
        """Return the next D_val batch that guides the weight net; epochs count from 0."""
        positions = self._next_of_val("val", self.roles.guide, epoch)
        indices = to_device(positions, self.device)
        images = self.val_set.batch(indices, self.generators["val_augmentation"])
        logits = self._guide_logits(images, positions)
        return Batch(images, self.val_set.labels[indices], logits)

    def _guide_logits(self, images: Tensor, positions: Tensor) -> Tensor | None:
        """Return the teacher's logits on a batch of D_val; None if L_val does not need them."""
        options = self.config.method
        is_hard = not isinstance(options, TeacherAndWeightNetOptions) or options.meta_loss == "hard"
        if is_hard or (self.teacher is None and self.out_of_fold is None):
            return None
        if not self._are_logits_fixed:
            return self._soft_logits(images, self.num_rows + positions)
        if self._fixed_guide_logits is None:  # computed once, since they never change
            batches = torch.split(torch.arange(len(self.val_set)), LOGITS_BATCH)
            self._fixed_guide_logits = torch.cat(
                [self._soft_logits(self.val_set.batch(p), self.num_rows + p) for p in batches]
            )
        return self._fixed_guide_logits[to_device(positions, self.device)]

    def _next_of_val(self, role: str, turns: tuple[Tensor, ...], epoch: int) -> Tensor:
        turn = epoch % len(turns)
        return turns[turn][self.loaders[_loader_name(role, turn)].next_batch()]

    def epoch_batches(self, epoch: int) -> list[Tensor]:
        """Return the positions (B,) of each step of an epoch.

        A D_val batch of equal weight is added later, by `training_batch`.
        """
        positions = torch.arange(self.num_rows)
        if self.train_on_val == "mixed":
            trained = self.roles.train[epoch % len(self.roles.train)]
            positions = torch.cat([positions, self.num_rows + trained])
        size = self.config.training.batch_size
        order = epoch_order(len(positions), size, self.generators["order"])
        return [positions[batch] for batch in order]

    def training_batch(self, positions: Tensor, epoch: int) -> tuple[Batch, Tensor]:
        """Return the batch that a step trains on, and its positions (B,).

        With `train_on_val = "batch"` a D_val batch of equal weight is added to it.

        Args:
            positions: (B,), from `epoch_batches`.
            epoch: Counted from 0.
        """
        if self.train_on_val != "batch":
            return self._batch_at(positions), positions
        added = self._next_of_val("trained_val", self.roles.train, epoch) + self.num_rows
        shares = torch.cat([torch.full((len(p),), 1 / len(p)) for p in (positions, added)])
        positions = torch.cat([positions, added])
        batch = self._batch_at(positions)
        return batch._replace(shares=to_device(shares, self.device)), positions

    def rows_among(self, positions: Tensor) -> Tensor:
        """Return where the images of D_tr are in a batch; (B,) -> (K,), on the CPU."""
        return (positions < self.num_rows).nonzero()[:, 0]

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next epoch's batches depend on."""
        tensors = {f"generator.{name}": g.get_state() for name, g in self.generators.items()}
        for name, loader in self.loaders.items():
            tensors |= {f"{name}.{k}": torch.as_tensor(v) for k, v in loader.state().items()}
        return tensors

    def load_state(self, parts: dict[str, dict[str, Tensor]]) -> None:
        """Restore `state()`, given with its names split at the first dot."""
        for name, generator in self.generators.items():
            generator.set_state(parts["generator"][name])
        for name, loader in self.loaders.items():
            loader.load_state({**parts[name]})


def logits_on(images: DeviceSet, net: nn.Module, batch_size: int) -> Tensor:
    """Return a network's logits (N, C) on a whole set, unaugmented, on the set's device."""
    with torch.no_grad():
        batches = torch.split(torch.arange(len(images)), batch_size)
        return torch.cat([net(images.batch(indices)) for indices in batches])


def _loader_name(role: str, turn: int) -> str:
    return f"{role}_{turn}" if turn else role


def joined(first: ImageSet, second: ImageSet) -> ImageSet:
    """Return the images of both sets, those of the first set first."""
    return ImageSet(
        torch.cat([first.images, second.images]),
        torch.cat([first.labels, second.labels]),
        torch.cat([first.original_indices, second.original_indices]),
    )
