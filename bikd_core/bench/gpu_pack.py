"""One archive with all that `bikd bench gpu` needs on a machine that has torch and no network.

It holds the small packages as pip installs them, the product's source with the tests, and the cut
of CIFAR-10. torch stays out: it is what such a machine has.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from bikd_core.bench.gpu import DATA
from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.cut import take_cut
from bikd_core.places import ROOT

MAX_BYTES = 60_000_000
TOP = "bikd-gpu"
#: All that the plan and its tests import, beside torch and what these depend on.
PACKAGES = (
    "numpy", "pydantic", "cyclopts", "rich", "safetensors", "filelock", "platformdirs", "pytest",
)  # fmt: skip
PYTHON, PLATFORM = "3.12", "manylinux_2_28_x86_64"
_OLDER_PLATFORMS = {
    "manylinux_2_28": ("manylinux_2_17", "manylinux2014"),
    "manylinux_2_17": ("manylinux2014",),
}
_README = """What bikd bench gpu needs on a machine with Python {python}, torch and no network.

    tar -xf {archive} && bash {top}/run.sh

It takes 8 minutes at most (or --minutes 4, after run.sh) and leaves its results, JSON files, in
{top}/results, or in the folder that the variable OUT names. PYTHON names another python3.
"""
_RUN = """#!/bin/bash
here="$(cd "$(dirname "$0")" && pwd)"
export PYTHONPATH="$here/source:$here/packages"
exec "${PYTHON:-python3}" -m bikd_core.cli bench gpu \\
    --data-dir "$here/data" --out "${OUT:-$here/results}" "$@"
"""


def pack(archive: Path, data_dir: Path, python: str = PYTHON, platform: str = PLATFORM) -> int:
    """Write the archive, and return its size in bytes.

    Args:
        archive: A new file, compressed by xz.
        data_dir: Folder that holds CIFAR-10, or already its cut.
        python: Version of Python on the other machine, such as "3.12".
        platform: Its platform as wheels name it, such as "manylinux_2_28_x86_64".

    Raises:
        ConfigError: The archive exists or would be too large, this is no checkout, or pip fails.
        DatasetUnavailable: CIFAR-10 is not there.
    """
    if archive.exists():
        raise ConfigError(f"pack = {str(archive)!r} exists: delete it, or name another file.")
    requirements = _requirements()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, TOP)
        take_cut(RunConfig.from_flat(DATA).data, data_dir, made / "data")
        _install(requirements, made / "packages", python, platform)
        words = {"python": python, "archive": archive.name, "top": TOP}
        (made / "README.txt").write_text(_README.format(**words), encoding="utf-8")
        (made / "run.sh").write_text(_RUN, encoding="utf-8")
        packed = Path(folder, "packed")
        with tarfile.open(packed, "w:xz", preset=2) as tar:
            tar.add(made, TOP)
            for path in _source_files():
                tar.add(path, f"{TOP}/source/{path.relative_to(ROOT).as_posix()}")
        size = packed.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                f"pack = {str(archive)!r} would have {size / 1e6:.0f} MB: "
                f"it must have at most {MAX_BYTES / 1e6:.0f} MB."
            )
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.write_bytes(packed.read_bytes())
    return size


def _requirements() -> list[str]:
    """Return the small packages, with the versions that the project requires."""
    try:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except FileNotFoundError as error:
        raise ConfigError("pack is possible only in a checkout, which has the tests.") from error
    required = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {line.split(">=")[0]: line for line in required}
    return [names.get(package, package) for package in PACKAGES]


def _install(requirements: list[str], folder: Path, python: str, platform: str) -> None:
    """Let pip install wheels for another machine into a folder."""
    older = [
        platform.replace(system, other)
        for system, others in _OLDER_PLATFORMS.items()
        for other in others
        if platform.startswith(system)
    ]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--target", str(folder), "--only-binary=:all:", "--python-version", python]
    command += [f"--platform={name}" for name in (platform, *older)]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        last = errors[-1] if errors else done.stderr.strip()
        raise ConfigError(f"pip found no wheels for Python {python} on {platform}: {last}")
    if (folder / "bin").exists():
        shutil.rmtree(folder / "bin")  # scripts that call this machine's Python


def _source_files() -> list[Path]:
    files = [path for part in ("bikd_core", "tests") for path in sorted((ROOT / part).rglob("*"))]
    kept = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    return [*kept, ROOT / "pyproject.toml"]
