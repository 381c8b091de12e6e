"""Makes a cut of a data set: one small file with just the images of a split."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bikd_core.config import SOURCE_FACTS, ConfigError, DataConfig
from bikd_core.data.counts import num_test_per_class, planned_counts
from bikd_core.data.cut_file import read_cut, write_cut
from bikd_core.data.image_set import as_loaded, load_source
from bikd_core.data.long_tail import make_split
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.sources import source_of


class FinishedCut(NamedTuple):
    """A cut that has been written."""

    path: Path
    num_images: int
    size_bytes: int
    fingerprint: str  # of the split, as a run from the whole data set has it


def make_cut(config: DataConfig, data_dir: Path, folder: Path) -> FinishedCut:
    """Write the cut that holds a split of the data set in `data_dir`, and read it back.

    As the data folder of a run, `folder` then takes the place of `data_dir` for this split, and
    for those inside it.

    Raises:
        ConfigError: The split is not possible, the data set cannot be cut, or `folder` has a cut.
        DatasetUnavailable: The data set can be neither read nor downloaded.
    """
    source = source_of(config.dataset)
    if not isinstance(source, PublishedSource):
        others = [name for name in SOURCE_FACTS if isinstance(source_of(name), PublishedSource)]
        raise ConfigError(
            f"dataset = {config.dataset!r} cannot be cut: it must be one of {', '.join(others)}."
        )
    planned_counts(config)  # before anything is read
    path = folder / source.cut_name
    if path.exists():
        raise ConfigError(f"{path} exists: delete it, or name another folder.")
    loaded = load_source(config.dataset, data_dir)
    split = make_split(loaded, config)
    assert loaded.test is not None
    is_held = np.zeros(len(loaded.pool) + len(loaded.test), dtype=bool)
    for images in (split.train, split.val, split.test):
        is_held[images.original_indices.numpy()] = True
    folder.mkdir(parents=True, exist_ok=True)
    write_cut(path, source.read(data_dir), is_held, _in_words(config))
    again = make_split(as_loaded(config.dataset, read_cut(path)), config)
    assert again.fingerprint == split.fingerprint, "a cut must be lossless"
    return FinishedCut(path, int(is_held.sum()), path.stat().st_size, split.fingerprint)


def take_cut(config: DataConfig, data_dir: Path, folder: Path) -> Path:
    """Copy the cut that lies in `data_dir`, or make one of the data set there; return its path.

    Raises:
        ConfigError: As `make_cut`.
        DatasetUnavailable: As `make_cut`; or the cut that lies there does not hold the split.
    """
    source = source_of(config.dataset)
    existing = data_dir / source.cut_name if isinstance(source, PublishedSource) else None
    if existing is None or not existing.is_file():
        return make_cut(config, data_dir, folder).path
    make_split(as_loaded(config.dataset, read_cut(existing)), config)
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(existing, folder))


def _in_words(config: DataConfig) -> str:
    """Return the controls that say which images a cut holds."""
    controls = {
        "imbalance": config.imbalance,
        "imbalance_factor": f"{config.imbalance_factor:g}",
        "head_count": config.head_count,
        "val_per_class": config.val_per_class,
        "test_per_class": num_test_per_class(config),
        "shuffle_classes": config.shuffle_classes,
        "val_imbalance_factor": config.val_imbalance_factor,
        "val_from": config.val_from,
        "val_reserve": config.val_reserve,
        "split_seed": config.split_seed,
    }
    always = {"imbalance_factor", "val_per_class", "test_per_class", "split_seed"}
    defaults = DataConfig()
    return ", ".join(
        f"{name} = {value}"
        for name, value in controls.items()
        if name in always or value != getattr(defaults, name)
    )
