"""A heading or lines of text whose terms show their meaning at hover and focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import streamlit as st

from app.components.source import text_of
from app.server.static_files import static_url
from app.shared.glossary import marks

Tag = Literal["h1", "h2", "h3", "p", "small"]

_mount = st.components.v2.component(
    "bikd_terms_text",
    css=text_of("terms_text.css"),
    js=text_of("terms_text.js").replace("TERMS", static_url("glossary_terms.js")),
    isolate_styles=False,
)


def glossary_of(*texts: str) -> dict[str, Any]:
    """Return the marks of texts by text, and the address of the script that shows meanings."""
    return {"url": static_url("glossary_terms.js"), "marks": {text: marks(text) for text in texts}}


def terms_text(
    text: str,
    *,
    key: str,
    tag: Tag = "p",
    width: Literal["stretch", "content"] = "stretch",
) -> None:
    """Draw a text.

    Args:
        text: Plain text.
        key: The element's key.
        tag: The element that holds it; "small" is a caption.
        width: As of every Streamlit element.
    """
    _draw([[_part(text, set())]], key, tag, width)


def terms_lines(lines: Sequence[tuple[str, str]], *, key: str, tag: Tag = "p") -> None:
    """Draw lines of a name and words, all plain text; a term is marked where it comes first.

    Args:
        lines: Name and words of each.
        key: The elements' key.
        tag: The element that holds each line; "small" is a caption.
    """
    known: set[str] = set()
    drawn = [[_part(f"{name}:", known, is_bold=True), _part(words, known)] for name, words in lines]
    _draw(drawn, key, tag, "stretch")


def _part(text: str, known: set[str], *, is_bold: bool = False) -> dict[str, Any]:
    """Return a part of a line; the terms that it marks become known."""
    terms = marks(text, known=known)
    known.update(name for _, _, name, _, _ in terms)
    return {"text": text, "terms": terms, "is_bold": is_bold}


def _draw(
    lines: Sequence[Sequence[dict[str, Any]]],
    key: str,
    tag: Tag,
    width: Literal["stretch", "content"],
) -> None:
    _mount(key=key, data=[{"tag": tag, "lines": lines}], width=width)  # in a list: see `live_plot`
