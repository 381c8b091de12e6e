"""What somebody's own pictures hold, before anything trains: counts, broken files, duplicates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from bikd_core.config import SourceFacts
from bikd_core.data.own.cache import mapped, read_index, read_names
from bikd_core.data.own.duplicates import Kind, duplicates
from bikd_core.data.own.listing import SPLITS, Split


class ClassRow(NamedTuple):
    """One class and its pictures in each split that is there."""

    name: str
    label: int
    train: int
    test: int
    val: int

    @property
    def total(self) -> int:
        """The pictures of all splits."""
        return self.train + self.test + self.val


class Duplicate(NamedTuple):
    """Two files that hold the same picture, or nearly."""

    first: str
    second: str
    kind: Kind
    splits: tuple[Split, Split]
    class_names: tuple[str, str]

    @property
    def is_leak(self) -> bool:
        """Whether it lies in two splits, so that what is tested was trained on."""
        return self.splits[0] != self.splits[1]

    @property
    def has_two_labels(self) -> bool:
        """Whether one of the two labels must be wrong."""
        return self.class_names[0] != self.class_names[1]


class Preview(NamedTuple):
    """All of it."""

    dataset: str
    facts: SourceFacts
    classes: tuple[ClassRow, ...]  # head → tail, by pictures to train on
    set_aside: tuple[tuple[str, str], ...]  # name, and why it is not among the pictures
    num_set_aside: int
    duplicates: tuple[Duplicate, ...]  # leaks first, then pictures with two labels

    def num_duplicates(self, which: Literal["leak", "two_labels"] | Kind) -> int:
        """Return how many duplicates are of a kind."""
        return sum(
            {"leak": each.is_leak, "two_labels": each.has_two_labels}.get(which, which == each.kind)
            for each in self.duplicates
        )

    def as_data(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "title": self.facts.title,
            "size": self.facts.size,
            "channels": self.facts.channels,
            "classes": [row._asdict() for row in self.classes],
            "set_aside": [list(pair) for pair in self.set_aside],
            "num_set_aside": self.num_set_aside,
            "duplicates": [each._asdict() | {"is_leak": each.is_leak} for each in self.duplicates],
        }


def preview(dataset: str, data_dir: Path) -> Preview:
    """Look at opened pictures.

    Raises:
        FileNotFoundError: They are not opened in this data folder.
        ValueError: Their cache is damaged.
    """
    index = read_index(dataset, data_dir)
    if index is None:
        raise FileNotFoundError(f"{dataset} is not in {data_dir}")
    facts = index.facts
    return Preview(
        dataset,
        facts,
        _classes(facts),
        index.set_aside,
        index.num_set_aside,
        _duplicates(dataset, data_dir),
    )


def _classes(facts: SourceFacts) -> tuple[ClassRow, ...]:
    none = (0,) * facts.num_classes
    columns = (facts.pool_of_each, facts.test_counts or none, facts.val_counts or none)
    rows = [
        ClassRow(name, label, *(column[label] for column in columns))
        for label, name in enumerate(facts.class_names)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.train, row.label)))


def _duplicates(dataset: str, data_dir: Path) -> tuple[Duplicate, ...]:
    index = read_index(dataset, data_dir)
    assert index is not None
    facts = index.facts
    names = read_names(dataset, data_dir)
    counts = (facts.pool_counts, facts.test_counts, facts.val_counts)
    split_ends = np.cumsum([sum(each) for each in counts])
    classes = np.arange(facts.num_classes)
    labels = np.concatenate([np.repeat(classes, each) for each in counts if each])

    def duplicate(first: int, second: int, kind: Kind) -> Duplicate:
        where = np.searchsorted(split_ends, [first, second], side="right")
        one, other = (facts.class_names[labels[index]] for index in (first, second))
        splits = (SPLITS[where[0]], SPLITS[where[1]])
        return Duplicate(names[first], names[second], kind, splits, (one, other))

    found = [duplicate(*pair) for pair in duplicates(mapped(dataset, data_dir, index))]
    return tuple(sorted(found, key=lambda each: (not each.is_leak, not each.has_two_labels)))
