"""String keys of `st.session_state` are widgets' own: each is used in one module alone."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"


def literal(node: ast.expr) -> str:
    """A key's text, with {} for what is computed; "" where all of it is."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        return "".join(map(str, parts))
    return ""


def keys_in(source: str) -> set[str]:
    """The literal keys of the session state that a module reads or sets."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        key: ast.expr | None = None
        match node:
            case ast.Subscript(value=ast.Attribute(attr="session_state"), slice=key):
                pass
            case ast.Attribute(value=ast.Attribute(attr="session_state"), attr=name):
                found |= set() if name in dir(dict) else {name}
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="session_state")), args=[key, *_]
            ):
                pass
            case ast.Compare(left=key, comparators=[ast.Attribute(attr="session_state")]):
                pass
        found |= {literal(key)} if key is not None else set()
    return found - {""}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('st.session_state["run"]', {"run"}),
        ('st.session_state[f"name {run_id}"] = 1', {"name {}"}),
        ('st.session_state.get("view", 1)', {"view"}),
        ('"pages" in st.session_state', {"pages"}),
        ("st.session_state.preset", {"preset"}),
        ("st.session_state[key]", set()),
    ],
)
def test_a_key_is_found_however_it_is_read(source, expected):
    assert keys_in(source) == expected


def test_no_key_of_the_session_state_is_used_in_two_modules():
    modules = defaultdict(list)
    for path in sorted(APP.rglob("*.py")):
        for key in keys_in(path.read_text(encoding="utf-8")):
            modules[key].append(str(path.relative_to(APP)))
    assert modules
    assert not {key: found for key, found in modules.items() if len(found) > 1}
