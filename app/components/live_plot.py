"""A Plotly figure that keeps zoom and node while its data change.

`st.plotly_chart` (Streamlit 1.67) makes a new element for new data, which loses both: so this
component updates one element by `Plotly.react`. Its script and plotly.js come from the app's static
folder, its style is in the page's.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.components.report import reported
from app.components.source import text_of
from app.figures import Drawing
from app.server import figure_table
from app.server.static_files import plotly_url, static_url
from app.shared.glossary import marks

_PLOTLY_URL = plotly_url()


def _loader() -> str:
    """Return a few lines that fetch the script: a component's own text is sent at each draw."""
    text = text_of("live_plot.js").replace("SCRIPT", static_url("live_plot.js"))
    return text.replace("PLOTLY", _PLOTLY_URL)


_mount = st.components.v2.component("bikd_live_plot", js=_loader(), isolate_styles=False)


def live_plot(
    drawing: Drawing,
    *,
    key: str,
    keep_zoom_of: str,
    is_small: bool = False,
    scale: float = 1.0,
    foot: int = 0,
    on_point: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Draw a figure with its question and its sentence.

    Args:
        drawing: What to draw; an empty one takes the same space.
        key: The element's key, the same in every draw.
        keep_zoom_of: Zoom lasts as long as this text, the run's id for instance, is the same.
        is_small: Without mode bar and zoom, in small print: for the side bar.
        scale: How much larger than designed, print and all, where the window is wide.
        foot: Pixels of what stands below the figure, in text of 16 px, for which the scale leaves
            room in the window; 0 for none.
        on_point: Called when somebody clicks on a point, before the script runs again, with the
            trace's uid and the point's x, y and customdata. A browser sent them: they may be
            anything.
    """
    _mount(
        key=key,
        # In a list: each value of a dict is examined for data frames (1.67), which loads pandas.
        data=[
            {
                "drawing": packed(drawing),
                "height": drawing.height,
                "revision": keep_zoom_of,
                "file_name": key.replace("_", "-"),
                "is_small": is_small,
                "scale": scale,
                "foot": foot,
                "is_clickable": on_point is not None,
                "plotly": _PLOTLY_URL,
                "parquet": figure_table.ADDRESS,
                "terms": marks(drawing.title),
            }
        ],
        on_point_change=lambda: _click(reported(key, "point"), on_point),
    )


def packed(drawing: Drawing) -> str:
    """Return a figure as text that its script unpacks: a third of what its JSON takes.

    The fastest of the levels: the next ones save a tenth more in twice the time.
    """
    text = json.dumps(drawing._asdict(), separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode("utf-8"), level=1)).decode("ascii")


def _click(point: object, on_point: Callable[[Mapping[str, Any]], None] | None) -> None:
    if on_point is not None and isinstance(point, Mapping):
        on_point(point)
