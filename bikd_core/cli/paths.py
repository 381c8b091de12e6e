"""Paths on the command line: a shell leaves the ~ of --runs-dir=~/x and of '~/x' as it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import Token


def expanded(_type: Any, tokens: Sequence[Token]) -> Path:
    """Return the path that was typed, with ~ replaced by the home folder.

    Raises:
        ValueError: There is no such home folder.
    """
    path = os.path.expanduser(tokens[0].value)
    if path.startswith("~"):
        raise ValueError(f"{path!r} is in no user's home folder; ./{path} is a path here.")
    return Path(path)
