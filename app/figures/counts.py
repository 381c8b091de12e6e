"""How many training images each class will have."""

from __future__ import annotations

from typing import Any

from app.figures.classes import Rows, rows_of
from app.figures.drawing import GROUP_COLOURS, THEME_TEXT, Drawing, base_layout

COUNTS_HEIGHT = 120  # px: it stands in the side bar


def class_counts(
    class_names: tuple[str, ...],
    counts: tuple[int, ...],
    label_counts: tuple[int, ...] | None = None,
    wrong_counts: tuple[int, ...] | None = None,
) -> Drawing:
    """Return bars of the training images of each class, head to tail.

    With label noise, outlined bars beside them count the images by the label that they are given.

    Args:
        class_names: In label order, at least three.
        counts: Training images truly of each class, in the same order.
        label_counts: Training images with each label; None without label noise.
        wrong_counts: Those of them whose label is wrong; None without label noise.
    """
    rows = rows_of(class_names, counts)
    largest, smallest = rows.counts[0], rows.counts[-1]
    total = f"{sum(counts):,} training images"
    sentence = f"{total}: {largest:,} in the largest class, {smallest:,} in the smallest."
    bars = {
        "type": "bar",
        "uid": "counts",
        "x": list(range(len(counts))),
        "y": list(rows.counts),
        "customdata": list(rows.names),
        "marker": {"color": [GROUP_COLOURS[group] for group in rows.groups]},
        "hovertemplate": "%{customdata}: %{y}<extra></extra>",
    }
    data = [bars]
    if label_counts is not None and wrong_counts is not None:
        data.append(_labelled(label_counts, wrong_counts, rows))
        sentence += _read_wrong(label_counts, wrong_counts, rows)
    layout = base_layout(
        margin={"l": 44, "r": 4, "t": 6, "b": 24},
        bargap=0.15 if len(counts) <= 20 else 0,
        xaxis={
            "title": {"text": "classes, head → tail", "standoff": 4},
            "showticklabels": False,
            "fixedrange": True,
        },
        yaxis={
            "rangemode": "tozero",
            "nticks": 4,
            "tickformat": "~s",
            "title": {"text": "images", "standoff": 4},
            "fixedrange": True,
        },
    )
    alt = f"Bar chart of the training images of {len(counts)} classes. {sentence}"
    return Drawing("", sentence, alt, data, layout, COUNTS_HEIGHT)


def _labelled(
    label_counts: tuple[int, ...], wrong_counts: tuple[int, ...], rows: Rows
) -> dict[str, Any]:
    """Return outlined bars of the images with each label, wrong ones among them."""
    return {
        "type": "bar",
        "uid": "labelled",
        "x": list(range(len(label_counts))),
        "y": [label_counts[label] for label in rows.labels],
        "customdata": [
            f"{name}: {wrong_counts[label]:,} wrong of {label_counts[label]:,} with this label"
            for label, name in zip(rows.labels, rows.names, strict=True)
        ],
        "marker": {"color": "rgba(0,0,0,0)", "line": {"color": THEME_TEXT, "width": 1.5}},
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _read_wrong(label_counts: tuple[int, ...], wrong_counts: tuple[int, ...], rows: Rows) -> str:
    """Return how many labels are wrong, in all and in the largest and the smallest class."""
    head, tail = rows.labels[0], rows.labels[-1]
    return (
        f" {sum(wrong_counts):,} labels are wrong: {wrong_counts[head]:,} of the "
        f"{label_counts[head]:,} that say {rows.names[0]}, {wrong_counts[tail]:,} of the "
        f"{label_counts[tail]:,} that say {rows.names[-1]}. Outlined: by label."
    )
