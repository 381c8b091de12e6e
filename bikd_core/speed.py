"""How fast a training is, and how long a run takes at that speed. Without torch."""

from __future__ import annotations

from typing import NamedTuple

from bikd_core.config import DataConfig
from bikd_core.data.counts import planned_counts, planned_test_counts
from bikd_core.data.val_plan import planned_val_counts


class Speed(NamedTuple):
    """Seconds per image of a training step, and of the evaluation at an epoch's end."""

    training: float
    evaluation: float

    def seconds(self, data: DataConfig, epochs: int) -> float:
        """Return the seconds that this many epochs on a split take.

        Raises:
            ConfigError: The split is not possible.
        """
        counts = planned_counts(data)
        num_evaluated = sum(planned_val_counts(data)) + sum(planned_test_counts(data))
        return epochs * (sum(counts) * self.training + num_evaluated * self.evaluation)


class Speeds(NamedTuple):
    """The speed of a run, and of its teacher's training if its method needs a teacher."""

    run: Speed
    teacher: Speed | None
