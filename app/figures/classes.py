"""Rows of classes, head at the top, tail at the bottom; common to all figures by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.figures.drawing import FONT_SIZE, MAX_CLASSES_SHOWN, ROW_HEIGHT
from bikd_core.evaluation import head_to_tail, shot_groups

_MAX_NAME_LENGTH = 12  # characters in an axis label; the whole name is in the hover text


class Rows(NamedTuple):
    """The classes of a run in the order in which they are drawn."""

    labels: tuple[int, ...]  # head to tail
    names: tuple[str, ...]  # in that order, as are the next two
    counts: tuple[int, ...]  # training images
    groups: tuple[str, ...]  # many, medium or few

    @property
    def are_named(self) -> bool:
        """Whether there is room for every class's name."""
        return len(self.labels) <= MAX_CLASSES_SHOWN

    @property
    def are_level(self) -> bool:
        """Whether all classes have as many images, so that none is of the head or the tail."""
        return are_level(self.counts)

    @property
    def left_margin(self) -> int:
        """Pixels for the axis' labels and title."""
        longest = max(map(len, self.tick_labels))
        return 34 + 7 * longest

    @property
    def tick_labels(self) -> tuple[str, ...]:
        """Name and count of each class, or of the first class of each group if there are many."""
        if self.are_named:
            return tuple(
                f"{_short(name)} ({count:,})"
                for name, count in zip(self.names, self.counts, strict=True)
            )
        starts = (self.groups.index(group) for group in ("many", "medium", "few"))
        return tuple(f"{self.groups[start]} ({self.counts[start]:,})" for start in starts)

    @property
    def height(self) -> int:
        """Pixels of a figure with these rows."""
        return 76 + ROW_HEIGHT * (len(self.labels) if self.are_named else 12)


def are_level(class_counts: Sequence[float]) -> bool:
    """Return whether all classes have as many images, so that none is of the head or the tail."""
    return len(set(class_counts)) == 1


def rows_of(class_names: tuple[str, ...], class_counts: tuple[int, ...]) -> Rows:
    """Return the rows, from names and counts in label order."""
    labels = head_to_tail(class_counts)
    groups = shot_groups(class_counts)._asdict()
    group_of = {label: name for name, members in groups.items() for label in members}
    return Rows(
        labels,
        tuple(class_names[label] for label in labels),
        tuple(class_counts[label] for label in labels),
        tuple(group_of[label] for label in labels),
    )


def class_axis(rows: Rows, *, labels_at: float = 0.0) -> dict[str, Any]:
    """Return the y axis: row r is at −r, so that the head is on top; names where they fit.

    Args:
        rows: The classes.
        labels_at: Where in a row its label is, in rows above its base line.
    """
    last = len(rows.labels) - 1
    at = [labels_at - row for row in range(last + 1)]
    if not rows.are_named:
        at = [-rows.groups.index(group) for group in ("many", "medium", "few")]
    title = "class (training images)" if rows.are_named else "classes, head → tail (images)"
    return {
        "range": [-last - 0.6, 0.6],
        "tickmode": "array",
        "tickvals": at,
        "ticktext": list(rows.tick_labels),
        "title": {"text": title, "standoff": 10},
        "zeroline": False,
        "showgrid": False,
    }


def row_values(values: list[str], colour: str, *, at: float = 0.0) -> list[dict[str, Any]]:
    """Return a number in the right margin of each row, `at` rows above its base line."""
    return [
        {
            "text": text,
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 6,
            "y": at - row,
            "yanchor": "middle",
            "showarrow": False,
            "font": {"color": colour, "size": FONT_SIZE},
        }
        for row, text in enumerate(values)
    ]


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[: _MAX_NAME_LENGTH - 1]}…"
