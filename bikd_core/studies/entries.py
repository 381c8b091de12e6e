"""The entries of a comparison: a method with options that override the comparison's controls.

As text, an entry is `kd`, `bikd:prior=both,meta_loss=hard`, or begins with the name of a form of a
method: `relative`, `relative:over=ltkd`. `calibration` is the one option that is not of the run:
`kd:calibration=class_biases` says which accuracy of the run counts. Commas separate the entries of
a list too: a piece with "=" and no ":" before it belongs to the entry before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bikd_core.config import (
    METHOD_FACTS,
    ConfigError,
    DataConfig,
    RunConfig,
    allowed,
    as_text,
    choices,
    fields,
    is_read_by,
    title_of,
    why_unread,
)
from bikd_core.config.presets import METHOD_PRESETS
from bikd_core.studies.calibration import LABELS, Calibration, read_calibration

#: Controls that decide which images are trained and tested on; they are the same for all entries.
_SHARED = tuple(name for name in DataConfig.model_fields if name != "val_per_class")
_CALIBRATION = "calibration"
_IN_TITLE = ("over", "weight_scale")  # options that a method's title says
#: What an entry may begin with: a method, or a form of one.
ENTRY_NAMES = (*METHOD_FACTS, *METHOD_PRESETS)
_NO_CONTROLS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Entry:
    """One entry of a comparison: a method and its own options."""

    text: str  # as the user wrote it
    method: str
    options: tuple[tuple[str, str], ...] = ()  # control and value, as written
    form: tuple[tuple[str, str], ...] = ()  # the same, of the form that it begins with
    calibration: Calibration | None = None  # None: as the comparison says

    @property
    def own_controls(self) -> dict[str, str]:
        """The controls that the entry itself sets besides the method."""
        return dict(self.form + self.options)

    @property
    def label(self) -> str:
        """The entry in words, such as "BiKD over KD (relative, meta loss hard)"."""
        return self.label_in({"method": self.method} | self.own_controls)

    def label_in(self, controls: Mapping[str, Any]) -> str:
        """Return the entry in words where these controls, its own among them, are a run's."""
        words = [_words(name, value) for name, value in self.options if name not in _IN_TITLE]
        words += [LABELS[self.calibration]] if self.calibration else []
        return bracketed(title_of(controls), words)

    def config(self, base: RunConfig, seed: int, **changes: Any) -> RunConfig:
        """Return the config of this entry with a seed; its own options override the changes.

        Raises:
            ConfigError: An option has an impossible value.
        """
        return base.changed(method=self.method, seed=seed, **(changes | self.own_controls))


def bracketed(title: str, words: Sequence[str]) -> str:
    """Return a title with words in brackets behind it; a title's own brackets take them too."""
    if not words:
        return title
    listed = ", ".join(words)
    return f"{title[:-1]}, {listed})" if title.endswith(")") else f"{title} ({listed})"


def split_entries(text: str) -> tuple[str, ...]:
    """Split a list of entries, separated by commas, into the text of each."""
    entries: list[str] = []
    for piece in text.split(","):
        if entries and "=" in piece and ":" not in piece.partition("=")[0]:
            entries[-1] += f",{piece.strip()}"
        else:
            entries.append(piece.strip())
    return tuple(entries)


def read_entry(text: str, base: Mapping[str, Any] = _NO_CONTROLS) -> Entry:
    """Parse the text of an entry.

    Args:
        text: The text.
        base: Controls of the comparison: which options are read may depend on them.

    Raises:
        ConfigError: The method or an option is unknown, the method as the entry configures it does
            not read the option, or the option cannot differ by entry.
    """
    name, _, rest = text.partition(":")
    if name not in ENTRY_NAMES:
        raise ConfigError(
            f"methods = {name[:80]!r} is not possible: each must be one of "
            f"{', '.join(ENTRY_NAMES)}."
        )
    given = dict(_option(text, piece) for piece in rest.split(",") if rest)
    own = given.pop(_CALIBRATION, None)
    calibration = None if own is None else read_calibration(own)
    form = {key: as_text(value) for key, value in METHOD_PRESETS.get(name, {}).items()}
    method = form.pop("method", name)
    configured = {**base, "method": method, **form, **given}
    if unread := [key for key in given if not is_read_by(key, configured)]:
        raise ConfigError(f"{_refusal(text)}{why_unread(unread[0], configured)}.")
    read = tuple(pair for pair in form.items() if is_read_by(pair[0], configured))
    return Entry(text, method, tuple(given.items()), read, calibration)


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
    if has_value and name == _CALIBRATION:
        return name, value
    if not has_value or name not in fields():
        raise ConfigError(
            f"{_refusal(text)}after the colon come controls like prior=both; {name[:80]!r} is not "
            "one."
        )
    if name in {"method", "seed", *_SHARED}:
        raise ConfigError(f"{_refusal(text)}{name} must be the same for all entries.")
    if (possible := choices(name)) and value not in map(str, possible):
        raise ConfigError(f"{name} = {value[:80]!r} is not possible: {allowed(name)}.")
    return name, value


def _words(name: str, value: str) -> str:
    title = (fields()[name].title or name).lower()
    if fields()[name].annotation is bool:
        return title if value.lower() in {"true", "1", "yes", "on"} else f"no {title}"
    return f"{title} {value}"
