"""Text that people typed, where Streamlit would read it as Markdown."""

from __future__ import annotations

_SIGNS = r"\`*_{}[]<>()#+-.!|$:~&"


def plain(text: str) -> str:
    """Return Markdown that shows a text as it was typed, in one line: names, paths, reasons."""
    line = " ".join(text.split("\n")).replace("\r", " ")
    return "".join(f"\\{sign}" if sign in _SIGNS else sign for sign in line)
