"""The texts of the lesson, read from `assets/lesson`: a folder for each language."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.shared.glossary import sections
from bikd_core.places import ASSETS

FOLDER = ASSETS / "lesson"
ENGLISH = "en"  # the language that has every card
PLACEHOLDER = re.compile(r"\{(\w+)\}")
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class LessonError(ValueError):
    """A card or a list of symbols that cannot be read; one sentence names file and fault."""


class Card(BaseModel):
    """One card. Texts hold {names} of numbers, which its view computes from a recorded run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text
    view: Text = Field(description="the name of a view of `app.lesson.scenes`")
    question: Text
    choices: tuple[Text, ...] = Field(min_length=2, max_length=4)
    #: "choice NAME": the number NAME counts the right choice from 1. "nearest NAME": the choice
    #: whose number is nearest to the number NAME.
    answer: Annotated[str, StringConstraints(pattern=r"^(choice|nearest) \w+$")]
    equation: Text
    body: Text
    reveal: Text

    def placeholders(self) -> set[str]:
        """Return the names of all numbers that the card needs."""
        texts = (self.question, *self.choices, self.equation, self.body, self.reveal)
        return {name for text in texts for name in PLACEHOLDER.findall(text)} | {
            self.answer.split()[1]
        }

    def right_choice(self, numbers: dict[str, str]) -> int:
        """Return the place of the right choice, from 0."""
        how, name = self.answer.split()
        value = number_in(numbers[name])
        if how == "choice":
            return round(value) - 1
        away = [abs(number_in(choice) - value) for choice in self.choices]
        return away.index(min(away))


class Symbol(BaseModel):
    """A symbol of an equation: how it is written, where _ begins an index, and what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign: Text
    meaning: Text


def number_in(text: str) -> float:
    """Return the number that a text begins with: "5.2 points" is 5.2."""
    match = re.match(r"[+−-]?\d+(\.\d+)?", text)
    if match is None:
        raise LessonError(f"{text!r} does not begin with a number.")
    return float(match[0].replace("−", "-"))


def languages() -> tuple[str, ...]:
    """Return the names of the folders that hold cards."""
    return tuple(sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))


@cache
def count() -> int:
    """Return the number of cards: that of the English ones."""
    return len(_files(FOLDER / ENGLISH))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9]-*.md"))


def read_card(number: int, language: str = ENGLISH, folder: Path = FOLDER) -> tuple[Card, str]:
    """Return a card, and a sentence if English stands in for another language; else "".

    Args:
        number: Which card, from 1.
        language: The name of a folder of cards.
        folder: The folder of all languages.

    Raises:
        LessonError: The English card is missing or cannot be read.
    """
    try:
        return _card(number, folder / language), ""
    except LessonError as error:
        if language == ENGLISH:
            raise
        return _card(number, folder / ENGLISH), f"{error} The English one is shown."


def _card(number: int, folder: Path) -> Card:
    """Return the card of one folder."""
    paths = [path for path in _files(folder) if path.name.startswith(f"{number:02d}-")]
    if len(paths) != 1:
        raise LessonError(f"Card {number} of the lesson is missing in the language {folder.name}.")
    where = f"Card {number} of the lesson in the language {folder.name}"
    parts = paths[0].read_text(encoding="utf-8").split("---\n", 2)
    if len(parts) != 3:
        raise LessonError(f"{where} must begin with its fields between two lines of three dashes.")
    fields = dict(re.findall(r"^(\w+): *(.*)$", parts[1], flags=re.MULTILINE))
    body, _, reveal = parts[2].partition("***")
    choices = tuple(choice.strip() for choice in fields.pop("choices", "").split("|"))
    try:
        return Card(**fields, choices=choices, body=_joined(body), reveal=_joined(reveal))
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(map(str, fault["loc"]))
        raise LessonError(f"{where} has a fault in {name}: {fault['msg']}.") from error


def _joined(text: str) -> str:
    return " ".join(text.split())


@cache
def symbols(language: str = ENGLISH, folder: Path = FOLDER) -> dict[str, Symbol]:
    """Return the symbols of the equations by name; those that a language lacks are English.

    Raises:
        LessonError: A symbol has no sign or no meaning.
    """
    path = folder / language / "symbols.md"
    found = {} if language == ENGLISH else dict(symbols(ENGLISH, folder))
    if not path.exists():
        return found
    for name, fields, meaning in sections(path, "sign"):
        try:
            found[name] = Symbol(sign=fields.get("sign", ""), meaning=meaning)
        except ValidationError as error:
            raise LessonError(
                f"The symbol {name!r} needs a line 'sign: …' and a meaning below it, in {language}."
            ) from error
    return found
