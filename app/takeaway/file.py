"""The HTML file: plotly.js, the page's own scripts, a small player, and the packed figures."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

from app.components.live_plot import PLOTLY
from app.components.source import STATIC
from app.takeaway.bake import Baked, pack

_HERE = Path(__file__).parent
_COMPONENTS = _HERE.parent / "components"


def as_html(baked: Baked) -> str:
    """Return the file's text. Its figures' size per epoch is stated in it."""
    title = " and ".join(baked.names)
    return _text("page.html").format(
        title=html.escape(title),
        style="\n".join(
            path.read_text(encoding="utf-8")
            for path in (
                _COMPONENTS / "live_plot.css",
                _COMPONENTS / "timeline.css",
                _HERE / "player.css",
            )
        ),
        plotly=_in_script(PLOTLY.read_text(encoding="utf-8")),
        scripts=json.dumps(
            {
                "live_plot.js": _module(STATIC / "live_plot.js"),
                "plot_keys.js": _module(STATIC / "plot_keys.js"),
                "glossary_terms.js": _module(STATIC / "glossary_terms.js"),
                "timeline.js": _module(_COMPONENTS / "timeline.js"),
            }
        ),
        data=_in_script(json.dumps(_data(baked))),
        player=_text("player.js"),
    )


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _in_script(text: str) -> str:
    """Return text that may stand inside a script element, whose end it must not hold."""
    return text.replace("</", "<\\/")


def _module(path: Path) -> str:
    packed = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:text/javascript;base64,{packed}"


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
        "walk": [
            {
                "step": step,
                "epoch": epoch,
                "phases": [
                    {
                        "name": phase.name,
                        "words": phase.words,
                        "drawings": [_ascii(pack(list(row))) for row in phase.rows],
                    }
                    for phase in phases
                ],
            }
            for step, epoch, phases in baked.walk
        ],
    }


def _ascii(packed: bytes) -> str:
    return base64.b64encode(packed).decode("ascii")
