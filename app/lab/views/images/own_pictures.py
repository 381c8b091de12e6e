"""The pictures of a run that somebody's own loop recorded: those that it was asked to keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.lab.views.moment import unless_own_loop
from bikd_core.data.pictures import PicturesUnavailable
from bikd_core.runs import Snapshot, StoreError
from bikd_core.store.own_pictures import read_pictures


def own_pictures(
    snapshot: Snapshot, rows: Sequence[int] | NDArray[np.integer]
) -> NDArray[np.uint8]:
    """Return the pictures of n rows of the panel, [n, H, W, channels].

    Raises:
        PicturesUnavailable: The run has none here, or they are damaged.
    """
    try:
        found = read_pictures(snapshot.folder, rows)
    except StoreError as error:
        raise PicturesUnavailable(str(error)) from error
    if found is None:
        raise PicturesUnavailable(
            unless_own_loop(snapshot, "Recorder(…, pictures=…)", "")
            + " The pictures stay on the machine where it trains."
        )
    return found
