"""A made-up run with 100 classes and 200 epochs, to measure what the page costs.

C classes, N training images, A length of `SURFACE_AXIS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bikd_core.config import RunConfig, WeightScale
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import (
    half_weight_share,
    saturated_share,
    saturated_share_of_relative,
    shot_groups,
    weight_histograms,
)
from bikd_core.events import SURFACE_AXIS, EpochDone, Frame, Panel, RunStarted
from bikd_core.store import RunFolder, create_run

CONFIG = {"dataset": "cifar100", "imbalance_factor": 100.0, "epochs": 200}


class Synthetic:
    """Writes a made-up run whose noisy weights drift apart from head to tail, as in real runs."""

    def __init__(self, runs: Path, scale: WeightScale = "sigmoid") -> None:
        self.config = RunConfig.from_flat(CONFIG | {"weight_scale": scale})
        self.scale = scale
        self.counts = planned_counts(self.config.data)
        self.labels = np.repeat(np.arange(len(self.counts)), self.counts).astype(np.int16)
        self.folder: RunFolder = create_run(runs, self.config, "Synthetic: 100 classes")
        self.epoch = 0
        self._rng = np.random.default_rng(0)

    def begin(self) -> None:
        """Write the events before the first epoch."""
        names = facts_of("cifar100").class_names
        self.folder.append(
            RunStarted(
                class_names=names,
                class_counts=self.counts,
                num_val=1000,
                num_test=10_000,
                data_fingerprint="synthetic",
                teacher="nobody",
                teacher_accuracy_per_class=(0.7,) * len(names),
                device="cpu",
                precision="float32",
                estimator="forward",
                num_threads=1,
                versions={},
            )
        )
        indices = np.arange(len(self.labels), dtype=np.int32)
        self.folder.append(Panel(labels=self.labels, original_indices=indices))
        self.folder.write_status("running", epoch=0, epochs=self.config.training.epochs)

    def train(self, until: int) -> None:
        """Write the epochs up to and including this one."""
        for item in self._epochs(until):
            self.folder.append(item)
            if isinstance(item, EpochDone):
                total = self.config.training.epochs
                self.folder.write_status("running", epoch=item.epoch, epochs=total)

    def _epochs(self, until: int) -> Iterator[Frame | EpochDone]:
        num_classes, num_images = len(self.counts), len(self.labels)
        rank = np.linspace(0, 1, num_classes)
        while self.epoch < until:
            self.epoch += 1
            share = self.epoch / self.config.training.epochs
            weights = self._weights(share, rank)
            accuracy = np.clip(0.3 + 0.5 * share - 0.3 * rank, 0, 1)
            right = np.round(100 * accuracy).astype(np.int64)
            confusion = np.stack(
                [
                    self._rng.multinomial(100 - hits, np.full(num_classes, 1 / num_classes))
                    for hits in right
                ]
            )
            confusion[np.arange(num_classes), np.arange(num_classes)] += right
            losses = self._rng.gamma(2.0, 1.0, (num_images, 2)).astype(np.float32)
            yield Frame(
                epoch=self.epoch,
                ce_student=losses[:, 0],
                ce_teacher=losses[:, 1],
                confusion=confusion.astype(np.int32),
                weights=weights.astype(np.float16),
                influence=self._rng.normal(0, 1, (num_images, 2)).astype(np.float32),
                raw_mean=np.ones(2, np.float32) if self.scale == "relative" else None,
                histograms=weight_histograms(weights, self.labels, num_classes, self.scale),
                surface=self._surface(share),
            )
            yield self._done(weights, accuracy)

    def _weights(self, share: float, rank: np.ndarray) -> np.ndarray:
        """Return the weights of all images, [N, 2]; relative ones are lognormal with mean 1."""
        noise = self._rng.normal(0, 0.08, (len(self.labels), 2))
        if self.scale == "relative":
            rising = np.exp((2 * share * rank)[self.labels][:, None] + 4 * noise)
            relative: np.ndarray = (rising / rising.mean(axis=0)).astype(np.float32)
            return relative
        centre = np.stack([0.5 + 0.4 * share * rank, 0.5 - 0.4 * share * (1 - rank)], axis=1)
        weights: np.ndarray = np.clip(centre[self.labels] + noise, 0.0, 1.0).astype(np.float32)
        return weights

    def _surface(self, share: float) -> np.ndarray:
        student, teacher = np.meshgrid(SURFACE_AXIS, SURFACE_AXIS)
        hard = 1 / (1 + np.exp(-share * (student - 2)))
        soft = 1 / (1 + np.exp(share * (teacher - 2)))
        both = np.stack([hard, soft])
        return (both if self.scale == "sigmoid" else np.exp(4 * both - 2)).astype(np.float16)

    def _done(self, weights: np.ndarray, accuracy: np.ndarray) -> EpochDone:
        groups = shot_groups(self.counts)
        means = [
            [float(weights[self.labels == label, column].mean()) for label in range(len(accuracy))]
            for column in (0, 1)
        ]
        return EpochDone(
            epoch=self.epoch,
            step=100 * self.epoch,
            seconds=1.0,
            images_per_second=10_000.0,
            learning_rate=0.1,
            train_hard_loss=1.0,
            train_soft_loss=1.0,
            train_weighted_loss=1.0,
            val_loss=2.0 + float(self._rng.normal(0, 0.05)),
            test_loss=2.2 + float(self._rng.normal(0, 0.05)),
            accuracy=float(accuracy.mean()),
            accuracy_many=float(accuracy[list(groups.many)].mean()),
            accuracy_medium=float(accuracy[list(groups.medium)].mean()),
            accuracy_few=float(accuracy[list(groups.few)].mean()),
            accuracy_per_class=tuple(accuracy.tolist()),
            calibration_error=0.1,
            w_hard_per_class=tuple(means[0]),
            w_soft_per_class=tuple(means[1]),
            hypergradient_norm=float(self._rng.gamma(2.0, 0.01)),
            hypergradient_cosine=float(np.tanh(self._rng.normal(0.2, 0.3))),
            **self._of_the_weights(weights),
        )

    def _of_the_weights(self, weights: np.ndarray) -> dict[str, Any]:
        if self.scale == "sigmoid":
            return {"saturated_share": saturated_share(weights)}
        rank = np.linspace(0, 1, len(self.counts))
        return {
            "saturated_share": saturated_share_of_relative(weights),
            "half_weight_share": tuple(half_weight_share(column) for column in weights.T),
            "pull_hard_per_class": tuple((0.1 - 0.2 * rank).tolist()),
            "influence_hard_per_class": tuple((0.5 - rank).tolist()),
            "influence_soft_per_class": tuple((0.25 - 0.5 * rank).tolist()),
        }
