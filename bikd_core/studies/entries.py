"""The entries of a comparison: a method with options that override the comparison's controls.

As text, an entry is `kd` or `bikd:prior=both,meta_loss=hard`. Commas separate the entries of a list
too: a piece with "=" and no ":" before it belongs to the entry before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bikd_core.config import METHOD_FACTS, ConfigError, DataConfig, RunConfig, fields, is_read_by

#: Controls that decide which images are trained and tested on; they are the same for all entries.
_SHARED = tuple(name for name in DataConfig.model_fields if name != "val_per_class")


@dataclass(frozen=True)
class Entry:
    """One entry of a comparison: a method and its own options."""

    text: str  # as the user wrote it
    method: str
    options: tuple[tuple[str, str], ...] = ()  # control and value, as written

    @property
    def label(self) -> str:
        """The entry in words, such as "BiKD (class prior both, meta loss hard)"."""
        title = METHOD_FACTS[self.method].title
        words = ", ".join(_words(name, value) for name, value in self.options)
        return f"{title} ({words})" if words else title

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
    options = tuple(_option(text, method, piece) for piece in rest.split(",") if rest)
    return Entry(text, method, options)


def label_of(text: str) -> str:
    """Return an entry's label in words, from its text.

    Raises:
        ConfigError: The text is not a valid entry.
    """
    return read_entry(text).label


def _option(text: str, method: str, piece: str) -> tuple[str, str]:
    name, has_value, value = (part.strip() for part in piece.partition("="))
    refusal = f"methods = {text[:80]!r} is not possible: "
    if not has_value or name not in fields():
        raise ConfigError(
            f"{refusal}after the colon come controls like prior=both; {name[:80]!r} is not one."
        )
    if name in {"method", "seed", *_SHARED}:
        raise ConfigError(f"{refusal}{name} must be the same for all entries.")
    if not is_read_by(name, method):
        raise ConfigError(f"{refusal}{METHOD_FACTS[method].title} does not read {name}.")
    return name, value


def _words(name: str, value: str) -> str:
    title = (fields()[name].title or name).lower()
    if fields()[name].annotation is bool:
        return title if value.lower() in {"true", "1", "yes", "on"} else f"no {title}"
    return f"{title} {value}"
