"""The data sets, one file each. A new file is a new source; own pictures are sources too."""

from __future__ import annotations

from importlib import import_module

from bikd_core.config import FOLDER_PREFIX, SOURCE_FACTS, ConfigError, SourceFacts, is_own
from bikd_core.data.own.source import OwnSource, own_facts
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
    if dataset in SOURCE_FACTS:
        return SOURCE_FACTS[dataset]
    if facts := own_facts(dataset):
        return facts
    if dataset.startswith(FOLDER_PREFIX) or is_own(dataset):
        raise ConfigError(
            f"dataset = {dataset[:80]!r} is not possible: these pictures are not opened on this "
            "machine; bikd data look FOLDER opens them."
        )
    raise ConfigError(
        f"dataset = {dataset!r} is not possible: it must be one of {', '.join(SOURCE_FACTS)}, or "
        "folder:PATH for your own pictures."
    )


def source_of(dataset: str) -> Source:
    """Return the source of a data set.

    Raises:
        ConfigError: There is no such data set.
    """
    facts = facts_of(dataset)
    if is_own(dataset):
        return OwnSource(dataset, facts)
    source: Source = import_module(f"{__name__}.{dataset}").SOURCE
    return source
