"""The files of torchvision's data sets: found in the data folder, else downloaded; parsed whole.

torchvision's classes know where the files are published and what their checksums are, unpack and
parse them. Fetching is our own: it reports its progress, and leaves either a whole set or nothing.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bikd_core.data.facts import DatasetFacts, facts_of

Progress = Callable[[int, int], None]  # bytes done, bytes in all
_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 18


class DatasetUnavailable(ValueError):
    """A data set can be neither read nor downloaded; the message says what to do."""


class Labelled(NamedTuple):
    """The images of one file, or group of files, in its order."""

    images: Tensor  # uint8 [N, channels, H, W]
    labels: Tensor  # int64 [N]

    @classmethod
    def of(cls, pictures: Any, labels: Any) -> Labelled:
        """From arrays: pictures [N, H, W, channels] or [N, H, W], labels [N]."""
        images = torch.as_tensor(pictures)
        images = images.unsqueeze(-1) if images.ndim == 3 else images
        return cls(images.permute(0, 3, 1, 2).contiguous(), torch.as_tensor(labels))


class _Archive(NamedTuple):
    url: str
    path: str  # below the data folder
    md5: str


class _Published(NamedTuple):
    kind: Any  # torchvision's class
    archives: tuple[_Archive, ...]  # as they are downloaded
    files: tuple[str, ...]  # as they are read, below the data folder

    @property
    def top(self) -> str:
        """What lies in the data folder itself, in words."""
        return " and ".join(dict.fromkeys(file.split("/")[0] for file in self.files))


def read_or_download(
    dataset: str, data_dir: Path, on_progress: Progress | None
) -> tuple[Labelled, Labelled]:
    """The training and the test part; arguments and errors as `sources.load_source`."""
    published, facts = _published(dataset), facts_of(dataset)
    if all((data_dir / file).is_file() for file in published.files):
        try:
            train, test = _parse(published, data_dir)
        # All that torchvision's readers raise for a file that is cut off or is another's.
        except (RuntimeError, ValueError, TypeError, AssertionError, OSError) as error:
            raise _damaged(facts.title, data_dir, published) from error
    else:
        try:
            train, test = _fetch(published, facts, data_dir, on_progress)
        except (OSError, http.client.HTTPException) as error:
            raise DatasetUnavailable(
                f"{facts.title} is not in {data_dir} and could not be downloaded there "
                f"({getattr(error, 'reason', error)}): connect this machine to the network, or "
                f"set BIKD_DATA to a folder that holds {published.top}."
            ) from error
    if not (
        _is_whole(train, facts, facts.pool_per_class)
        and _is_whole(test, facts, facts.default_test_per_class)
    ):
        raise _damaged(facts.title, data_dir, published)
    return train, test


def _published(dataset: str) -> _Published:
    from torchvision import datasets  # takes seconds, and the digits do without

    if dataset == "svhn":
        archives = [_Archive(*datasets.SVHN.split_list[part]) for part in ("train", "test")]
        return _Published(datasets.SVHN, tuple(archives), tuple(a.path for a in archives))
    if dataset in ("cifar10", "cifar100"):
        kind = datasets.CIFAR10 if dataset == "cifar10" else datasets.CIFAR100
        names = [name for name, _ in kind.train_list + kind.test_list] + [kind.meta["filename"]]
        archive = _Archive(kind.url, kind.filename, kind.tgz_md5)
        return _Published(kind, (archive,), tuple(f"{kind.base_folder}/{name}" for name in names))
    kind = {"fashion_mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}[dataset]
    archives = [
        _Archive(kind.mirrors[0] + name, f"{kind.__name__}/raw/{name}", md5)
        for name, md5 in kind.resources
    ]
    return _Published(kind, tuple(archives), tuple(a.path.removesuffix(".gz") for a in archives))


def _parse(published: _Published, folder: Path, *, unpack: bool = False) -> list[Labelled]:
    """The two parts in `folder`; `unpack` also takes the archives there, whose sums are right."""
    if published.kind.__name__ == "SVHN":
        parts = [published.kind(folder, part, download=unpack) for part in ("train", "test")]
        return [Labelled.of(part.data.transpose(0, 2, 3, 1), part.labels) for part in parts]
    parts = [published.kind(folder, is_train, download=unpack) for is_train in (True, False)]
    return [Labelled.of(part.data, part.targets) for part in parts]


def _is_whole(part: Labelled, facts: DatasetFacts, rarest: int) -> bool:
    """Whether shape, classes and rarest class are right: not every format has a checksum."""
    counts = part.labels.bincount(minlength=facts.num_classes)
    shape = (len(part.labels), facts.channels, facts.size, facts.size)
    return (
        part.images.shape == shape
        and len(counts) == facts.num_classes
        and int(counts.min()) == rarest
    )


def _damaged(title: str, data_dir: Path, published: _Published) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"{title} in {data_dir} is damaged, a file is cut off or is not the published one: "
        f"delete {published.top} there, and it is downloaded anew."
    )


def _fetch(
    published: _Published, facts: DatasetFacts, data_dir: Path, on_progress: Progress | None
) -> list[Labelled]:
    """Parse the set from archives that lie in the folder or the network, and keep it there.

    All is done in a folder aside; only the files of a set that was read whole are moved out of it.
    """
    expected, done = round(facts.download_mb * 1e6), 0

    def report(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        if on_progress is not None:
            on_progress(done, max(done, expected))

    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=data_dir) as aside:
        for archive in published.archives:
            target = Path(aside, archive.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_or_download(archive, data_dir / archive.path, target, report)
        parts = _parse(published, Path(aside), unpack=True)
        for file in published.files:
            (data_dir / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(aside, file), data_dir / file)
    return parts


def _copy_or_download(
    archive: _Archive, stored: Path, target: Path, report: Callable[[int], None]
) -> None:
    if stored.is_file():
        shutil.copyfile(stored, target)
        report(target.stat().st_size)
        trouble = f"{stored} is cut off or is not the published file: delete it"
    else:
        _download(archive.url, target, report)
        trouble = f"The download of {stored.name} broke off or was changed on the way: try again"
    with target.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    if md5.hexdigest() != archive.md5:
        raise DatasetUnavailable(f"{trouble}, or put the right file there.")


def _download(url: str, target: Path, report: Callable[[int], None]) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "bikd"})
    with (
        urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response,
        target.open("wb") as file,
    ):
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            report(len(chunk))
