"""What a method says of itself, read off its file without importing it: the file needs torch.

So one file in `bikd_core/methods` is all that a new method takes: its name is the file's, and the
command line, the page and the comparison of runs find the rest in the class's own attributes.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[1] / "methods"
NO_METHODS = ("__init__", "protocol", "prior")  # files there that hold none
FIRST = ("bikd", "ce", "kd")  # in lists; the others follow by name
_WITH_TEACHER = (
    "teacher",
    "teacher_model",
    "temperature",
    "teacher_views",
    "compile_teacher",
    "teacher_batch_statistics",
)
_WITH_WEIGHT_NET = (
    "inner_steps",
    "estimator",
    "weight_net_layers",
    "weight_net_learning_rate",
    "warm_up",
    "cross_fit",
    "drop_window",
)


class MethodFacts(NamedTuple):
    """A training objective as people and pages see it."""

    title: str  # its usual short name
    words: str  # what it is, in a few words
    needs_teacher: bool
    has_weight_net: bool
    reads: tuple[str, ...]  # the controls that not every method reads, and this one does


def method_facts(folder: Path = FOLDER) -> dict[str, MethodFacts]:
    """The facts of each method in a folder, by name.

    Raises:
        ValueError: A file holds no class with a title, or an attribute is no plain value.
    """
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem not in NO_METHODS)
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return {name: _facts_in(folder / f"{name}.py") for name in names}


def _facts_in(path: Path) -> MethodFacts:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            attributes = _plain_attributes(node, path)
            if "title" in attributes:
                return _facts(attributes)
    raise ValueError(f"{path.name} holds no method: no class there has a title.")


def _plain_attributes(node: ast.ClassDef, path: Path) -> dict[str, Any]:
    attributes = {}
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value:
            name = line.target.id
            if name not in {"title", "words", "needs_teacher", "has_weight_net", "reads"}:
                continue
            try:
                attributes[name] = ast.literal_eval(line.value)
            except ValueError as error:
                raise ValueError(f"{path.name}: {name} must be a plain value.") from error
    return attributes


def _facts(attributes: dict[str, Any]) -> MethodFacts:
    needs_teacher = bool(attributes.get("needs_teacher", False))
    has_weight_net = bool(attributes.get("has_weight_net", False))
    reads = tuple(attributes.get("reads", ()))
    reads += _WITH_TEACHER if needs_teacher else ()
    reads += _WITH_WEIGHT_NET if has_weight_net else ()
    reads += ("meta_loss",) if has_weight_net and needs_teacher else ()
    words = str(attributes.get("words", ""))
    return MethodFacts(str(attributes["title"]), words, needs_teacher, has_weight_net, reads)


METHOD_FACTS = method_facts()
