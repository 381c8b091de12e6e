"""Streamlit's page, which the server reads from its package and serves at each page's address."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.server import figure_script, figure_table
from app.server.first_view import with_first_view
from app.server.static_files import PLOTLY_ADDRESS, plotly_url, static_url

#: As `app.navigation` has them, which takes long to import. The first one has the bare address.
PAGES = ("", "learn", "lab", "compare", "studies", "teachers", "toy", "try", "class")
_UNLISTED = ("toy", "try", "class")  # no row of links has them
_OF_ANY_PAGE = ("owner", "embed", "embed_options")  # parameters that ask for no other page
#: Pages that draw figures at once, and the scripts of a figure.
_WITH_FIGURES = ("learn", "lab", "compare", "studies")
_FIGURE_SCRIPTS = ("live_plot.js", "plot_keys.js", "plot_table.js", "glossary_terms.js")
# Streamlit 1.67 looks for its server below each page first: two requests that end in a 404. All of
# its files are relative to the page, as this is.
_APP = Path(__file__).parents[1]
#: What all pages share. Drawn by Streamlit, they came up to half a second after the text, which was
#: too pale meanwhile; at the end of the body, they stand behind Streamlit's own.
_STYLES = ("style.css", "components/live_plot.css", "static/glossary_terms.css")
_BACKEND = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location).href}</script>'


class _PageName(StringConvertor):
    """An address that may be a page: Streamlit says of the unknown ones that they are not found."""

    regex = r"[^/._][^/.]*"  # not its files, nor its own addresses, such as _stcore


def routes() -> list[BaseRoute]:
    """Return the routes of the pages, which stand before Streamlit's own."""
    base = st.get_option("server.baseUrlPath").strip("/")
    prefix = f"/{base}" if base else ""
    index = Path(str(resources.files("streamlit"))) / "static" / "index.html"
    styles = "".join((_APP / style).read_text(encoding="utf-8") for style in _STYLES)
    marks = sorted(set(re.findall(r"\.has-(\w+)", styles)))
    script = (_APP / "server" / "page_marks.js").read_text(encoding="utf-8")
    script = script.replace("MARKS", json.dumps(marks), 1)
    html = index.read_text(encoding="utf-8").replace("<head>", f"<head>{_BACKEND}", 1)
    added = f'<style>{styles}</style><script type="module">{script}</script>'
    html = html.replace("</body>", f"{added}</body>", 1)
    home = with_first_view(html, tuple(page for page in PAGES if page not in _UNLISTED))
    with_figures = html.replace("</head>", f"{_figure_hints()}</head>", 1)

    async def page(request: Request) -> Response:
        has_figures = request.path_params["name"] in _WITH_FIGURES
        return HTMLResponse(
            with_figures if has_figures else html, headers={"Cache-Control": "no-cache"}
        )

    async def first_page(request: Request) -> Response:
        asked_for = page_of(request.query_params)
        if not asked_for:
            return HTMLResponse(home, headers={"Cache-Control": "no-cache"})
        query = urlencode(request.query_params.multi_items())
        # Relative: a proxy may have cut the beginning off the path.
        return RedirectResponse(f"./{asked_for}?{query}", headers={"Cache-Control": "no-cache"})

    register_url_convertor("page_name", _PageName())
    return [
        Route(f"{prefix}/", first_page),
        Route(f"{prefix}/{{name:page_name}}", page),
        Route(f"{prefix}/{PLOTLY_ADDRESS}", figure_script.figure_script),
        Route(f"{prefix}/{figure_table.ADDRESS}", figure_table.figure_table, methods=["POST"]),
    ]


def _figure_hints() -> str:
    """Return what lets the browser fetch the scripts of a figure beside Streamlit's own.

    To run them at once as well gains nothing: Streamlit's start then takes as much longer.
    """
    urls = map(static_url, _FIGURE_SCRIPTS)
    scripts = "".join(f'<link rel="modulepreload" href="./{url}">' for url in urls)
    return f'<link rel="preload" as="script" href="./{plotly_url()}">{scripts}'


def page_of(parameters: Mapping[str, str]) -> str:
    """Return the page that parameters at the bare address ask for; "" is the first page.

    The Lab once had the bare address, so that old links to runs and controls lead there.
    """
    if "lesson" in parameters:
        return "learn"
    return "lab" if set(parameters) - set(_OF_ANY_PAGE) else ""
