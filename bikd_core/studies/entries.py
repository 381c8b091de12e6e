"""The entries of a comparison: a method with options that override the comparison's controls.

As text, an entry is `kd` or `bikd:prior=both,meta_loss=hard`. Commas separate the entries of a list
too: a piece with "=" and no ":" before it belongs to the entry before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bikd_core.config import (
    METHOD_FACTS,
    ConfigError,
    DataConfig,
    RunConfig,
    fields,
    is_read_by,
    title_of,
)

#: Controls that decide which images are trained and tested on; they are the same for all entries.
_SHARED = tuple(name for name in DataConfig.model_fields if name != "val_per_class")
_IN_TITLE = ("over", "weight_scale")  # options that a method's title says


@dataclass(frozen=True)
class Entry:
    """One entry of a comparison: a method and its own options."""

    text: str  # as the user wrote it
    method: str
    options: tuple[tuple[str, str], ...] = ()  # control and value, as written

    @property
    def label(self) -> str:
        """The entry in words, such as "BiKD over KD (relative, meta loss hard)"."""
        options = dict(self.options)
        in_title = _IN_TITLE if options.get("over", self.method) in METHOD_FACTS else ()
        given = {name: options.pop(name) for name in in_title if name in options}
        title = title_of({"method": self.method} | given)
        words = ", ".join(_words(name, value) for name, value in options.items())
        if not words:
            return title
        # A title may end in brackets: they take the options too.
        return f"{title[:-1]}, {words})" if title.endswith(")") else f"{title} ({words})"

    def config(self, base: RunConfig, seed: int, **faults: Any) -> RunConfig:
        """Return the config of this entry with a seed.

        Raises:
            ConfigError: An option has an impossible value.
        """
        return base.changed(method=self.method, seed=seed, **(faults | dict(self.options)))


def split_entries(text: str) -> tuple[str, ...]:
    """Split a list of entries, separated by commas, into the text of each."""
    entries: list[str] = []
    for piece in text.split(","):
        if entries and "=" in piece and ":" not in piece.partition("=")[0]:
            entries[-1] += f",{piece.strip()}"
        else:
            entries.append(piece.strip())
    return tuple(entries)


def read_entry(text: str) -> Entry:
    """Parse the text of an entry.

    Raises:
        ConfigError: The method or an option is unknown, or the option cannot differ by entry.
    """
    method, _, rest = text.partition(":")
    if method not in METHOD_FACTS:
        raise ConfigError(
            f"methods = {method[:80]!r} is not possible: each must be one of "
            f"{', '.join(METHOD_FACTS)}."
        )
    options = tuple(_option(text, piece) for piece in rest.split(",") if rest)
    chosen = {"method": method} | dict(options)
    if chosen.get("over", method) not in METHOD_FACTS:
        del chosen["over"]  # the config refuses it
    for name, _ in options:
        if not is_read_by(name, chosen):
            title = METHOD_FACTS[method].title
            raise ConfigError(f"{_refusal(text)}{title} does not read {name}.")
    return Entry(text, method, options)


def label_of(text: str) -> str:
    """Return an entry's label in words, from its text.

    Raises:
        ConfigError: The text is not a valid entry.
    """
    return read_entry(text).label


def _refusal(text: str) -> str:
    return f"methods = {text[:80]!r} is not possible: "


def _option(text: str, piece: str) -> tuple[str, str]:
    name, has_value, value = (part.strip() for part in piece.partition("="))
    if not has_value or name not in fields():
        raise ConfigError(
            f"{_refusal(text)}after the colon come controls like prior=both; {name[:80]!r} is not "
            "one."
        )
    if name in {"method", "seed", *_SHARED}:
        raise ConfigError(f"{_refusal(text)}{name} must be the same for all entries.")
    return name, value


def _words(name: str, value: str) -> str:
    title = (fields()[name].title or name).lower()
    if fields()[name].annotation is bool:
        return title if value.lower() in {"true", "1", "yes", "on"} else f"no {title}"
    return f"{title} {value}"
