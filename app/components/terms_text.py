"""A heading or a line of text whose terms show their meaning at hover and focus."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from app.components.source import static_url, text_of
from app.shared.glossary import marks

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
    tag: Literal["h1", "h2", "h3", "p"] = "p",
    width: Literal["stretch", "content"] = "stretch",
) -> None:
    """Draw a text.

    Args:
        text: Plain text.
        key: The element's key.
        tag: The element that holds it.
        width: As of every Streamlit element.
    """
    data = {"tag": tag, "text": text, "terms": marks(text)}
    _mount(key=key, data=[data], width=width)  # in a list: see `live_plot`
