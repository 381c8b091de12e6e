"""A run that can be listened to: the weights of rare and of frequent classes as two voices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from app.components.source import loader_of
from bikd_core.evaluation import shot_groups
from bikd_core.events import EpochDone, RunStarted

_STEADY = 0.05  # less is no movement that one hears
_mount = st.components.v2.component(
    "bikd_run_sound", js=loader_of("run_sound"), isolate_styles=False
)


class Sound(NamedTuple):
    """Two voices over the epochs, from 0 (low) to 1 (high), and the same in words."""

    few: list[float]  # mean w_hard of the few-shot classes
    many: list[float]
    words: str


def sound_of(epochs: Sequence[EpochDone], started: RunStarted) -> Sound:
    """Return how a run with weights sounds.

    Args:
        epochs: At least one, from epoch 1 on.
        started: Names and counts of the classes.

    Raises:
        ValueError: The method has no weight net.
    """
    groups = shot_groups(started.class_counts)
    few, many = (
        [round(_mean_weight(epoch, labels), 3) for epoch in epochs]
        for labels in (groups.few, groups.many)
    )
    words = (
        f"In words: over {len(epochs)} epochs w_hard of few-shot classes {_course(few)}; of "
        f"many-shot ones it {_course(many)}."
    )
    return Sound(few, many, words)


def _mean_weight(epoch: EpochDone, labels: Sequence[int]) -> float:
    means = epoch.w_hard_per_class
    if means is None:
        raise ValueError("a method without a weight net has no weights to listen to")
    return float(np.mean([means[label] for label in labels]))


def _course(values: Sequence[float]) -> str:
    """Return how a line goes, in words."""
    first, last = values[0], values[-1]
    if max(values) - min(values) < _STEADY:
        return f"stays near {last:.2f}"
    way = "rises" if last > first + _STEADY else "falls" if last < first - _STEADY else "comes back"
    words = f"{way} from {first:.2f} to {last:.2f}"
    turn = max(values, key=lambda value: max(value - max(first, last), min(first, last) - value))
    if max(turn - max(first, last), min(first, last) - turn) < _STEADY:
        return words
    extreme = "highest" if turn > last else "lowest"
    return f"{words} ({extreme}: {turn:.2f}, at epoch {values.index(turn) + 1})"


def run_sound(sound: Sound, *, key: str) -> None:
    """Draw a button that plays a run, which is silent until somebody presses it.

    Args:
        sound: What `sound_of` returns.
        key: The element's key.
    """
    _mount(key=key, data=[sound._asdict()])  # in a list: see `live_plot`
