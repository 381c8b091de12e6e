"""Follow a recipe of docs/ literally, in a copy of the tree.

Three kinds of fenced blocks count; all else is for the reader.

- `{code-block}` with a `:caption:` is a new file, and the caption is its path.
- `{code-block} diff` with a `:caption:` changes the file of that path. Lines that begin with a
  space or "-" must be in it, exactly once and in this order; those with "+" are added.
- `bash` is a command for a terminal.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```([^\n]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CAPTION = re.compile(r":caption: (\S+)\n+")


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    path: str  # its caption, or ""
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found = []
    for head, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        caption = _CAPTION.match(text)
        path = caption[1].replace("\\_", "_") if caption else ""  # Markdown's escape
        found.append(Block(head.split()[-1], path, text[caption.end() :] if caption else text))
    return found


def copy_tree(target: Path) -> None:
    """Copy what a recipe may change or run."""
    for name in ("bikd_core", "app", "assets", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", target)


def follow(page: Path, tree: Path, home: Path) -> None:
    """Write each block's file, make each change, run each command, in the order of the page."""
    for block in blocks(page):
        if block.language == "bash":
            run(block.text, tree, home)
        elif block.language == "diff":
            path = tree / block.path
            changed = change(path.read_text(encoding="utf-8"), block.text)
            path.write_text(changed, encoding="utf-8")
        elif block.path:
            path = tree / block.path
            assert not path.exists(), f"{block.path} is there already"
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def change(text: str, diff: str) -> str:
    """Return a file's text with a diff applied.

    A line that is empty or begins with "@@" begins the next part.
    """
    for part in re.split(r"^(?:@@.*)?\n", diff, flags=re.MULTILINE):
        lines = part.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        if lines:
            assert text.count(before) == 1, f"found {text.count(before)} times:\n{before}"
            text = text.replace(before, after)
    return text


def run(command: str, tree: Path, home: Path, engine: Path | None = None) -> str:
    """Run commands in the tree as its user would; returns what they print.

    Args:
        command: The commands.
        tree: The folder in which they run.
        home: BIKD_HOME.
        engine: The tree that holds `bikd_core`; None: `tree`.
    """
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    folders = {"PYTHONPATH": str(engine or tree), "BIKD_HOME": str(home), "PATH": scripts}
    # The many processes share what the first one compiles.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=tree,
        env=environment | folders,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
