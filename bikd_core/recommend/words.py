"""A recommendation in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bikd_core.answer.plans import NUM_FOLDS
from bikd_core.config import signed
from bikd_core.recommend.record import Chosen, Group, Record

_NORMAL = 1.959964  # standard errors to each side of a 95 % interval


def sentence(record: Record) -> str:
    """Return what is recommended, what it gains and what is not known; the test set was seen."""
    assert record.chosen is not None  # it is chosen before the test set is looked at
    assert record.reference is not None
    if same(record.chosen, record.reference):
        return (
            f"Recommended: {record.chosen.title}. Of all recipes D_val ranks plain KD highest; "
            f"it has {_percent(record.groups['balanced'].chosen)} on the test set."
        )
    return " ".join(
        [
            f"Recommended: {record.chosen.title}.",
            _gain(record.groups),
            _conditions(record),
            _certainty(record),
            *_cost(record),
        ]
    )


def same(chosen: Chosen, reference: Chosen) -> bool:
    """Whether plain KD itself, with its own best settings, is chosen."""
    return (chosen.recipe, chosen.calibration) == (reference.recipe, reference.calibration)


def _gain(groups: Mapping[str, Group]) -> str:
    balanced = groups["balanced"]
    against = f"{_percent(balanced.chosen)} against {_percent(balanced.reference)} of plain KD"
    if not balanced.low <= 0 <= balanced.high:
        words = "gains" if balanced.gain > 0 else "loses"
        low, high = sorted(abs(100 * end) for end in (balanced.low, balanced.high))
        said = (
            f"On the test set it {words} {100 * abs(balanced.gain):.1f} points of balanced "
            f"accuracy ({low:.1f} to {high:.1f}; {against})"
        )
    else:
        said = (
            f"No difference found to plain KD in balanced accuracy ({against}; "
            f"{_points(balanced)}, and {100 * balanced.detectable:.1f} points would have been "
            "shown)"
        )
    others = ", ".join(f"{name} {_points(groups[name])}" for name in ("many", "medium", "few"))
    return f"{said}; {others}."


def _conditions(record: Record) -> str:
    return (
        f"The 95 % intervals are of a bootstrap of {record.num_test:,} test pictures within their "
        "classes and of the seeds, on this one split: nothing is said about other splits."
    )


def _certainty(record: Record) -> str:
    """Return how well so many pictures of D_val can tell recipes apart."""
    assert record.chosen is not None  # the ranking begins with it
    own = record.chosen.val_accuracy
    half = _NORMAL * math.sqrt(own * (1 - own) / record.num_val)
    near = sum(one.val_accuracy >= own - half for one in record.ranking) - 1
    return (
        f"It was chosen on {record.num_val:,} pictures of D_val, which know an accuracy to about "
        f"± {100 * half:.0f} points: {near} other{'s' * (near != 1)} of {len(record.ranking) - 1} "
        f"{'lie' if near != 1 else 'lies'} as near, and may be as good."
    )


def _cost(record: Record) -> list[str]:
    assert record.chosen is not None  # its cost was measured
    if record.cost is None:
        return []
    teachers = f" It needs {NUM_FOLDS} more teachers, trained once." * record.chosen.has_folds
    return [f"A training step takes {record.cost:.1f} times KD's.{teachers}"]


def _points(group: Group) -> str:
    gain, low, high = (signed(100 * value) for value in (group.gain, group.low, group.high))
    return f"{gain} points ({low} to {high})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
