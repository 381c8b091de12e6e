"""An environment with torch and the small packages alone, as on a machine that was packed for."""

import importlib.metadata
import os
import re
from pathlib import Path

from bikd_core.bench.gpu_pack import PACKAGES
from bikd_core.places import ROOT


def lay_packages(folder: Path) -> None:
    """Link the packages, torch, and what they depend on, into a folder, and nothing else."""
    waiting, done = ["torch", *PACKAGES], set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another system
            continue
        for line in distribution.requires or ():
            if "extra ==" not in line:
                waiting.append(re.match(r"[\w.-]+", line)[0])
        for file in distribution.files or ():
            top = file.parts[0]
            link = folder / top
            if top not in ("..", "__pycache__") and not link.exists():
                link.symlink_to(distribution.locate_file(top))


def bare_environment(folder: Path) -> dict[str, str]:
    """Return the environment variables for `python -S`, which then finds only these packages."""
    folder.mkdir(exist_ok=True)
    lay_packages(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BIKD_")}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]), "OMP_NUM_THREADS": "1"}
