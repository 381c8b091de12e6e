"""Each term has one meaning, and the words of titles and labels lead to it."""

import ast
import re
from pathlib import Path

import pytest

from app.shared import glossary
from app.shared.glossary import GlossaryError, help_text, marks, terms
from bikd_core.config import fields
from bikd_core.places import ASSETS
from tests.app.shown import components

APP = Path(__file__).parents[3] / "app"


def all_texts() -> str:
    """Return what the pages say in titles, labels and cards."""
    parts = [f"{field.title}\n{field.description}" for field in fields().values()]
    parts += [path.read_text(encoding="utf-8") for path in (ASSETS / "lesson").rglob("*.md")]
    for path in APP.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        parts += [node.value for node in nodes if _is_text(node)]
    return "\n".join(parts)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_each_term_has_a_short_meaning_and_appears_on_a_page():
    texts = all_texts()
    for term in terms():
        assert 5 <= len(term.meaning.split()) <= 45, term.name
        forms = (term.name, *term.forms)
        found = [re.search(rf"\b{re.escape(form)}\b", texts, re.IGNORECASE) for form in forms]
        assert any(found), term.name


def test_no_two_terms_share_a_form():
    forms = [form.casefold() for term in terms() for form in (term.name, *term.forms)]
    assert len(forms) == len(set(forms))


def test_the_words_of_the_lesson_are_all_there():
    names = {term.name for term in terms()}
    assert {
        "teacher",
        "student",
        "hard loss",
        "soft loss",
        "temperature",
        "imbalance factor",
    } <= names
    assert {"D_tr", "D_val", "inner steps", "hypergradient", "weight net", "league"} <= names
    assert {"pull", "influence", "class biases", "trust", "out-of-fold"} <= names


def test_a_text_is_marked_at_the_first_use_of_each_term_and_at_the_longest_form():
    text = "Hard-loss weights: the weight net sees the hard loss."
    found = marks(text, limit=2)
    assert [text[start:end] for start, end, *_ in found] == ["Hard-loss", "weights"]
    assert [name for _, _, name, _, _ in found] == ["hard loss", "weight"]


@pytest.mark.parametrize(
    ("page", "term"), [("compare", "D_val"), ("teachers", "D_val"), ("studies", "weight")]
)
def test_the_words_of_each_page_explain_their_terms_once(open_page, page, term):
    drawn = [
        data for data in components(open_page(page)) if isinstance(data, dict) and "tag" in data
    ]
    for data in drawn:
        names = [
            name for line in data["lines"] for part in line for _, _, name, *_ in part["terms"]
        ]
        assert len(names) == len(set(names))
    text = [part for data in drawn for line in data["lines"] for part in line]
    assert term in {name for part in text for _, _, name, *_ in part["terms"]}


def test_weight_decay_is_no_weight_of_a_picture():
    assert [name for _, _, name, *_ in marks("momentum 0.9, weight decay 0.0005")] == [
        "weight decay"
    ]


@pytest.mark.parametrize("text", ["", "How many pictures?", "a factory", "untrusted", "Pulling"])
def test_ordinary_words_are_no_terms(text):
    assert marks(text, limit=3) == []


def test_a_widget_s_help_has_the_meaning_of_the_term_in_its_label_and_the_card():
    said = help_text("Imbalance factor", "Images divided by images.")
    assert said.startswith("Images divided by images.\n\n**imbalance factor**")
    assert "(learn?lesson=1)" in said
    assert help_text("Epochs", "Passes.") == "Passes."


@pytest.mark.parametrize("section", ["## x\ncard: 1\n", "## x\nA meaning.\n", "## x\ncard: one\ny"])
def test_a_term_without_card_or_meaning_is_refused_by_its_name(tmp_path, section):
    path = tmp_path / "en.md"
    path.write_text(section)
    with pytest.raises(GlossaryError, match="'x' needs a line"):
        glossary.terms(path)
