"""Opened pictures as a data source, like the published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bikd_core.config import SourceFacts, is_own, known_facts
from bikd_core.data.own.cache import mapped, read_index
from bikd_core.data.source import DatasetUnavailable, Labelled, Parts, Pictures, Progress
from bikd_core.places import Places


class OwnSource:
    """Pictures that were opened: their cache, mapped into memory."""

    def __init__(self, dataset: str, facts: SourceFacts) -> None:
        self.facts = facts
        self._dataset = dataset

    def read(self, data_dir: Path) -> Parts:
        """Return the pictures; they stay on the disk until they are used.

        Raises:
            FileNotFoundError: They were not opened into this data folder.
            ValueError: The cache is damaged.
        """
        index = read_index(self._dataset, data_dir)
        if index is None:
            raise FileNotFoundError(f"{self._dataset} is not in {data_dir}")
        pictures = mapped(self._dataset, data_dir, index)
        facts = index.facts
        parts: list[Labelled | None] = []
        start = 0
        for counts in (facts.pool_counts, facts.test_counts, facts.val_counts):
            end = start + sum(counts)
            parts.append(_labelled(pictures[start:end], counts) if counts else None)
            start = end
        pool, test, val = parts
        assert pool is not None
        return Parts(pool, test, val)

    def load(self, data_dir: Path, on_progress: Progress | None = None) -> Parts:
        """Return the pictures: there is nothing to download.

        Raises:
            DatasetUnavailable: They were not opened into this data folder, or are damaged.
        """
        try:
            return self.read(data_dir)
        except FileNotFoundError as error:
            raise DatasetUnavailable(
                f"The pictures {self.facts.title!r} are not in {data_dir}: open them there again "
                "(bikd data look)."
            ) from error
        except (ValueError, OSError) as error:
            raise DatasetUnavailable(f"{error}.") from error


def _labelled(pictures: Pictures, counts: tuple[int, ...]) -> Labelled:
    """Return a split, whose pictures lie class by class."""
    return Labelled(pictures, np.repeat(np.arange(len(counts)), counts))


def own_facts(dataset: str) -> SourceFacts | None:
    """Return the facts of opened pictures; None if they are not on this machine.

    They are those that this process has met, else those in the data folder of the environment.
    """
    if not is_own(dataset):
        return None
    if found := known_facts(dataset):
        return found
    index = read_index(dataset, Places.from_environment().data)
    return index.facts if index else None
