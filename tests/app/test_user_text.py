"""Nothing that a user typed or a file held is ever Markdown or HTML."""

import ast
import json
from pathlib import Path

import pytest

from app.lab.views import VIEWS
from tests.made_up import make_run

APP = Path(__file__).parents[2] / "app"
IMAGE = "![i](http://foreign.example/x.png)"
#: Streamlit's functions that read a text as Markdown.
DRAWS = set(
    "button caption checkbox error expander header info link_button markdown metric popover "
    "progress radio subheader success title toast toggle warning write".split()
)
#: What users type or files hold, as attributes and as names.
HELD = {"name", "reason", "title", "class_names", "device", "warnings", "made_by", "complaints"}
HELD_IN = {"sentence", "warning", "error", "refusal", "reason", "complaint"}
#: Titles and names of our own: views, figures, fields.
OURS = {"view", "figure", "field", "phase", "facts"}


def is_plain(node):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "plain"


def held(node):
    """Yield what users typed or files held in an expression, unless `plain` takes it."""
    if is_plain(node):
        return
    if isinstance(node, ast.IfExp):  # its condition is not drawn
        yield from [*held(node.body), *held(node.orelse)]
        return
    is_ours = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in OURS
    if isinstance(node, ast.Attribute) and node.attr in HELD and not is_ours:
        yield ast.unparse(node)
    if isinstance(node, ast.Name) and node.id in HELD_IN:
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from held(child)


def drawn(tree):
    """Yield the expressions that a module gives to Streamlit as Markdown."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if getattr(node.func.value, "id", "") == "st" and node.func.attr in DRAWS:
            yield from node.args[:1]
        yield from (word.value for word in node.keywords if word.arg in {"help", "text"})


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("st.markdown(f'**{run.name}**')", ["run.name"]),
        ("st.markdown(f'**{plain(run.name)}**')", []),
        ("st.error(str(error))", ["error"]),
        ("st.button('Go', help=refusal or None)", ["refusal"]),
        ("st.caption(view.title)", []),
        ("st.progress(0.5, text=snapshot.reason)", ["snapshot.reason"]),
    ],
)
def test_what_the_walk_finds(code, found):
    assert [text for node in drawn(ast.parse(code)) for text in held(node)] == found


def test_every_place_that_draws_a_users_text_takes_plain():
    bad = [
        f"{path.relative_to(APP)}:{node.lineno}: {text}"
        for path in sorted(APP.rglob("*.py"))
        for node in drawn(ast.parse(path.read_text(encoding="utf-8")))
        for text in held(node)
    ]
    assert not bad


def change_json(path, changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def hostile_run(runs_dir, **controls):
    """Return a run each of whose texts is an image of a foreign server."""
    run = make_run(runs_dir, state="failed", reason=f"reason {IMAGE}", **controls)
    run.rename(f"name {IMAGE}")
    lines = [json.loads(line) for line in run.log_path.read_text().splitlines()]
    lines[0] |= {"class_names": [f"{label} {IMAGE}" for label in range(10)]}
    lines[0] |= {key: f"{key} {IMAGE}" for key in ("device", "precision", "memory_format")}
    lines[0] |= {"estimator": f"estimator {IMAGE}", "teacher": f"teacher {IMAGE}"}
    lines[0] |= {"warnings": [IMAGE], "versions": {IMAGE: IMAGE}}
    lines[-1] |= {"warnings": [f"warning {IMAGE}"]}
    run.log_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def markdown_of(page):
    """Return every text of a page that the browser reads as Markdown."""
    texts = []
    for block in (page.main, page.sidebar):
        for element in block:
            proto = getattr(element, "proto", None)
            texts += [getattr(proto, name, "") for name in ("body", "label", "help", "text")]
    return [text for text in texts if isinstance(text, str)]


def assert_no_image(page):
    assert not page.exception
    assert not [text for text in markdown_of(page) if "](http" in text or "![" in text]


@pytest.mark.parametrize(
    "view", [VIEWS[0].name, *(pytest.param(v.name, marks=pytest.mark.slow) for v in VIEWS[1:])]
)
def test_a_run_of_hostile_texts_draws_no_foreign_image(open_lab, manager, view):
    run = hostile_run(manager.places.runs, method="bikd")
    other = hostile_run(manager.places.runs, method="kd")
    page = open_lab(run=run.run_id, view=view)
    assert_no_image(page)
    assert any("reason !" in error.value for error in page.error)  # as it was typed
    assert_no_image(open_lab(run=run.run_id, view=view, **{"with": other.run_id}))


def test_the_list_of_hostile_runs_draws_no_foreign_image(open_lab, manager):
    hostile_run(manager.places.runs)
    broken = make_run(manager.places.runs)
    change_json(broken.path / "run.json", {"created": IMAGE})
    page = open_lab()
    assert_no_image(page)
    assert any(IMAGE in markdown.value for markdown in page.markdown)


@pytest.mark.parametrize("name", ["run", "view", "dataset", "seed", "epoch", "picture", "key"])
def test_an_address_of_hostile_texts_draws_no_foreign_image(open_lab, name):
    page = open_lab(**{name: IMAGE})
    assert_no_image(page)
