"""A Plotly figure that keeps zoom and node while its data change.

`st.plotly_chart` (Streamlit 1.67) makes a new element for new data, which loses both: so this
component updates one element by `Plotly.react`. Its script and plotly.js come from the app's static
folder, its style is in the page's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.report import reported
from app.figures import Drawing

HERE = Path(__file__).parent
STATIC = HERE.parent / "static"  # beside main.py: Streamlit serves it as app/static


def _loader() -> str:
    """Return a few lines that fetch the script: a component's own text is sent at each draw."""
    version = hashlib.sha256((STATIC / "live_plot.js").read_bytes()).hexdigest()[:8]
    text = (HERE / "live_plot.js").read_text(encoding="utf-8")
    return text.replace("SCRIPT", f"app/static/live_plot.js?v={version}")


# Read once: it comes from a file, and reading that would be a quarter of what a poll costs.
_PLOTLY = f"app/static/plotly.min.js?v={metadata.version('plotly')}"
_mount = st.components.v2.component("bikd_live_plot", js=_loader(), isolate_styles=False)


def live_plot(
    drawing: Drawing,
    *,
    key: str,
    keep_zoom_of: str,
    is_small: bool = False,
    on_point: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Draw a figure with its question and its sentence.

    Args:
        drawing: What to draw; an empty one takes the same space.
        key: The element's key, the same in every draw.
        keep_zoom_of: Zoom lasts as long as this text, the run's id for instance, is the same.
        is_small: Without mode bar and zoom, in small print: for the side bar.
        on_point: Called when somebody clicks on a point, before the script runs again, with the
            trace's uid and the point's x, y and customdata. A browser sent them: they may be
            anything.
    """
    _mount(
        key=key,
        # In a list: each value of a dict is examined for data frames (1.67), which loads pandas.
        data=[
            {
                **drawing._asdict(),
                "revision": keep_zoom_of,
                "file_name": key.replace("_", "-"),
                "is_small": is_small,
                "is_clickable": on_point is not None,
                "plotly": _PLOTLY,
            }
        ],
        on_point_change=lambda: _click(reported(key, "point"), on_point),
    )


def _click(point: object, on_point: Callable[[Mapping[str, Any]], None] | None) -> None:
    if on_point is not None and isinstance(point, Mapping):
        on_point(point)


def provide_plotly(folder: Path = STATIC) -> None:
    """Copy plotly.js out of the plotly package to where Streamlit serves it, unless it is there.

    A wheel comes with a copy, which serves where this folder cannot be written. Several servers may
    start at once, so the file is written under another name and renamed.

    Raises:
        PermissionError: There is no copy yet and the folder cannot be written.
    """
    source = Path(str(resources.files("plotly"))) / "package_data" / "plotly.min.js"
    target = folder / "plotly.min.js"
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    if not os.access(folder, os.W_OK):
        if target.exists():
            return
        raise PermissionError(
            f"{folder} cannot be written, and plotly.js has to be copied there once: "
            "start the app once as a user who may write to it."
        )
    handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
