"""The cache of opened pictures: one folder of the data folder, whole or absent.

    own/NAME/pictures.u8    uint8 [N, S, S, c], in memory by mmap; pool, then test, D_val
    own/NAME/names.json     the N names of the files, in the same order
    own/NAME/index.json     the facts, what was set aside, where it came from; written last
    own/opened/KEY.json     what a place held when it was opened: so a second opening reads nothing

NAME ends in a hash of all pictures, classes and splits, so these never change; names and index are
those of the last opening.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from bikd_core.config import SourceFacts, check_own_facts, is_own, known_facts, remember_facts

#: The files of a cache; the last one promises the others.
CACHE = ("pictures.u8", "names.json", "index.json")
_CHUNK_BYTES = 16 * 2**20
_NAME = re.compile(r"[^a-z0-9]+")
_DESCRIBING = ("names.json", "index.json")  # in the order in which they are replaced


class Index(BaseModel):
    """The content of `index.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    facts: SourceFacts
    place: (
        str  # where the pictures lay when they were opened; only to a cluster it travels, with them
    )
    #: Names of files that are not among the pictures, each with the reason; the first ones.
    set_aside: tuple[tuple[str, str], ...]
    num_set_aside: int

    @property
    def num_pictures(self) -> int:
        """N, of all splits."""
        facts = self.facts
        return sum(map(sum, (facts.pool_counts, facts.test_counts, facts.val_counts)))


def own_folder(data_dir: Path) -> Path:
    """Return the folder of all caches in a data folder."""
    return data_dir / "own"


def read_index(dataset: str, data_dir: Path) -> Index | None:
    """Return the index of opened pictures, and make their facts known; None if they are not here.

    Raises:
        ValueError: The index is damaged.
    """
    path = own_folder(data_dir) / dataset / "index.json"
    if not is_own(dataset) or not path.is_file():
        return None
    try:
        index = Index.model_validate_json(path.read_bytes())
        check_own_facts(index.facts)
    except ValidationError as error:
        raise ValueError(f"{path} is damaged: delete its folder and open the pictures again") from (
            error
        )
    remember_facts(dataset, index.facts)
    return index


def own_datasets(data_dir: Path) -> dict[str, SourceFacts]:
    """Return the facts of all own pictures in a data folder, by name; damaged ones are left out."""
    found = {}
    for path in sorted(own_folder(data_dir).glob("own_*/index.json")):
        name = path.parent.name
        facts = known_facts(name)
        if facts is None:
            try:
                index = read_index(name, data_dir)
            except ValueError:  # whoever opens it is told
                continue
            facts = index.facts if index else None
        if facts is not None:
            found[name] = facts
    return found


def read_names(dataset: str, data_dir: Path) -> list[str]:
    """Return the names of the files of opened pictures, by original index."""
    path = own_folder(data_dir) / dataset / "names.json"
    names: list[str] = json.loads(path.read_bytes())
    return names


def mapped(dataset: str, data_dir: Path, index: Index) -> NDArray[np.uint8]:
    """Return all pictures, [N, S, S, channels], mapped from the file.

    Raises:
        FileNotFoundError: The cache is not there.
        ValueError: The file has another size.
    """
    path = own_folder(data_dir) / dataset / "pictures.u8"
    facts = index.facts
    shape = (index.num_pictures, facts.size, facts.size, facts.channels)
    if path.stat().st_size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path} is cut off: delete its folder and open the pictures again")
    return np.memmap(path, dtype=np.uint8, mode="r", shape=shape)


@contextmanager
def unfinished(data_dir: Path) -> Iterator[Path]:
    """Hold a folder for a cache that is being written; what is still in it at the end is removed.

    Raises:
        OSError: The data folder cannot be written.
    """
    folder = own_folder(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=folder) as temporary:
        yield Path(temporary)


def publish(temporary: Path, index: Index, names: list[str], data_dir: Path) -> str:
    """Write the rest of a cache beside its `pictures.u8`, move it into place, return its name."""
    facts = index.facts
    dataset = f"own_{_short(facts.title)}_{_content_hash(temporary / 'pictures.u8', facts)}"
    (temporary / "names.json").write_text(json.dumps(names), encoding="utf-8")
    (temporary / "index.json").write_text(index.model_dump_json(), encoding="utf-8")
    target = own_folder(data_dir) / dataset
    if (target / "index.json").is_file():
        # The same pictures, perhaps under other names or with other files left out beside them.
        written = [name for name in _DESCRIBING if _differs(temporary / name, target / name)]
        for name in written:
            (temporary / name).replace(target / name)
        if written:
            _forget_openings(dataset, data_dir)
    else:
        shutil.rmtree(target, ignore_errors=True)  # a damaged one
        temporary.rename(target)
        temporary.mkdir()  # what holds it removes it
    remember_facts(dataset, facts)
    return dataset


def _short(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _NAME.sub("_", plain).strip("_")[:20].strip("_") or "pictures"


def _content_hash(path: Path, facts: SourceFacts) -> str:
    """Return 12 hex digits for the pictures, their classes and their splits."""
    counts = (facts.pool_counts, facts.test_counts, facts.val_counts)
    head = (facts.class_names, counts, facts.size, facts.channels)
    digest = hashlib.sha256(json.dumps(head).encode())
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:12]


def opened_before(key: str, data_dir: Path) -> str | None:
    """Return the name under which a place was opened, if that cache is there and whole."""
    path = own_folder(data_dir) / "opened" / f"{key}.json"
    try:
        dataset = json.loads(path.read_bytes())
        if not isinstance(dataset, str) or not is_own(dataset):
            return None
        index = read_index(dataset, data_dir)
        if index is None:
            return None
        mapped(dataset, data_dir, index)
    except (OSError, ValueError):  # no such opening, or a damaged cache: it is made anew
        return None
    return dataset


def _differs(new: Path, old: Path) -> bool:
    return not old.is_file() or new.read_bytes() != old.read_bytes()


def _forget_openings(dataset: str, data_dir: Path) -> None:
    """Forget the openings of a data set whose description is now that of another opening."""
    for path in (own_folder(data_dir) / "opened").glob("*.json"):
        if path.read_bytes() == json.dumps(dataset).encode():
            path.unlink(missing_ok=True)


def note_opening(key: str, dataset: str, data_dir: Path) -> None:
    """Remember what a place held; `key` is the fingerprint of its files and the size."""
    folder = own_folder(data_dir) / "opened"
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".incomplete", delete=False) as file:
        file.write(json.dumps(dataset))
    os.replace(file.name, folder / f"{key}.json")
