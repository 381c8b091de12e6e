"""Which versions made a result, in words."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version

from bikd_core import __version__
from bikd_core.places import ROOT


def made_by() -> str:
    """Return versions in words, such as "bikd 0.3.0 (a1b2c3d), torch 2.9.1, Python 3.12.4"."""
    found, code = own_versions(), commit()
    own = f"bikd {found['bikd']}" + (f" ({code})" if code else "")
    return f"{own}, torch {found['torch']}, Python {found['Python']}"


def own_versions() -> dict[str, str]:
    """Return the versions that results depend on, by name, without importing torch."""
    packages = {name: version(name) for name in ("torch", "numpy")}
    return {"bikd": __version__, **packages, "Python": platform.python_version()}


@cache
def commit() -> str:
    """Return the commit of the checkout that runs, with + if files differ; "" outside of one."""
    if not (ROOT / ".git").exists():
        return ""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=7"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
