"""The engine of Bilevel Distillation Lab: bilevel knowledge distillation on long-tailed data.

Importing this package imports neither torch nor any front end; import the module you need. For a
training loop of your own there is `from bikd_core import Recorder, hypergradient`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: For somebody's own loop; imported when it is first asked for, since the second needs torch.
_FOR_OWN_LOOPS = {
    "Recorder": "bikd_core.recorder",
    "hypergradient": "bikd_core.own_hypergradient",
}


def __getattr__(name: str) -> Any:
    """Import what is for somebody's own loop."""
    if name not in _FOR_OWN_LOOPS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FOR_OWN_LOOPS[name]), name)
