"""How many training images each class will have."""

from __future__ import annotations

from app.figures.classes import rows_of
from app.figures.drawing import GROUP_COLOURS, Drawing, base_layout

COUNTS_HEIGHT = 120  # px: it stands in the side bar


def class_counts(class_names: tuple[str, ...], counts: tuple[int, ...]) -> Drawing:
    """Return bars of the training images of each class, head to tail.

    Args:
        class_names: In label order, at least three.
        counts: Training images of each class, in the same order.
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
    return Drawing("", sentence, alt, [bars], layout, COUNTS_HEIGHT)
