"""The meaning of every term, from one file, and where a text uses one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bikd_core.places import ASSETS

FILE = ASSETS / "glossary" / "en.md"
Mark = tuple[int, int, str, str, int]  # start and end in the text, name, meaning, lesson's card


class Term(NamedTuple):
    """A term, the other forms in which texts use it, its meaning, and the card about it."""

    name: str
    forms: tuple[str, ...]
    meaning: str
    card: int


class GlossaryError(ValueError):
    """A section of the glossary that cannot be read; the message names it and what is missing."""


@cache
def terms(path: Path = FILE) -> tuple[Term, ...]:
    """Return all terms, in the order of the file.

    Raises:
        GlossaryError: A term has no card or no meaning.
    """
    return tuple(_term(*section) for section in sections(path, "forms", "card"))


def sections(path: Path, *names: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the heading, the fields and the text of each section of a file that begins with ##.

    Args:
        path: A Markdown file.
        names: What the lines "NAME: value" that are fields begin with; the others are the text.
    """
    _, *found = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    is_field = re.compile(rf"({'|'.join(names)}): (.*)")
    for section in found:
        heading, *lines = section.strip().splitlines()
        fields = {m[1]: m[2] for line in lines if (m := is_field.match(line))}
        text = " ".join(line for line in lines if not is_field.match(line)).strip()
        yield heading, fields, text


def _term(name: str, fields: dict[str, str], meaning: str) -> Term:
    if not meaning or not fields.get("card", "").isdigit():
        raise GlossaryError(f"{name!r} needs a line 'card: N' and a meaning below it.")
    forms = tuple(form.strip() for form in fields.get("forms", "").split(",") if form.strip())
    return Term(name, forms, meaning, int(fields["card"]))


@cache
def _by_form() -> dict[str, Term]:
    return {form.casefold(): term for term in terms() for form in (term.name, *term.forms)}


@cache
def _pattern() -> re.Pattern[str]:
    """Return a pattern of all forms, which prefers the longest."""
    forms = sorted(_by_form(), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, forms))})(?![\w-])", re.IGNORECASE)


def marks(text: str, limit: int | None = None, known: Container[str] = ()) -> list[Mark]:
    """Return where a text first uses a term.

    Args:
        text: The text.
        limit: How many of its terms are marked; None for all.
        known: Names of terms that need no mark, because they have one nearby.
    """
    found: dict[str, Mark] = {}
    for match in _pattern().finditer(text):
        term = _by_form()[match[0].casefold()]
        if term.name not in found and term.name not in known:
            found[term.name] = (match.start(), match.end(), term.name, term.meaning, term.card)
    return list(found.values())[:limit]


def help_text(label: str, description: str) -> str:
    """Return the help of a widget: what it does, and the meaning of the terms in its label."""
    return "\n\n".join([description, *meanings(label, limit=2)])


def meanings(text: str, limit: int | None = None) -> list[str]:
    """Return the meaning of each term in a text, as Markdown with a link to the lesson's card."""
    return [
        f"**{name}** – {meaning.replace('_', chr(92) + '_')} "
        f"[Lesson, card {card}](learn?lesson={card})"
        for _, _, name, meaning, card in marks(text, limit)
    ]
