"""HTML files that need no server: the page's own scripts, a small player, the packed figures."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.figures.drawing import Drawing
from app.server.static_files import PLOTLY, STATIC
from app.takeaway.bake import Baked, pack

HERE = Path(__file__).parent
COMPONENTS = HERE.parent / "components"
BRAND = "Bilevel Distillation Lab"
PLOT_SCRIPTS = (
    STATIC / "live_plot.js",
    STATIC / "plot_keys.js",
    STATIC / "plot_table.js",
    STATIC / "glossary_terms.js",
    STATIC / "dom_element.js",
    HERE / "baked_plot.js",
)
PLOT_STYLES = (HERE / "player.css", COMPONENTS / "live_plot.css")


def as_html(baked: Baked, *, plotly: str = "", brand: str = BRAND) -> str:
    """Return the file's text. Its figures' size per epoch is stated in it.

    Args:
        baked: What it holds.
        plotly: The address of plotly.js; "" to hold it, too.
        brand: What stands above the runs, as HTML.
    """
    return document(
        " and ".join(baked.names),
        body=_text(HERE / "run.html").format(brand=brand),
        styles=(*PLOT_STYLES, COMPONENTS / "timeline.css", COMPONENTS / "gallery.css"),
        scripts=(*PLOT_SCRIPTS, COMPONENTS / "timeline.js", COMPONENTS / "gallery.js"),
        data=_data(baked),
        player=HERE / "player.js",
        plotly=f'<script src="{plotly}"></script>' if plotly else whole_plotly(),
    )


def document(
    title: str,
    *,
    body: str,
    styles: Sequence[Path],
    scripts: Sequence[Path],
    data: object,
    player: Path,
    plotly: str = "",
) -> str:
    """Return an HTML file that needs nothing but what is given.

    Args:
        title: Plain text.
        body: HTML.
        styles: CSS files.
        scripts: The modules that it uses; a script that names "TERMS" gets the glossary's there.
        data: JSON values, which the player finds as `window.bikdData`.
        player: The script that draws the page.
        plotly: The element that brings plotly.js, if it is needed.
    """
    return _text(HERE / "page.html").format(
        title=html.escape(title),
        style="\n".join(map(_text, styles)),
        body=body,
        plotly=plotly,
        scripts=json.dumps({path.name: _module(path) for path in scripts}),
        data=_in_script(json.dumps(data)),
        player=_text(player),
    )


def whole_plotly() -> str:
    """Return plotly.js within the element that runs it."""
    return f"<script>\n{_in_script(_text(PLOTLY))}\n</script>"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _in_script(text: str) -> str:
    """Return text that may stand inside a script element, whose end it must not hold."""
    return text.replace("</", "<\\/")


def _module(path: Path) -> str:
    """Return a script as an address that holds it: a file cannot import other files."""
    text = _text(path)
    if '"TERMS"' in text:
        text = text.replace("TERMS", _module(STATIC / "glossary_terms.js"))
    return f"data:text/javascript;base64,{_ascii(text.encode())}"


def _data(baked: Baked) -> dict[str, Any]:
    epochs = baked.epochs
    return {
        "names": baked.names,
        "summaries": baked.summaries,
        "states": baked.states,
        "accuracies": baked.accuracies,
        "planned": baked.planned,
        "last": baked.last_epoch,
        "epochs": epochs,
        "stride": baked.stride,
        "bytesPerEpoch": round(baked.num_bytes / len(epochs)),
        "views": [view._asdict() for view in baked.views],
        "frames": {name: _ascii(packed) for name, packed in baked.frames.items()},
        "pictures": None
        if baked.pictures is None
        else {
            "galleries": {by: _ascii(packed) for by, packed in baked.pictures.galleries.items()},
            "images": baked.pictures.images,
        },
        "walk": [
            {
                "step": step,
                "epoch": epoch,
                "phases": [
                    {
                        "name": phase.name,
                        "words": phase.words,
                        "drawings": [packed_text(row) for row in phase.rows],
                    }
                    for phase in phases
                ],
            }
            for step, epoch, phases in baked.walk
        ],
    }


def packed_text(drawings: Sequence[Drawing]) -> str:
    """Return drawings as text that `baked_plot.js` unpacks."""
    return _ascii(pack(drawings))


def _ascii(packed: bytes) -> str:
    return base64.b64encode(packed).decode("ascii")
