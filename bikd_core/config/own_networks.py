"""Networks that are not the project's: their names, and which code this process may import.

`timm:NAME` and `torchvision:NAME` are networks of these libraries. `module:function` names code of
somebody's own, and configs come from anywhere: from links, uploads and other machines. So a process
imports only what `allow_code` was told, and only the command line tells it, with the names that
its user has typed, or Python code of the user's own.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LIBRARIES = ("timm", "torchvision")
_LIBRARY_NAME = rf"({'|'.join(LIBRARIES)}):[A-Za-z0-9_.]+"
_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_CODE = rf"{_IDENTIFIER}(\.{_IDENTIFIER})*:{_IDENTIFIER}"
#: What a control for a network takes besides the project's own names.
OWN_NETWORK = rf"^({_LIBRARY_NAME}|{_CODE})$"
MAX_LENGTH = 200
IN_WORDS = "timm:NAME, torchvision:NAME or module:function"


class AllowedCode(NamedTuple):
    """The code that a process may import: what a parent process tells its children."""

    names: tuple[str, ...] = ()  # module:function each
    folder: Path | None = None  # where modules are looked for after all others; None: nowhere


_allowed = AllowedCode()


def is_own_network(name: str) -> bool:
    """Return whether a network is none of the project's, by the form of its name."""
    return len(name) <= MAX_LENGTH and re.fullmatch(OWN_NETWORK[1:-1], name) is not None


def is_code(name: str) -> bool:
    """Return whether a network's name is `module:function`."""
    return is_own_network(name) and name.partition(":")[0] not in LIBRARIES


def allow_code(names: Iterable[str], folder: Path | None = None) -> None:
    """Let this process, and processes that it starts for runs, import code for networks.

    Args:
        names: `module:function` each; other names of networks are no code and are left out.
        folder: Where modules are looked for after all others.
    """
    global _allowed
    code = [name for name in names if is_code(name)]
    if code:
        both = dict.fromkeys([*_allowed.names, *code])
        _allowed = AllowedCode(tuple(both), folder or _allowed.folder)


def allowed_code() -> AllowedCode:
    """Return the code that this process may import."""
    return _allowed


def network_refusal(control: str, name: str) -> str:
    """Return why this process does not make a network that is not the project's; "" if it does.

    It imports nothing.

    Args:
        control: The control that has the name, for the sentence.
        name: The network's name.
    """
    if is_code(name):
        if name in _allowed.names:
            return ""
        return (
            f"{control} = {name!r} is not possible here: code is imported only if it is typed on "
            "the command line, as --student, --teacher-model or --code, never because a link, a "
            "page or a stored run names it."
        )
    library = name.partition(":")[0]
    if importlib.util.find_spec(library) is None:
        return f"{control} = {name!r} needs {library}: pip install 'bikd[networks]' installs it."
    return ""
