"""The pictures of a run that was recorded elsewhere: they stay in its folder, out of its zip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bikd_core import npy
from bikd_core.store.files import CorruptRunError, replacing, writing
from bikd_core.store.folder import RunFolder


def save_pictures(folder: RunFolder, pictures: NDArray[np.uint8]) -> None:
    """Keep the training pictures of a run, [N, H, W, channels], in the panel's order.

    Raises:
        StoreError: They cannot be written.
    """
    path = folder.path / "pictures.npy"
    with writing(path), replacing(path) as new, new.open("wb") as file:
        np.save(file, pictures, allow_pickle=False)
        file.close()  # before it is renamed


def read_pictures(
    folder: RunFolder, rows: Sequence[int] | NDArray[np.integer]
) -> NDArray[np.uint8] | None:
    """Return the pictures of n rows of the panel, [n, H, W, channels]; None if none are kept.

    Raises:
        CorruptRunError: The file is damaged.
    """
    path = folder.path / "pictures.npy"
    if not path.exists():
        return None
    try:
        return np.array(npy.mapped(path)[np.asarray(rows, dtype=np.int64)])
    except (OSError, ValueError, LookupError) as error:
        raise CorruptRunError(f"{path}: {error}") from error
