"""Miniatures of torchvision's data sets in their true file formats, and a server on loopback."""

import functools
import gzip
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bikd_core.config import SOURCE_FACTS, SourceFacts
from bikd_core.data import pictures, published_source
from bikd_core.data.sources import source_of

TRAIN_PER_CLASS, TEST_PER_CLASS = 4, 2  # of the rarest class
NAMES = ("fashion_mnist", "kmnist", "svhn", "cifar10", "cifar100")


@dataclass(frozen=True)
class Tiny:
    """A miniature that counts as the published set while the test runs."""

    facts: SourceFacts
    unpacked: Path  # a data folder that holds the set
    archives: Path  # a folder that holds what is downloaded
    first_archive: Path  # where torchvision keeps it in the data folder, relative
    pictures: NDArray[np.uint8]  # [N, H, W, channels], training part first
    labels: NDArray[np.int64]  # [N]
    num_train: int


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the one where the operating system's packages put data sets."""
    monkeypatch.setattr(published_source, "PACKAGES", tmp_path / "packages")
    return tmp_path / "packages"


@pytest.fixture
def make_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Tiny]:
    pictures._all_pictures.cache_clear()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return functools.partial(_make_tiny, tmp_path, monkeypatch)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder on loopback; returns its URL."""
    servers = []

    def start(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def publish_at(monkeypatch: pytest.MonkeyPatch, dataset: str, url: str) -> None:
    """Make torchvision state that the data set is published at this URL."""
    kind = torchvision_class(dataset)
    if dataset == "svhn":
        parts = {key: [url + name, name, md5] for key, (_, name, md5) in kind.split_list.items()}
        monkeypatch.setattr(kind, "split_list", parts)
    elif dataset.startswith("cifar"):
        monkeypatch.setattr(kind, "url", url + kind.filename)
    else:
        monkeypatch.setattr(kind, "mirrors", [url])


def torchvision_class(dataset: str):
    from torchvision import datasets

    return getattr(datasets, source_of(dataset).torchvision_class)


def change_source(monkeypatch: pytest.MonkeyPatch, dataset: str, **changes: object) -> None:
    """Let a source have other facts or other checksums."""
    changed = replace(source_of(dataset), **changes)
    monkeypatch.setattr(f"bikd_core.data.sources.{dataset}.SOURCE", changed)


def _make_tiny(folder: Path, monkeypatch: pytest.MonkeyPatch, dataset: str) -> Tiny:
    sizes = {"pool_per_class": TRAIN_PER_CLASS, "default_test_per_class": TEST_PER_CLASS}
    facts = SOURCE_FACTS[dataset].model_copy(update=sizes)
    monkeypatch.setitem(SOURCE_FACTS, dataset, facts)
    change_source(monkeypatch, dataset, facts=facts)
    publish_at(monkeypatch, dataset, "http://127.0.0.1:9/")  # nobody listens there
    rng = np.random.default_rng(0)
    train = rng.permutation(np.repeat(np.arange(facts.num_classes), TRAIN_PER_CLASS))
    test = rng.permutation(np.repeat(np.arange(facts.num_classes), TEST_PER_CLASS))
    if dataset == "svhn":  # as in the published set, some classes have more
        train, test = np.append(train, [1, 1, 2]), np.append(test, [1, 2])
    labels = np.concatenate([train, test])
    shape = (len(labels), facts.size, facts.size, facts.channels)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    unpacked, archives = folder / "unpacked", folder / "archives"
    archives.mkdir()
    write = {"svhn": _write_svhn, "cifar10": _write_cifar, "cifar100": _write_cifar}
    first = write.get(dataset, _write_idx)(
        torchvision_class(dataset), monkeypatch, unpacked, archives, images, labels, len(train)
    )
    return Tiny(facts, unpacked, archives, Path(first), images, labels, len(train))


def _write_idx(kind, monkeypatch, unpacked, archives, images, labels, num_train) -> str:
    raw = unpacked / kind.__name__ / "raw"
    raw.mkdir(parents=True)
    parts = {"train": slice(None, num_train), "t10k": slice(num_train, None)}
    resources = []
    for name, _ in kind.resources:
        rows = parts[name.split("-")[0]]
        array = images[rows, ..., 0] if "images" in name else labels[rows].astype(np.uint8)
        header = np.array([0x800 + array.ndim, *array.shape], dtype=">i4").tobytes()
        (raw / name.removesuffix(".gz")).write_bytes(header + array.tobytes())
        (archives / name).write_bytes(gzip.compress(header + array.tobytes()))
        resources.append((name, _md5(archives / name)))
    monkeypatch.setattr(kind, "resources", resources)
    return f"{kind.__name__}/raw/{resources[0][0]}"


def _write_svhn(kind, monkeypatch, unpacked, archives, images, labels, num_train) -> str:
    from scipy.io import savemat

    unpacked.mkdir()
    parts, files = dict(kind.split_list), {}
    for part, rows in {"train": slice(None, num_train), "test": slice(num_train, None)}.items():
        url, name, _ = parts[part]
        values = {
            "X": images[rows].transpose(1, 2, 3, 0),
            "y": np.where(labels[rows] == 0, 10, labels[rows])[:, None],  # SVHN calls the zero 10
        }
        savemat(unpacked / name, values, do_compression=True)
        (archives / name).write_bytes((unpacked / name).read_bytes())
        parts[part] = [url, name, _md5(unpacked / name)]
        files[f"{part}_files"] = {name: parts[part][2]}
    monkeypatch.setattr(kind, "split_list", parts)
    change_source(monkeypatch, "svhn", **files)
    return "train_32x32.mat"


def _write_cifar(kind, monkeypatch, unpacked, archives, images, labels, num_train) -> str:
    base = unpacked / kind.base_folder
    base.mkdir(parents=True)
    key = "labels" if kind.__name__ == "CIFAR10" else "fine_labels"
    lists, where = {"train_list": [], "test_list": []}, np.arange(len(labels))
    pieces = [*np.array_split(where[:num_train], len(kind.train_list)), where[num_train:]]
    for (name, _), rows in zip(kind.train_list + kind.test_list, pieces, strict=True):
        planes = images[rows].transpose(0, 3, 1, 2).reshape(len(rows), -1)
        (base / name).write_bytes(_python2({"data": planes, key: labels[rows].tolist()}))
        entry = [name, _md5(base / name)]
        lists["test_list" if "test" in name else "train_list"].append(entry)
    names = {kind.meta["key"]: [f"class {label}" for label in range(labels.max() + 1)]}
    meta = base / kind.meta["filename"]
    meta.write_bytes(_python2(names))
    with tarfile.open(archives / kind.filename, "w:gz") as tar:
        tar.add(base, kind.base_folder)
    for name, value in lists.items():
        monkeypatch.setattr(kind, name, value)
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": _md5(meta)})
    monkeypatch.setattr(kind, "tgz_md5", _md5(archives / kind.filename))
    files = {
        part.replace("list", "files"): {f"{kind.base_folder}/{name}": md5 for name, md5 in entries}
        for part, entries in lists.items()
    }
    change_source(monkeypatch, kind.__name__.lower(), **files)
    return kind.filename


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def _python2(values: object) -> bytes:
    """A pickle as Python 2 wrote it: CIFAR's texts are byte strings."""
    file = io.BytesIO()
    _Python2Pickler(file, protocol=2).dump(values)
    return file.getvalue()


class _Python2Pickler(pickle._Pickler):
    def save_string(self, value: str | bytes) -> None:
        raw = value.encode("ascii") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
        self.memoize(value)

    dispatch = {**pickle._Pickler.dispatch, str: save_string, bytes: save_string}  # noqa: RUF012
