"""What one recipe gains over another on the test set, with intervals. S seeds, M test images.

One split has one test set, so the intervals are of a bootstrap: pictures are drawn again within
each class, the same for both recipes, and seeds in pairs. Nothing is said about other splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core.evaluation import shot_groups
from bikd_core.recommend.predictions import Correctness

_DRAWS = 4000
_CONFIDENCE = 0.95
_IN_ERRORS = 1.959964 + 0.841621  # a two-sided test at 5 % with a power of 80 %, in standard errors
GROUPS = ("balanced", "many", "medium", "few")


class Gain(NamedTuple):
    """A difference of accuracies as a fraction, with its 95 % interval."""

    mean: float
    low: float
    high: float
    #: The smallest true difference that would have been shown with a probability of 80 %.
    detectable: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def gains(own: Sequence[Correctness], others: Sequence[Correctness]) -> dict[str, Gain]:
    """Return the gain of one recipe over another by group of classes, as `GROUPS` names them.

    Args:
        own: Of each seed; all of one test set.
        others: The other recipe's, of the same seeds in the same order.
    """
    difference = np.array(
        [a.is_correct.astype(float) - b.is_correct for a, b in zip(own, others, strict=True)]
    )
    return bootstrap(difference, own[0].labels, own[0].class_counts)


def bootstrap(
    difference: NDArray[np.float64], labels: NDArray[np.int64], class_counts: tuple[int, ...]
) -> dict[str, Gain]:
    """Return the gain by group of classes.

    Args:
        difference: (S, M), 1 where only the first recipe is right, −1 where only the other is.
        labels: (M,).
        class_counts: (C,), of D_tr: they make the groups.
    """
    generator = np.random.default_rng(0)
    num_seeds, groups = len(difference), shot_groups(class_counts)
    members = {
        "balanced": tuple(range(len(class_counts))),
        "many": groups.many,
        "medium": groups.medium,
        "few": groups.few,
    }
    means = np.zeros(len(class_counts))
    drawn = {name: np.zeros((_DRAWS, num_seeds)) for name in GROUPS}
    for label in range(len(class_counts)):
        of_class = difference[:, labels == label]
        number = of_class.shape[1]
        means[label] = of_class.mean()
        times = generator.multinomial(number, np.full(number, 1 / number), _DRAWS)
        for name in GROUPS:
            if label in members[name]:
                drawn[name] += times @ of_class.T / (number * len(members[name]))
    times = generator.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), _DRAWS)
    return {
        name: _gain(
            float(means[list(members[name])].mean()), (drawn[name] * times).sum(axis=1) / num_seeds
        )
        for name in GROUPS
    }


def _gain(mean: float, drawn: NDArray[np.float64]) -> Gain:
    outside = (1 - _CONFIDENCE) / 2
    low, high = (float(edge) for edge in np.quantile(drawn, (outside, 1 - outside)))
    return Gain(mean, low, high, _IN_ERRORS * float(drawn.std()))


def accuracies(found: Sequence[Correctness]) -> dict[str, float]:
    """Return the mean accuracy over the seeds by group of classes; fractions."""
    zero = [one._replace(is_correct=np.zeros_like(one.is_correct)) for one in found]
    return {name: gain.mean for name, gain in gains(found, zero).items()}
