"""The facts of each method, read from its file without importing it, since the file needs torch.

A new method is one file in `bikd_core/methods`, and a second one in `bikd_core/config/methods` if
it has options of its own. Its name is the file's; the command line, the page and comparisons find
the rest in the attributes of its class and in its option model.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[1] / "methods"
NO_METHODS = (
    "__init__",
    "protocol",
    "objective",
    "prior",
    "bilevel",
    "bilevel_state",
    "pull",
    "trust",
    "unroll",
    "weights_used",
    "window",
)  # files in that folder that hold none
FIRST = ("bikd", "ce", "kd")  # in lists; the others follow by name


class MethodFacts(NamedTuple):
    """A training objective as people and pages see it."""

    title: str  # its usual short name
    words: str = ""  # what it is, in a few words
    needs_teacher: bool = False
    has_weight_net: bool = False


def method_facts(folder: Path = FOLDER) -> dict[str, MethodFacts]:
    """Return the facts of each method in a folder, by name.

    Raises:
        ValueError: A file holds no class with a title, or an attribute is not a plain value.
    """
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem not in NO_METHODS)
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return {name: _facts_in(folder / f"{name}.py") for name in names}


def _facts_in(path: Path) -> MethodFacts:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            attributes = _plain_attributes(node, path)
            if "title" in attributes:
                return MethodFacts(**attributes)
    raise ValueError(f"{path.name} holds no method: no class there has a title.")


def _plain_attributes(node: ast.ClassDef, path: Path) -> dict[str, Any]:
    attributes = {}
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value:
            name = line.target.id
            if name not in MethodFacts._fields:
                continue
            try:
                attributes[name] = ast.literal_eval(line.value)
            except ValueError as error:
                raise ValueError(f"{path.name}: {name} must be a plain value.") from error
    return attributes


METHOD_FACTS = method_facts()


def facts_with(method: str, over: str | None) -> MethodFacts:
    """Return the facts of a method; over an objective it needs a teacher if that one does."""
    facts = METHOD_FACTS[method]
    return facts if over is None else facts._replace(needs_teacher=METHOD_FACTS[over].needs_teacher)
