"""Prints the rows of a benchmark and its machine, as a table or as one JSON object."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the numbers, without names or paths of the machine."""
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    packages = [name for name in ("torch", "streamlit", "numpy") if find_spec(name)]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerator": card,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    } | {name: version(name) for name in packages}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def show(title: str, rows: list[Row], *, as_json: bool) -> None:
    """Print the rows, which all have the same keys, and the machine."""
    if as_json:
        print(json.dumps({"machine": machine(), "rows": rows}))
        return
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*map(_text, row.values()))
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
