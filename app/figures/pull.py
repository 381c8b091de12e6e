"""What D_val asks for, by class: its pull on the logits, and the influence of the class's images.

Classes stand head to tail; of many classes, the means of the thirds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.figures.classes import Rows, are_level, class_axis, rows_of
from app.figures.drawing import (
    FONT_SIZE,
    HEIGHT,
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    base_layout,
    empty,
)
from bikd_core.config import signed
from bikd_core.evaluation import shot_groups
from bikd_core.events import EpochDone, RunStarted

PULL_QUESTION = "Which classes does D_val want predicted more?"
CLASS_INFLUENCE_QUESTION = "… and whose pictures does it ask for?"
_NO_PULL = 0.002  # a mean gradient on a logit that is not worth a direction
_GROUPS = ("many", "medium", "few")
_TOP = 32  # px: the words over the bars

Values = Sequence[float | None]  # by class, in label order


class Thirds(NamedTuple):
    """Means over the classes of the outer thirds."""

    tail: float
    head: float

    @property
    def tilt(self) -> float:
        """Below 0: more for the tail than for the head."""
        return self.tail - self.head

    @property
    def in_words(self) -> str:
        tail, head = (signed(round(value, 3) + 0.0, 3) for value in self)  # never −0
        return f"few {tail}, many {head}"

    @property
    def favoured(self) -> tuple[str, str]:
        """The third that is asked for, and the other one, in words."""
        names = ("few-shot classes", "many-shot classes")
        return names if self.tilt < 0 else names[::-1]


def class_pull(epoch: EpochDone, started: RunStarted) -> Drawing:
    """Return bars of L_val's mean gradient on each class's logit, by its hard and its soft part."""
    parts = _by_kind(epoch.pull_hard_per_class, epoch.pull_soft_per_class)
    if not parts:
        return empty(PULL_QUESTION, _not_asked(epoch), HEIGHT)
    words = ("← wants it predicted more", "less →")
    title = "mean gradient of L_val on the class's logit"
    sentence = f"At epoch {epoch.epoch} {_verdict(epoch, started)}"
    alt = f"Bars of the gradient of L_val on each class's logit, head to tail. {sentence}"
    return _bars(PULL_QUESTION, parts, started, title, words, sentence, alt)


def class_influence(epoch: EpochDone, started: RunStarted, num_without: int = 0) -> Drawing:
    """Return bars of the mean influence of each class's images, by loss.

    Args:
        epoch: The epoch.
        started: Names and counts of the classes.
        num_without: Images whose step had no hypergradient, which are left out of the means.
    """
    parts = _by_kind(epoch.influence_hard_per_class, epoch.influence_soft_per_class)
    if not any(value is not None for values in parts.values() for value in values):
        return empty(CLASS_INFLUENCE_QUESTION, _not_asked(epoch), HEIGHT)
    thirds = {kind: _thirds(values, started) for kind, values in parts.items()}
    said = "; ".join(f"{kind} loss {of.in_words}" for kind, of in thirds.items() if of is not None)
    if are_level(started.class_counts):
        means = {kind: _mean(values) for kind, values in parts.items()}
        said = "; ".join(
            f"{kind} loss {signed(mean, 3)} over all classes"
            for kind, mean in means.items()
            if mean is not None
        )
    sentence = f"At epoch {epoch.epoch} the mean influence is: {said}. Negative: D_val wants more."
    if num_without:
        total = sum(started.class_counts)
        sentence += (
            f" {num_without:,} of {total:,} images have none, since their step had no "
            "hypergradient."
        )
    words = ("← wants more of these", "less →")
    alt = f"Bars of the mean influence of each class's images, head to tail. {sentence}"
    title = "mean influence of the class's images"
    return _bars(CLASS_INFLUENCE_QUESTION, parts, started, title, words, sentence, alt)


def _by_kind(hard: Values | None, soft: Values | None) -> dict[str, Values]:
    pairs = (("hard", hard), ("soft", soft))
    return {kind: values for kind, values in pairs if values is not None}


def _not_asked(epoch: EpochDone) -> str:
    return (
        f"No step of epoch {epoch.epoch} had a hypergradient: D_val was not asked, and the weights "
        "were not learned."
    )


# In words ----------------------------------------------------------------------------------------


def _thirds(values: Values, started: RunStarted) -> Thirds | None:
    """Return the means of the outer thirds; None if one of them has no value."""
    groups = shot_groups(started.class_counts)
    tail = _mean([values[label] for label in groups.few])
    head = _mean([values[label] for label in groups.many])
    return None if tail is None or head is None else Thirds(tail, head)


def _mean(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _verdict(epoch: EpochDone, started: RunStarted) -> str:
    """Return which way D_val pulls, and whether the influence of the pictures agrees with that."""
    if are_level(started.class_counts):
        return _level_verdict(epoch, started)
    hard, soft = (
        None if values is None else _thirds(values, started)
        for values in (epoch.pull_hard_per_class, epoch.pull_soft_per_class)
    )
    asked, whose = (hard, "D_val's labels") if hard is not None else (soft, "the teacher on D_val")
    assert asked is not None  # there is a pull
    if max(abs(asked.tail), abs(asked.head)) < _NO_PULL:
        return (
            f"{whose} hardly pull at any logit ({asked.in_words}): L_val is nearly satisfied, so "
            "it guides little."
        )
    more, less = asked.favoured
    words = (
        f"{whose} {'pull' if hard is not None else 'pulls'} the logits of the {more} up against "
        f"those of the {less} ({asked.in_words}).{_read_agreement(asked, epoch, started)}"
    )
    if hard is not None and soft is not None:
        words += f" {_read_soft(hard, soft)}"
    return words


def _level_verdict(epoch: EpochDone, started: RunStarted) -> str:
    """Return which classes D_val pulls up and down most, where none is larger than another."""
    hard = epoch.pull_hard_per_class
    values, whose = (hard, "D_val's labels pull")
    if values is None:
        values, whose = epoch.pull_soft_per_class, "the teacher on D_val pulls"
    assert values is not None  # there is a pull
    known = {label: value for label, value in enumerate(values) if value is not None}
    up, down = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    names = started.class_names
    return (
        f"{whose} the logit of {names[up]} up most ({signed(known[up], 3)}) and that of "
        f"{names[down]} least ({signed(known[down], 3)}). All classes are equally large, so "
        "there is no head and no tail."
    )


def _read_agreement(asked: Thirds, epoch: EpochDone, started: RunStarted) -> str:
    """Return whether the influence of the pictures favours the same third as the pull."""
    parts = _by_kind(epoch.influence_hard_per_class, epoch.influence_soft_per_class)
    thirds = {kind: _thirds(values, started) for kind, values in parts.items()}
    known = {kind: of.favoured == asked.favoured for kind, of in thirds.items() if of is not None}
    if not known:
        return ""
    more, less = asked.favoured
    both = "for both losses" if len(known) == 2 else f"for the {next(iter(known))} loss"
    disagree = "the two disagree, and the weights follow the influence"
    if all(known.values()):
        return (
            f" The pictures' influence asks for more weight on the {more} too, {both}: the two "
            "agree."
        )
    if not any(known.values()):
        return (
            f" But the pictures' influence asks for more weight on the {less}, {both}: {disagree}."
        )
    right, wrong = sorted(known, key=lambda kind: not known[kind])
    return (
        f" The pictures' influence asks for more {right}-loss weight on the {more} too, but for "
        f"more {wrong}-loss weight on the {less}: there {disagree}."
    )


def _read_soft(hard: Thirds, soft: Thirds) -> str:
    """Return whether the soft part of L_val, imitation of the teacher, pulls the same way."""
    if hard.favoured == soft.favoured:
        return f"L_val's soft part pulls the same way ({soft.in_words})."
    return (
        "L_val's soft part, which asks for the teacher's predictions, pulls the other way "
        f"({soft.in_words}): meta loss hard leaves it out."
    )


# The bars ----------------------------------------------------------------------------------------


def _bars(
    question: str,
    parts: Mapping[str, Values],
    started: RunStarted,
    title: str,
    words: tuple[str, str],
    sentence: str,
    alt: str,
) -> Drawing:
    rows = _rows(started)
    ordered = {kind: _ordered(values, rows, started) for kind, values in parts.items()}
    largest = max(abs(v) for values in ordered.values() for v in values if v is not None)
    limit = 1.08 * max(largest, 1e-4)
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 16, "t": _TOP, "b": 84},
        barmode="group",
        bargap=0.25,
        xaxis={
            "title": {"text": title, "standoff": 6},
            "range": [-limit, limit],
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 6,
        },
        yaxis=class_axis(rows),
        annotations=[_corner(words[0], "left"), _corner(words[1], "right")],
        showlegend=True,
        legend={
            "orientation": "h",
            "traceorder": "reversed",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
    )
    data = [_bar(kind, values, rows) for kind, values in reversed(ordered.items())]
    return Drawing(question, sentence, alt, data, layout, max(HEIGHT, rows.height + 40))


def _rows(started: RunStarted) -> Rows:
    """Return the rows: of classes, or of thirds where there are many."""
    rows = rows_of(started.class_names, started.class_counts)
    if rows.are_named:
        return rows
    counts = tuple(
        sum(c for c, group in zip(rows.counts, rows.groups, strict=True) if group == name)
        for name in _GROUPS
    )
    return Rows((0, 1, 2), _GROUPS, counts, _GROUPS)


def _ordered(values: Values, rows: Rows, started: RunStarted) -> list[float | None]:
    if len(rows.labels) == len(values):
        return [values[label] for label in rows.labels]
    members = shot_groups(started.class_counts)
    return [_mean([values[label] for label in labels]) for labels in members]


def _bar(kind: str, values: Sequence[float | None], rows: Rows) -> dict[str, Any]:
    return {
        "type": "bar",
        "uid": kind,
        "name": f"{kind} loss",
        "orientation": "h",
        "x": [None if value is None else round(value, 5) for value in values],
        "y": [-row for row in range(len(values))],
        "customdata": list(rows.names),
        "marker": {
            "color": KIND_COLOURS[kind],
            "pattern": {"shape": "/" if kind == "soft" else "", "solidity": 0.3},
        },
        "hovertemplate": f"%{{customdata}}, {kind}: %{{x:+.4f}}<extra></extra>",
    }


def _corner(text: str, side: str) -> dict[str, Any]:
    return {
        "text": text,
        "x": 0 if side == "left" else 1,
        "xref": "paper",
        "xanchor": side,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 4,
        "showarrow": False,
        "font": {"color": THEME_TEXT, "size": FONT_SIZE},
    }
