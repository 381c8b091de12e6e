"""Images of equally large classes: no class is of the head or the tail, so they look alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.drawing import GROUP_COLOURS


def without_groups(traces: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return traces by third of the classes in one colour, with one entry in the legend.

    Args:
        traces: The traces, with markers or bars.
        name: What the legend calls their images.
    """
    look = {"color": GROUP_COLOURS["medium"]}
    return [
        {
            **trace,
            "name": name,
            "legendgroup": name,
            "showlegend": number == 0,
            "marker": trace["marker"]
            | look
            | ({"symbol": "circle"} if "symbol" in trace["marker"] else {}),
        }
        for number, trace in enumerate(traces)
    ]
