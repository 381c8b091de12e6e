"""Single pictures by their original index, for a page that must not import torch."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import pickle
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bikd_core.data.facts import facts_of

Pictures = NDArray[np.uint8]  # [N, H, W, channels]

# The files in the order of the original indices, as torchvision lays them out, with the checksums
# that torchvision knows. The unpacked files of the last two have none.
_CHECKED_FILES = {
    "cifar10": {
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    },
    "cifar100": {
        "cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d",
        "cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
    "svhn": {
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    },
}
_IDX_FOLDERS = {"fashion_mnist": "FashionMNIST/raw", "kmnist": "KMNIST/raw"}


class PicturesUnavailable(Exception):
    """The pictures are not on this machine; the message says how to get them."""


def load_pictures(
    dataset: str, original_indices: Sequence[int] | NDArray[np.integer], data_dir: Path
) -> Pictures:
    """The pictures with these original indices, [n, H, W, channels] in 0 … 255.

    The last data set that was read stays in memory (up to 300 MB).

    Raises:
        ConfigError: There is no such data set.
        PicturesUnavailable: The data set is not in `data_dir`, is damaged, or has no such picture.
    """
    facts = facts_of(dataset)
    try:
        pictures = _read_all(dataset, data_dir)
    except FileNotFoundError as error:
        raise PicturesUnavailable(
            f"The pictures of {facts.title} are not in {data_dir}: start a run on it here, which "
            "downloads them, or set BIKD_DATA to a folder that holds them."
        ) from error
    except (ValueError, OSError) as error:
        raise PicturesUnavailable(
            f"The pictures of {facts.title} in {data_dir} are damaged ({error}): delete them and "
            "start a run on it, which downloads them anew."
        ) from error
    indices = np.asarray(original_indices, dtype=np.int64)
    if indices.size and not 0 <= indices.min() <= indices.max() < len(pictures):
        raise PicturesUnavailable(
            f"{facts.title} has pictures 0 to {len(pictures) - 1}; "
            f"asked were {indices.min()} to {indices.max()}."
        )
    return pictures[indices]


def read_digits() -> tuple[Pictures, NDArray[np.int64]]:
    """The pictures and labels of scikit-learn's digits, (1797, 8, 8, 1) in 0 … 255, (1797,).

    Reads the file that scikit-learn ships without importing it, which takes seconds.

    Raises:
        PicturesUnavailable: scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise PicturesUnavailable("The digits come with scikit-learn: pip install scikit-learn.")
    with gzip.open(Path(spec.origin).parent / "datasets/data/digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    values = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)  # the file has 0 … 16
    return values.reshape(-1, 8, 8, 1), table[:, 64]


@lru_cache(maxsize=1)
def _read_all(dataset: str, data_dir: Path) -> Pictures:
    if dataset == "digits":
        return read_digits()[0]
    if folder := _IDX_FOLDERS.get(dataset):
        names = (f"{folder}/{part}-images-idx3-ubyte" for part in ("train", "t10k"))
        return np.concatenate([_read_idx(data_dir / name) for name in names])
    read = _read_mat if dataset == "svhn" else _read_pickle
    files = _CHECKED_FILES[dataset].items()
    return np.concatenate([read(_checked(data_dir / name, md5)) for name, md5 in files])


def _checked(path: Path, md5: str) -> Path:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    if digest.hexdigest() != md5:
        raise ValueError(f"{path.name} is not the published file")
    return path


def _read_pickle(path: Path) -> Pictures:
    # A pickle can run anything: only the published files, whose checksums are above, get here.
    with path.open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    rows: Pictures = batch[b"data"]  # [N, 3072]: all red, then green, then blue
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _read_mat(path: Path) -> Pictures:
    from scipy.io import loadmat

    pictures: Pictures = loadmat(path, variable_names=["X"])["X"]  # [32, 32, 3, N]
    return pictures.transpose(3, 0, 1, 2)


def _read_idx(path: Path) -> Pictures:
    with path.open("rb") as file:
        _, count, height, width = np.fromfile(file, dtype=">i4", count=4)
        return np.fromfile(file, dtype=np.uint8).reshape(count, height, width, 1)
