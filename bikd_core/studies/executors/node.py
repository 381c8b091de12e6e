"""What a node of a cluster does: it unpacks what a run needs, once, and does the work."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from bikd_core.config import AllowedCode, allow_code
from bikd_core.places import Places
from bikd_core.store.files import replace_bytes
from bikd_core.studies.executors.executor import Work
from bikd_core.studies.executors.work import use_one_thread
from bikd_core.studies.made_by import own_versions as versions

__all__ = ["Done", "Order", "do", "forget", "in_words", "refusal", "versions"]


class Order(NamedTuple):
    """What a node is to do."""

    work: Work[Any]
    item: Any
    home: str  # the name of the folder in which all that travels here is unpacked
    versions: Mapping[str, str]  # that the node must have
    has_gpu: bool
    returns_teachers: bool  # whether the result is the names of teachers, which are sent back
    code: AllowedCode = AllowedCode()  # that the node may import; the node must have it


class Done(NamedTuple):
    """What came of it."""

    result: Any
    teachers: Mapping[str, bytes]  # files by their name
    refusal: str = ""  # why nothing was done; "" if it was


def do(order: Order, parcel: Mapping[str, list[Any]]) -> Done:
    """Do what is ordered.

    Args:
        order: The order.
        parcel: By its path below the home, the reference to each file that it needs, in a list.
    """
    if said := refusal(platform.node(), versions(), order.versions):
        return Done(None, {}, said)
    if not order.has_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    use_one_thread()
    allow_code(*order.code)
    home = _home(order.home)
    places = Places.at(home)
    os.environ.update(places.as_environment())  # there it looks for the facts of own pictures
    for name, (reference,) in parcel.items():
        _unpack(home / name, reference)
    result = order.work(order.item, places)
    teachers: dict[str, bytes] = {}
    if order.returns_teachers:
        for name in result:
            for ending in (".safetensors", ".json"):  # the card last: it promises the weights
                path = places.teachers / f"{name}{ending}"
                if path.exists():  # else it came with the project
                    teachers[path.name] = path.read_bytes()
    return Done(result, teachers)


def forget(home: str) -> None:
    """Remove what has travelled here."""
    shutil.rmtree(_home(home), ignore_errors=True)


def _home(name: str) -> Path:
    return Path(tempfile.gettempdir()) / name


def _unpack(path: Path, reference: Any) -> None:
    if path.exists():
        return
    import ray

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            replace_bytes(path, ray.get(reference))


def refusal(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Return why a node with these versions is refused; "" if it is not."""
    if found == wanted:
        return ""
    return (
        f"ray is not possible with the node {name}: it has {in_words(found)}, and this machine has "
        f"{in_words(wanted)}; both must be the same, or the numbers would not be."
    )


def in_words(versions: Mapping[str, str]) -> str:
    """Return versions in words."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())
