"""The data sets, one file each. A new file is a new source."""

from __future__ import annotations

from importlib import import_module

from bikd_core.config import SOURCE_FACTS, ConfigError, SourceFacts
from bikd_core.data.source import (
    Cut,
    DatasetUnavailable,
    Labelled,
    Parts,
    Pictures,
    Progress,
    Source,
)

__all__ = [
    "Cut",
    "DatasetUnavailable",
    "Labelled",
    "Parts",
    "Pictures",
    "Progress",
    "Source",
    "facts_of",
    "source_of",
]


def facts_of(dataset: str) -> SourceFacts:
    """Return the facts of a data set.

    Raises:
        ConfigError: There is no such data set.
    """
    if dataset not in SOURCE_FACTS:
        raise ConfigError(
            f"dataset = {dataset!r} is not possible: it must be one of {', '.join(SOURCE_FACTS)}."
        )
    return SOURCE_FACTS[dataset]


def source_of(dataset: str) -> Source:
    """Return the source of a data set.

    Raises:
        ConfigError: There is no such data set.
    """
    facts_of(dataset)
    source: Source = import_module(f"{__name__}.{dataset}").SOURCE
    return source
