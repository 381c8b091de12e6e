"""A small picture of a run's weights: a ridge for each class, as in the figure of weights."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import Rows
from app.figures.drawing import GROUP_COLOURS

WIDTH, HEIGHT = 240, 132
_PEAK = 1.5  # heights of a row: neighbours overlap, as mountains do


def weight_thumbnail(
    counts: NDArray[np.integer[Any]] | None, rows: Rows, constant: float | None
) -> str:
    """Return an SVG picture as the address of an image.

    Args:
        counts: [C, bins] training images by weight, in label order; None without a weight net.
        rows: The classes, head to tail.
        constant: The weight in [0, 1] that all images get where there is no weight net.
    """
    height = HEIGHT / (len(rows.labels) + 0.6)
    parts = []
    for row, (label, group) in enumerate(zip(rows.labels, rows.groups, strict=True)):
        base = (row + 1.4) * height
        if counts is not None:
            path = _ridge(counts[label], base, height)
        elif constant is not None:
            x = constant * WIDTH
            path = f"M0 {base:.1f}H{x - 3:.1f}V{base - height:.1f}h6V{base:.1f}H{WIDTH}"
        else:
            path = f"M0 {base:.1f}H{WIDTH}"
        colour = GROUP_COLOURS[group]
        parts.append(
            f'<path d="{path}" fill="{colour}" fill-opacity=".45" stroke="{colour}" '
            'stroke-width="1.2" stroke-linejoin="round"/>'
        )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join(parts)}</svg>"
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"


def _ridge(counts: NDArray[np.integer[Any]], base: float, height: float) -> str:
    """Return the outline of one histogram, [bins], closed by its base line."""
    step, peak = WIDTH / len(counts), max(int(counts.max()), 1)
    tops = "".join(
        f"V{base - _PEAK * 0.62 * height * float(count) / peak:.1f}h{step:.2f}" for count in counts
    )
    return f"M0 {base:.1f}{tops}V{base:.1f}Z"
