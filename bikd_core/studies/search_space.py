"""What a search draws for a method: controls with their ranges or values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bikd_core.config import ConfigError, is_read_by
from bikd_core.config.reading import DECIDING


class Range(NamedTuple):
    """A range of numbers to draw from, ends included; on a log axis unless it is linear."""

    low: float
    high: float
    log: bool = True


Values = Range | tuple[Any, ...]
Space = dict[str, Values]

#: What is drawn where the method reads it. An option that decides whether another one is read
#: stands above it. A rival's constants that are not controls, such as WSL's α, stay as published.
_SPACE: Space = {
    "learning_rate": Range(0.005, 1.0),
    "weight_decay": Range(1e-5, 1e-2),
    "temperature": Range(1.0, 10.0),
    "kd_alpha": Range(0.05, 0.95, log=False),
    "weight_net_learning_rate": Range(3e-4, 0.1),
    "prior": ("none", "hard", "both"),
    "weight_form": ("free", "scale", "convex"),
    "virtual_step": (0.3, 1.0, 3.0),
    "outer_from": (0.0, 0.5),
    "class_shifts": ("none", "one", "each"),
    "class_shift_learning_rate": Range(3e-3, 0.3),
    "inner_steps": (1, 2, 5, 10),
    "meta_loss": ("hard", "mix"),
    "weight_net_inputs": ("shifted", "plain"),
    "cross_fit": (False, True),
}
_WARM_UP_SHARES = (0.0, 0.1, 0.3)  # shares of the epochs
#: All controls that any method's space may hold.
CONTROLS = (*_SPACE, "warm_up")


def space_of(method: str, own: Mapping[str, Any], fixed: frozenset[str]) -> Space:
    """Return what is drawn for a method; each range or list holds the method's own value.

    Args:
        method: The entry as text, for messages.
        own: All controls of the method itself.
        fixed: Controls that the entry sets and the search therefore leaves alone.

    Raises:
        ConfigError: A value of the method itself does not lie on the axis of its range.
    """
    space = dict(_SPACE)
    shares = {round(share * own["epochs"]) for share in _WARM_UP_SHARES}
    space["warm_up"] = tuple(sorted(shares))
    if own["train_on_val"] == "no":
        del space["cross_fit"]  # which would train on D_val
    if own["weight_scale"] == "relative":
        space["weight_form"] = ("free", "scale")  # convex is not possible
    free = {name: values for name, values in space.items() if name not in fixed}
    forms = variants(own, free)
    return {
        name: _with(values, own[name], f"{name} = {own[name]:g}", method)
        if isinstance(values, Range)
        else tuple(dict.fromkeys([*values, own[name]]))
        for name, values in free.items()
        if any(is_read_by(name, form) for form in forms)
    }


def variants(own: Mapping[str, Any], space: Mapping[str, Values]) -> list[dict[str, Any]]:
    """Return a method's own controls, and each change of them that lets it read other options."""
    changes = [
        {option: value}
        for option in DECIDING
        if option in space and is_read_by(option, own)
        for value in space[option]
    ]
    return [dict(own), *({**own, **change} for change in changes)]


def is_drawn(name: str, controls: Mapping[str, Any]) -> bool:
    """Return whether an option changes anything in a run, given what has been drawn before it."""
    if not is_read_by(name, controls):
        return False
    # Shifted and plain inputs are the same where nothing is shifted.
    unshifted = controls["over"] == "ce_kd" and controls["prior"] == "none"
    return not (name == "weight_net_inputs" and unshifted)


def _with(values: Range, own: float, words: str, method: str) -> Range:
    """Return the range, widened to hold the method's own value."""
    if values.log and own <= 0:
        raise ConfigError(
            f"{words} is not possible in a search: it draws values above 0; "
            f"{words.partition(' ')[0]} can be fixed in the entry {method!r} instead."
        )
    return values._replace(low=min(values.low, own), high=max(values.high, own))
