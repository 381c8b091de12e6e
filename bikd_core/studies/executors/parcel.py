"""The files that runs need on another machine: data sets, and teachers that do not come with us.

Own pictures are among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from bikd_core.config import DataConfig, RunConfig, is_own, is_read_by
from bikd_core.data.own.cache import CACHE, own_folder
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.sources import source_of
from bikd_core.places import Places
from bikd_core.teachers.card import TeacherCard, TeacherError, read_card

_ENDINGS = (".safetensors", ".json")  # a card promises its weights, so it travels last


def files_for(configs: Iterable[RunConfig], places: Places) -> dict[str, Path]:
    """Return the files on this machine that runs need, by their path below a home."""
    found: dict[str, Path] = {}
    for config in configs:
        found |= _data_files(config.data.dataset, places.data)
        if is_read_by("teacher", config.flat()):
            for stem in _teachers(config, places.teachers):
                for ending in _ENDINGS:
                    found[f"teachers/{stem}{ending}"] = places.teachers / f"{stem}{ending}"
    return found


def _data_files(dataset: str, folder: Path) -> dict[str, Path]:
    """Return the files of a data set in a folder: those of the whole set, or its cut."""
    if is_own(dataset):
        return {f"data/own/{dataset}/{name}": own_folder(folder) / dataset / name for name in CACHE}
    source = source_of(dataset)
    if not isinstance(source, PublishedSource):
        return {}  # it comes with a package
    whole = {f"data/{name}": folder / name for name in source.files}
    if all(path.is_file() for path in whole.values()):
        return whole
    cut = folder / source.cut_name
    return {f"data/{source.cut_name}": cut} if cut.is_file() else {}


def _teachers(config: RunConfig, folder: Path) -> list[str]:
    """Return the names of stored teachers that are a run's, by their cards."""
    if config.models.teacher != "auto":
        named = folder / f"{config.models.teacher}.json"
        return [config.models.teacher] if named.exists() else []
    own = (config.models.teacher_model, split_of(config.data))
    cards = ((path.stem, _card(path)) for path in sorted(folder.glob("*.json")))
    return [name for name, card in cards if card and (card.model, split_of(card.data)) == own]


def split_of(data: DataConfig) -> DataConfig:
    """Return a split with the same training images: what alters D_val alone is left out."""
    changes = {"val_per_class": data.num_reserved, "val_reserve": 0}
    return data.with_plain_val.model_copy(update=changes)


@cache
def _card(path: Path) -> TeacherCard | None:
    try:
        return read_card(path)
    except TeacherError:  # a damaged one hides no other
        return None
