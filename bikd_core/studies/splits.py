"""Whether each seed has a split of its own, or all seeds share one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from bikd_core.config import ConfigError, RunConfig, is_read_by

#: follow: the split of a run is its seed's. fixed: that of the control `split_seed`, for all runs.
Splits = Literal["follow", "fixed"]
SPLITS: tuple[str, ...] = get_args(Splits)


def split_controls(splits: Splits, seed: int) -> dict[str, Any]:
    """Return the controls that decide the split of a run with this seed, besides the base's."""
    return {"split_seed": seed} if splits == "follow" else {}


def check_splits(splits: str, seeds: Iterable[int], configs: Iterable[RunConfig]) -> None:
    """Check that these runs can have their splits.

    Args:
        splits: One of `SPLITS`.
        seeds: The seeds of the runs.
        configs: The config of each entry with one of the seeds.

    Raises:
        ConfigError: There is no such choice, or a teacher of one split is named for several.
    """
    if splits not in SPLITS:
        raise ConfigError(f"splits = {splits[:80]!r} is not possible: it must be follow or fixed.")
    if splits == "fixed" or len(set(seeds)) < 2:
        return
    for config in configs:
        if config.models.teacher != "auto" and is_read_by("teacher", config.flat()):
            raise ConfigError(
                f"teacher = {config.models.teacher!r} is not possible with splits = 'follow': a "
                "teacher belongs to one split; leave it out, or give --splits fixed."
            )


def check_split_seed(splits: str, given: Mapping[str, Any]) -> None:
    """Check that a given `split_seed` is read.

    Raises:
        ConfigError: The splits follow the seeds.
    """
    if splits == "follow" and "split_seed" in given:
        raise ConfigError(
            f"split_seed = {given['split_seed']} is not possible with splits = 'follow': the split "
            "of each run is its seed's; give --splits fixed."
        )
