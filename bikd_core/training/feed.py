"""A run's batches: of D_tr, and of D_val in each of its roles."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from bikd_core.config import RunConfig, TeacherAndWeightNetOptions
from bikd_core.data.batches import DeviceSet, Endless, epoch_order
from bikd_core.data.image_set import ImageSet, to_device
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.methods import Batch
from bikd_core.teachers.kept_views import TeacherViews
from bikd_core.training.val_roles import val_roles


def generator_for(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator of its own for each purpose, so that none disturbs another."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Feed:
    """Batches by position in the set that is trained on: D_tr's images first, D_val's behind them.

    So a position below `num_rows` is a row of the frames. Positions are drawn on the CPU.
    """

    def __init__(
        self,
        config: RunConfig,
        split: LongTailSplit,
        teacher: nn.Module | None,
        device: torch.device,
        memory_format: torch.memory_format,
    ) -> None:
        self.config, self.teacher, self.device = config, teacher, device
        self.train_on_val = config.protocol.train_on_val
        self.num_rows = len(split.train)
        names = ("order", "augmentation", "val_augmentation")
        self.generators = {name: generator_for(config.training.seed, name) for name in names}
        self.views: TeacherViews | None = None  # of the images trained on, once they are filled
        self._fixed_guide_logits: Tensor | None = None  # of D_val, where they are the same always
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
        """What gives batches of D_val without end: one for each turn of each role."""
        roles = {"val": self.roles.guide}
        if self.train_on_val == "batch":
            roles["trained_val"] = self.roles.train
        training, loaders = self.config.training, {}
        for role, turns in roles.items():
            for turn, positions in enumerate(turns):
                name = _loader(role, turn)
                generator = generator_for(training.seed, f"{name}_order")
                self.generators[f"{name}_order"] = generator
                loaders[name] = Endless(len(positions), training.batch_size, generator)
        return loaders

    def batch(self, of: DeviceSet, indices: Tensor, augmentation: torch.Generator) -> Batch:
        """Images, labels and, where there is a teacher, its logits; of indices on the device."""
        images = of.batch(indices, augmentation)
        return Batch(images, of.labels[indices], self._asked(images))

    def _asked(self, images: Tensor) -> Tensor | None:
        """The teacher's logits; none without a teacher."""
        if self.teacher is None:
            return None
        with torch.no_grad():
            logits: Tensor = self.teacher(images)
        return logits

    def _trained(self, positions: Tensor) -> Batch:
        """What a step trains on, augmented, or one of the kept views of each image."""
        indices = to_device(positions, self.device)
        augmentation = self.generators["augmentation"]
        if self.views is None:
            return self.batch(self.train_set, indices, augmentation)
        images, teacher_logits = self.views.draw(indices, augmentation)
        return Batch(images, self.train_set.labels[indices], teacher_logits)

    def next_guide(self, epoch: int) -> Batch:
        """The next batch of what feeds L_val; epochs count from 0."""
        indices = to_device(self._next_of_val("val", self.roles.guide, epoch), self.device)
        images = self.val_set.batch(indices, self.generators["val_augmentation"])
        logits = self._guide_logits(images, indices)
        return Batch(images, self.val_set.labels[indices], logits)

    def _guide_logits(self, images: Tensor, indices: Tensor) -> Tensor | None:
        """The teacher's logits on a batch of D_val; none where L_val has no use for them."""
        options = self.config.method
        is_hard = not isinstance(options, TeacherAndWeightNetOptions) or options.meta_loss == "hard"
        if is_hard or self.teacher is None:
            return None
        is_augmented = self.val_set.augmentation != "none"
        if is_augmented or self.config.protocol.teacher_batch_statistics:
            return self._asked(images)
        if self._fixed_guide_logits is None:  # they never change: asked for once
            batch_size = self.config.training.batch_size
            self._fixed_guide_logits = logits_on(self.val_set, self.teacher, batch_size)
        return self._fixed_guide_logits[indices]

    def _next_of_val(self, role: str, turns: tuple[Tensor, ...], epoch: int) -> Tensor:
        turn = epoch % len(turns)
        return turns[turn][self.loaders[_loader(role, turn)].next_batch()]

    def epoch_batches(self, epoch: int) -> list[Tensor]:
        """The positions of each step of an epoch; a D_val batch beside each comes later."""
        positions = torch.arange(self.num_rows)
        if self.train_on_val == "mixed":
            now = self.roles.train[epoch % len(self.roles.train)]
            positions = torch.cat([positions, self.num_rows + now])
        size = self.config.training.batch_size
        order = epoch_order(len(positions), size, self.generators["order"])
        return [positions[batch] for batch in order]

    def training_batch(self, positions: Tensor, epoch: int) -> tuple[Batch, Tensor]:
        """What a step trains on, and where it stands: with D_val's batch beside it, if there is."""
        if self.train_on_val != "batch":
            return self._trained(positions), positions
        beside = self._next_of_val("trained_val", self.roles.train, epoch) + self.num_rows
        shares = torch.cat([torch.full((len(p),), 1 / len(p)) for p in (positions, beside)])
        positions = torch.cat([positions, beside])
        batch = self._trained(positions)
        return batch._replace(shares=to_device(shares, self.device)), positions

    def rows_among(self, positions: Tensor) -> Tensor:
        """Where in a batch the images of D_tr stand; on the CPU."""
        return (positions < self.num_rows).nonzero()[:, 0]

    def state(self) -> dict[str, Tensor]:
        """What the next epoch's batches depend on."""
        tensors = {f"generator.{name}": g.get_state() for name, g in self.generators.items()}
        for name, loader in self.loaders.items():
            tensors |= {f"{name}.{k}": torch.as_tensor(v) for k, v in loader.state().items()}
        return tensors

    def load_state(self, parts: dict[str, dict[str, Tensor]]) -> None:
        """Go on from `state()`, whose names are cut at the first dot."""
        for name, generator in self.generators.items():
            generator.set_state(parts["generator"][name])
        for name, loader in self.loaders.items():
            loader.load_state({**parts[name]})


def logits_on(of: DeviceSet, net: nn.Module, batch_size: int) -> Tensor:
    """A network's logits on a whole set, without augmentation; [N, C], on the set's device."""
    with torch.no_grad():
        batches = torch.split(torch.arange(len(of)), batch_size)
        return torch.cat([net(of.batch(indices)) for indices in batches])


def _loader(role: str, turn: int) -> str:
    return f"{role}_{turn}" if turn else role


def joined(first: ImageSet, second: ImageSet) -> ImageSet:
    """The images of both, the first set's first."""
    return ImageSet(
        torch.cat([first.images, second.images]),
        torch.cat([first.labels, second.labels]),
        torch.cat([first.original_indices, second.original_indices]),
    )
