"""Our scripts in the static folder, and their addresses."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"  # beside main.py: Streamlit serves it as app/static
#: Of plotly.js's own release, unmodified: the bundle with the cartesian traces, of which the
#: figures use some. It is a third of the one that has all traces.
PLOTLY = STATIC / "plotly" / "plotly-cartesian.min.js"
PLOTLY_ADDRESS = f"app/static/plotly/{PLOTLY.name}"  # below the app's, without its version


def static_url(name: str) -> str:
    """Return the address of one of our static scripts; it changes when any of them does."""
    scripts = b"".join(path.read_bytes() for path in sorted(STATIC.glob("*_*.js")))
    return f"app/static/{name}?v={hashlib.sha256(scripts).hexdigest()[:8]}"


def plotly_version() -> str:
    """Return the version that the bundle states in its first lines."""
    with PLOTLY.open(encoding="utf-8") as file:
        [version] = re.findall(r"\bv(\d+\.\d+\.\d+)\b", file.read(200))
    return str(version)


def plotly_url() -> str:
    """Return the address of plotly.js."""
    return f"{PLOTLY_ADDRESS}?v={plotly_version()}"
