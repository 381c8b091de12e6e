"""The scripts and styles of our components, as they are sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.server.static_files import STATIC

_HERE = Path(__file__).parent


def text_of(name: str) -> str:
    """Return a script or a style of this folder without indentation and whole lines of comment.

    Streamlit (1.67) sends it at each draw, so that it is a good part of a poll.
    """
    lines = (line.strip() for line in (_HERE / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not _is_comment(line))


def loader_of(name: str) -> str:
    """Return a script of a few lines that fetches NAME.js and NAME.css of the static folder.

    A file named NAME_*.js is a part of the script, and dom_element.js one of every script: they
    have the same version.
    """
    files = [STATIC / f"{name}.css", STATIC / f"{name}.js", *sorted(STATIC.glob(f"{name}_*.js"))]
    files.append(STATIC / "dom_element.js")
    version = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]
    return text_of("static.js").replace("NAME", name).replace("VERSION", version)


def _is_comment(line: str) -> bool:
    return line.startswith("//") or (line.startswith("/*") and line.find("*/") == len(line) - 2)
