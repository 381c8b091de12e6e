"""Planted wrong labels in figures of the weights: their marks, and how a weight ranks them.

N images of a panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import Kind
from bikd_core.events import Panel

MAX_MARKS = 400  # in one figure; of more, every n-th, and the sentence says so
_FEWEST = 8  # right and wrong labels each; of fewer, nothing is claimed
_SIGNIFICANT = 0.05  # p-values below it
_NAME = "planted wrong label"


class Ranking(NamedTuple):
    """How often a value is larger for a right label than for a wrong one."""

    share: float  # of the pairs of a right and a wrong one, ties as halves: the AUC
    p: float  # two-sided, of a share of one half (Mann-Whitney, normal approximation)

    @property
    def is_clear(self) -> bool:
        """Whether the share differs from one half by more than chance."""
        return self.p < _SIGNIFICANT

    @property
    def in_words(self) -> str:
        """The share and its p-value: "78 % of pairs, p < 0.001"."""
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"
        return f"{100 * self.share:.0f} % of pairs, {p}"


def rank_wrong_labels(
    values: NDArray[np.floating[Any]],
    is_wrong: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]] | None = None,
) -> Ranking | None:
    """Return how the values rank right labels above wrong ones; None if no pair can be formed.

    The U statistics of the groups are added up, and so are their variances under chance, with
    the correction for ties. With one group this is the Mann-Whitney test.

    Args:
        values: [N] one value of each image.
        is_wrong: [N] whether its label is wrong.
        groups: [N] only images of one group form pairs; None: all images do.
    """
    from scipy.special import ndtr  # `scipy.stats` takes over a second to import

    groups = np.zeros(len(values), dtype=np.int64) if groups is None else groups
    larger = num_pairs = variance = 0.0
    for group in np.unique(groups[is_wrong]):
        members = groups == group
        wrong = is_wrong[members]
        total, num_right = len(wrong), int((~wrong).sum())
        if not num_right:
            continue
        _, place, ties = np.unique(values[members], return_inverse=True, return_counts=True)
        ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
        pairs = num_right * (total - num_right)
        larger += ranks[~wrong].sum() - num_right * (num_right + 1) / 2
        num_pairs += pairs
        variance += pairs / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    if not num_pairs:
        return None
    z = (larger - num_pairs / 2) / np.sqrt(variance) if variance > 0 else 0.0
    return Ranking(larger / num_pairs, float(2 * ndtr(-abs(z))))


def read_wrong_labels(weights: NDArray[np.floating[Any]], panel: Panel, kind: Kind) -> str:
    """Return how a weight ranks the planted wrong labels, in words; "" where there are none.

    Args:
        weights: [N] w_hard or w_soft of each image.
        panel: The images' labels, given and true.
        kind: Which of the two weights.
    """
    if panel.is_wrong is None:
        return ""
    num_wrong, num_images = int(panel.is_wrong.sum()), len(panel.labels)
    have = "picture has" if num_wrong == 1 else "pictures have"
    num_marked = len(marked_rows(panel))
    sign = f"✕, {num_marked:,} of them drawn" if num_marked < num_wrong else "✕"
    words = f"{num_wrong:,} of {num_images:,} {have} a planted wrong label ({sign})"
    if min(num_wrong, num_images - num_wrong) < _FEWEST:
        return f"{words}: too few to say how w_{kind} ranks them."
    values = weights.astype(np.float64)
    overall = rank_wrong_labels(values, panel.is_wrong)
    within = rank_wrong_labels(values, panel.is_wrong, panel.labels)
    assert overall is not None  # there are both right and wrong labels
    return f"{words}. {_verdict(overall, within, kind)}"


def _verdict(overall: Ranking, within: Ranking | None, kind: Kind) -> str:
    if overall.is_clear:
        place = "lower" if overall.share > 0.5 else "higher"
        words = (
            f"w_{kind} ranks them {place}: a right label has the larger weight in "
            f"{overall.in_words} (50 % is chance)"
        )
    else:
        words = (
            f"w_{kind} does not tell them from right ones: a right label has the larger weight in "
            f"{overall.in_words}"
        )
    if within is None:
        return f"{words}."
    if within.is_clear:
        return f"{words}; among pictures with the same label in {within.in_words}."
    return f"{words}; no clear difference among pictures with the same label ({within.in_words})."


def marked_rows(panel: Panel) -> NDArray[np.intp]:
    """Return the rows of the panel whose wrong label is marked, [n]; every n-th of very many."""
    if panel.is_wrong is None:
        return np.zeros(0, dtype=np.intp)
    rows = np.flatnonzero(panel.is_wrong)
    return rows[:: max(-(-len(rows) // MAX_MARKS), 1)]


def wrong_marks(
    rows: NDArray[np.intp],
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    panel: Panel,
    class_names: Sequence[str],
    *,
    in_legend: bool = False,
) -> list[dict[str, Any]]:
    """Return a cross at each of these images; no trace at all without label noise.

    Args:
        rows: [n] the images' rows in the panel.
        x: [n] where they are drawn.
        y: [n] likewise.
        panel: The images' labels, given and true.
        class_names: In label order.
        in_legend: Whether the legend explains the cross.
    """
    if panel.true_labels is None:
        return []
    given, true = panel.labels[rows], panel.true_labels[rows]
    words = [
        f"{_NAME}: {class_names[a]}, truly {class_names[b]}"
        for a, b in zip(given.tolist(), true.tolist(), strict=True)
    ]
    return [
        {
            "type": "scatter",
            "uid": "wrong-labels",
            "name": _NAME,
            "showlegend": in_legend,
            "mode": "markers",
            "x": [float(f"{value:.3g}") for value in x.tolist()],
            "y": [float(f"{value:.3g}") for value in y.tolist()],
            "customdata": rows.tolist(),
            "text": words,
            "marker": {
                "symbol": "x",
                "size": 8,
                "color": "#111111",
                "line": {"width": 1, "color": "#FFFFFF"},  # seen on every ground
            },
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]
