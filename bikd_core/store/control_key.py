"""The secret of a run: who knows it may steer the run. Kept in its folder, never exported.

A run without one (made by the command line, or imported there) belongs to whoever sits at the
machine. To lose a key is no harm: the file can be read, or removed, by whoever owns the folder.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from bikd_core.store.files import CorruptRunError, writing
from bikd_core.store.folder import RunFolder

MAX_LENGTH = 64
_NUM_BYTES = 16


def make_key(folder: RunFolder | Path) -> str | None:
    """Give a run a key, readable by this user only; None if it has one, which is not told.

    What is no run has its key in a file of its own: its path stands for the folder, here and below.

    Raises:
        StoreError: It cannot be written; the run has none then.
    """
    key, path = secrets.token_urlsafe(_NUM_BYTES), _path(folder)
    with writing(path):
        try:  # of two who ask at once, one makes it
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return None
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(key)
        except OSError:
            path.unlink()
            raise
    return key


def has_key(folder: RunFolder | Path) -> bool:
    """Whether somebody has control of the run."""
    return _path(folder).is_file()


def is_key(folder: RunFolder | Path, claimed: str) -> bool:
    """Whether a text, which may be anything, is the run's key; false if it has none.

    Raises:
        CorruptRunError: The key cannot be read.
    """
    try:
        key = _path(folder).read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CorruptRunError(f"{_path(folder)}: {error.strerror}") from error
    # An empty file is a key that is just being written: nobody has it yet.
    return bool(key) and hmac.compare_digest(key, claimed.encode("utf-8", "replace"))


def _path(folder: RunFolder | Path) -> Path:
    return folder if isinstance(folder, Path) else folder.path / "control.key"
