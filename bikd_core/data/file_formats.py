"""The file formats of published data sets: from the bytes of a part's files to its images."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bikd_core.data.source import Labelled


def idx_images(files: Sequence[bytes]) -> Labelled:
    """Return the images and labels of two IDX files, in this order: MNIST's format.

    Raises:
        ValueError: A file is cut off or has another format.
    """
    pictures, labels = map(_idx_array, files)
    return Labelled(pictures[..., None], labels.astype(np.int64))


def _idx_array(content: bytes) -> NDArray[np.uint8]:
    """Return an array of any shape: the file states its type, its dimensions and its sizes."""
    if content[:3] != b"\x00\x00\x08":
        raise ValueError("it is not an IDX file of bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], dtype=">i4")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def cifar_batches(files: Sequence[bytes]) -> Labelled:
    """Return the images and labels of CIFAR's batches, one after the other.

    A pickle can run any code: pass only files whose checksum is the published one.
    """
    batches: list[dict[bytes, Any]] = [pickle.loads(file, encoding="bytes") for file in files]
    rows = np.concatenate([batch[b"data"] for batch in batches])
    key = b"labels" if b"labels" in batches[0] else b"fine_labels"
    labels = np.concatenate([np.asarray(batch[key], dtype=np.int64) for batch in batches])
    # [N, 3072]: all red, then green, then blue
    return Labelled(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels)


def svhn_matrix(files: Sequence[bytes]) -> Labelled:
    """Return the images and labels of one MATLAB file of SVHN, which calls the digit zero 10."""
    from scipy.io import loadmat

    [content] = files
    matrices = loadmat(io.BytesIO(content), variable_names=["X", "y"])
    labels = matrices["y"].astype(np.int64)[:, 0]
    return Labelled(matrices["X"].transpose(3, 0, 1, 2), np.where(labels == 10, 0, labels))
