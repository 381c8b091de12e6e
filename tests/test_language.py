"""Docstrings stand alone, functions on arrays state their shapes, names are plain."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("bikd_core", "app")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
BANNED = re.compile(
    r"\b(epitaph|let_go|hang_up|put_an_end|like_it|told_as|_outcome_of_silence|teacher_shelf)\b"
)
ARRAY = re.compile(r"\b(Tensor|NDArray|ndarray)\b")
#: Arrays by name, as in a state: each has a shape of its own.
NAMED_ARRAYS = re.compile(r"(dict|Mapping)\[str, [^\[\]]*(\[[^\[\]]*\])?[^\[\]]*\]")
_SIZE = r"(?:[A-Za-z]|W_in|\d+|…|num_\w+|channels)"
SHAPE = re.compile(rf"\(\)|\({_SIZE},\)|\({_SIZE}(?:, {_SIZE})+\)|\[{_SIZE}(?:, {_SIZE})*\]")


def public_functions(node):
    """Yield public functions and methods, except overloads and what inherits its docstring."""
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            bases = {ast.unparse(base) for base in child.bases} - {"NamedTuple", "nn.Module"}
            for method in public_functions(child):
                if ast.get_docstring(method) or not bases:
                    yield method
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
            decorators = set(map(ast.unparse, child.decorator_list))
            yield from () if "overload" in decorators else (child,)


def handles_arrays(function):
    arguments = (*function.args.args, *function.args.kwonlyargs)
    annotations = [*(argument.annotation for argument in arguments), function.returns]
    texts = [ast.unparse(annotation) for annotation in annotations if annotation]
    return any(ARRAY.search(NAMED_ARRAYS.sub("", text)) for text in texts)


def test_every_module_has_a_docstring():
    assert not [name for name, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]


def test_no_docstring_is_a_fragment_that_leans_on_another_text():
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    assert not [
        f"{name}: {text[:60]}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, documented)
        and (text := ast.get_docstring(node) or "").startswith(
            ("Of ", "As ", "The same for ", "Likewise")
        )
    ]


def test_names_that_nobody_understood_are_gone():
    assert not [
        f"{name}: {found[0]}"
        for name in TREES
        if (found := BANNED.search((ROOT / name).read_text(encoding="utf-8")))
    ]


def test_public_functions_on_arrays_state_their_shapes():
    assert not [
        f"{name}: {function.name}"
        for name, tree in TREES.items()
        if name.startswith("bikd_core")
        for function in public_functions(tree)
        if handles_arrays(function) and not SHAPE.search(ast.get_docstring(function) or "")
    ]


@pytest.mark.parametrize(
    "text", ["(B, C)", "(B,)", "()", "[N]", "[N, 2]", "(channels, H, W)", "(B, W_in, H, H)"]
)
def test_a_shape_is_recognised(text):
    assert SHAPE.search(f"Return logits; {text}, in nats.")


@pytest.mark.parametrize("text", ["(in eval mode)", "(N images)", "(BiKD, KD)", "hard and soft"])
def test_prose_in_parentheses_is_no_shape(text):
    assert not SHAPE.search(text)
