"""Single pictures by their original index, for a page that must not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bikd_core.data.published_source import PublishedSource
from bikd_core.data.sources import Cut, DatasetUnavailable, Pictures, facts_of, source_of


class PicturesUnavailable(DatasetUnavailable):
    """The pictures are not on this machine; the message says how to get them."""


def load_pictures(
    dataset: str, original_indices: Sequence[int] | NDArray[np.integer], data_dir: Path
) -> Pictures:
    """Return the pictures with these n original indices, [n, H, W, channels] in 0 … 255.

    The data set that was read last stays in memory (up to 300 MB).

    Raises:
        ConfigError: There is no such data set.
        PicturesUnavailable: The data set is not in `data_dir`, is damaged, or has no such picture
            (or a cut of it lies there, which lacks one).
    """
    facts = facts_of(dataset)
    try:
        pictures, cut = _all_pictures(dataset, data_dir)
    except DatasetUnavailable as error:
        raise PicturesUnavailable(str(error)) from error
    except FileNotFoundError as error:
        raise PicturesUnavailable(
            f"The pictures of {facts.title} are not in {data_dir}: start a run on it here, which "
            "downloads them, or set BIKD_DATA to a folder that holds them."
        ) from error
    except (ValueError, OSError) as error:
        raise PicturesUnavailable(
            f"The pictures of {facts.title} in {data_dir} are damaged ({error}): delete them and "
            "start a run on it, which downloads them again."
        ) from error
    indices = np.asarray(original_indices, dtype=np.int64)
    if indices.size and not 0 <= indices.min() <= indices.max() < len(pictures):
        raise PicturesUnavailable(
            f"{facts.title} has pictures 0 to {len(pictures) - 1}, "
            f"so there are no pictures {indices.min()} to {indices.max()}."
        )
    if cut is not None and not cut.is_held[indices].all():
        num_missing = int((~cut.is_held[indices]).sum())
        raise PicturesUnavailable(
            f"{data_dir} holds only a cut of {facts.title} ({cut.split}), which lacks "
            f"{num_missing} of these {indices.size} pictures: put the whole data set there."
        )
    return pictures[indices]


def missing_mb(dataset: str, data_dir: Path) -> float:
    """Return the megabytes that a run on a data set downloads first; 0 if it is on this machine.

    Raises:
        ConfigError: There is no such data set.
    """
    source = source_of(dataset)
    is_missing = isinstance(source, PublishedSource) and not source.is_installed(data_dir)
    return source.facts.download_mb if is_missing else 0.0


@lru_cache(maxsize=1)
def _all_pictures(dataset: str, data_dir: Path) -> tuple[Pictures, Cut | None]:
    parts = source_of(dataset).read(data_dir)
    found = [part.pictures for part in parts if part]
    return np.concatenate(found) if len(found) > 1 else found[0], parts.cut
