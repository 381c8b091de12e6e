"""The first page's picture within the page itself, so that it moves before Streamlit is there.

Streamlit's own script takes seconds on a busy machine. Until it has drawn the page, a copy of the
picture plays over it, with the same script and style; the picture of the page goes on from there.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bikd_core.places import ASSETS

FILE = ASSETS / "home" / "first_picture.json"  # of `app.home.first_picture`
_APP = Path(__file__).parents[1]


def with_first_view(html: str, pages: tuple[str, ...]) -> str:
    """Return Streamlit's page with the picture in it; unchanged where there is none to show.

    Args:
        html: Streamlit's page.
        pages: The addresses of the pages that the first row has links to.
    """
    if not FILE.exists() or "<body>" not in html:
        return html
    font = re.search(r'href="([^"]*SourceSans[^"]*\.woff2)"', html)
    return html.replace("<body>", f"<body>{_view(font[1] if font else '', pages)}", 1)


@cache
def _view(font: str, pages: tuple[str, ...]) -> str:
    parts = {
        "PAGES": "".join(f"<span>{(page or 'home').capitalize()}</span>" for page in pages),
        "DATA": FILE.read_text(encoding="utf-8").replace("<", "\\u003c"),  # within a script
        "STYLE": (_APP / "components" / "playing_run.css").read_text(encoding="utf-8"),
        "SCRIPT": (_APP / "components" / "playing_run.js").read_text(encoding="utf-8"),
        "FONT": font,
    }
    text = (_APP / "server" / "first_view.html").read_text(encoding="utf-8")
    return re.sub("|".join(parts), lambda match: parts[match[0]], text)
