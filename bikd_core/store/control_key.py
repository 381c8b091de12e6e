"""The key of a run: whoever has it may steer the run. It is kept in the folder, never exported.

A run without a key (made or imported by the command line) belongs to whoever sits at the machine.
A lost key does no harm: whoever owns the folder can read the file, or remove it.
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
    """Give a run a key that only this user can read, and return it; None if it has one already.

    For anything else, such as a teacher, pass the path of its key instead of a folder, here and
    below.

    Raises:
        StoreError: The key cannot be written; the run has none then.
    """
    key, path = secrets.token_urlsafe(_NUM_BYTES), _path(folder)
    with writing(path):
        try:  # of two threads at once, one makes it
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
    """Return whether the run has a key."""
    return _path(folder).is_file()


def is_key(folder: RunFolder | Path, claimed: str) -> bool:
    """Return whether a text, which may be anything, is the run's key; false if it has none.

    Raises:
        CorruptRunError: The key cannot be read.
    """
    try:
        key = _path(folder).read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CorruptRunError(f"{_path(folder)}: {error.strerror}") from error
    # An empty file is a key that is being written: nobody has it yet.
    return bool(key) and hmac.compare_digest(key, claimed.encode("utf-8", "replace"))


def _path(folder: RunFolder | Path) -> Path:
    return folder if isinstance(folder, Path) else folder.path / "control.key"
