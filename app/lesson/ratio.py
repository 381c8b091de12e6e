"""KD with one ratio for all pictures: what rare and frequent classes gain and lose as it moves."""

from __future__ import annotations

from typing import Any

from app.figures.drawing import (
    GROUP_COLOURS,
    HEIGHT,
    THEME_TEXT,
    Drawing,
    base_layout,
    end_labels,
    percent,
)
from bikd_core.toy.tables import Condition, Mean, Ratios

_ROWS = ("balanced", "many", "medium", "few")
_COLOURS = {"balanced": THEME_TEXT} | GROUP_COLOURS
_HEIGHT = 360  # px
_ALPHA = "α, the weight of the label"

AT_ALPHA_QUESTION = "Which α is best?"


def at_alpha(condition: Condition, index: int) -> Drawing:
    """Return bars of the accuracy by group at one of the alphas.

    Args:
        condition: KD at several alphas.
        index: Which alpha, from 0.
    """
    means = [condition.accuracy[group][index] for group in _ROWS]
    bars = {
        "type": "bar",
        "uid": "groups",
        "x": list(_ROWS),
        "y": [round(100 * mean.mean, 1) for mean in means],
        "width": 0.6,
        "marker": {"color": [_COLOURS[group] for group in _ROWS]},
        "error_y": _bars_of(means),
        "hovertemplate": "%{x}: %{y} %<extra></extra>",
    }
    layout = base_layout(
        margin={"l": 62, "r": 12, "t": 12, "b": 52},
        xaxis={"title": {"text": "classes"}, "type": "category"},
        yaxis=_accuracy_axis(),
    )
    listed = ", ".join(
        f"{group} {percent(mean.mean)}" for group, mean in zip(_ROWS, means, strict=True)
    )
    sentence = (
        f"α = {condition.alphas[index]:g}: {listed}. Means of {len(condition.seeds)} seeds, "
        f"imbalance factor {condition.imbalance_factor:g}."
    )
    alt = f"Bars of KD's test accuracy with 95 % intervals. {sentence}"
    return Drawing(AT_ALPHA_QUESTION, sentence, alt, [bars], layout, _HEIGHT)


OVER_ALPHA_QUESTION = "Does one α suit all?"


def over_alpha(ratios: Ratios) -> Drawing:
    """Return lines of the accuracy of many and few over alpha, under each condition."""
    data, ends = [], {}
    for number, condition in enumerate(ratios.conditions):
        for group in ("many", "few"):
            name = f"{group}, {labels_in_words(condition)}"
            data += _line(condition, group, name, is_dashed=number > 0)
            ends[name] = (100 * condition.accuracy[group][-1].mean, GROUP_COLOURS[group])
    layout = base_layout(
        margin={"l": 62, "r": 190, "t": 12, "b": 52},
        xaxis={"title": {"text": _ALPHA}, "range": [-0.03, 1.03], "zeroline": False},
        yaxis=_accuracy_axis(),
        annotations=end_labels(ends, HEIGHT - 64, 101),
    )
    sentence = read_over_alpha(ratios)
    alt = f"Line chart of KD's test accuracy over α with 95 % intervals. {sentence}"
    return Drawing(OVER_ALPHA_QUESTION, sentence, alt, data, layout, _HEIGHT)


def read_over_alpha(ratios: Ratios) -> str:
    """Return where rare classes do best under each condition, and how sure that is."""
    best = [condition.best("few") for condition in ratios.conditions]
    where = [
        f"at α = {condition.alphas[at]:g} with {labels_in_words(condition)}"
        for condition, at in zip(ratios.conditions, best, strict=True)
    ]
    words = f"Rare classes do best {' and '.join(where)} (rings)."
    if len(set(best)) == 1:
        words += " The best α is the same in each."
    elif any(_overlap(each, best) for each in ratios.conditions):
        words += " The 95 % intervals overlap: more seeds would show it more surely."
    numbers = {len(condition.seeds) for condition in ratios.conditions}
    return f"{words} Means of {' or '.join(map(str, sorted(numbers)))} seeds."


def _overlap(condition: Condition, indices: list[int]) -> bool:
    """Return whether the intervals of few at some alphas overlap."""
    means = [condition.accuracy["few"][index] for index in indices]
    return max(mean.low for mean in means) <= min(mean.high for mean in means)


def labels_in_words(condition: Condition) -> str:
    """Return how good the labels of a condition are."""
    if not condition.label_noise:
        return "clean labels"
    return f"{100 * condition.label_noise:.0f} % noise"


def _line(condition: Condition, group: str, name: str, *, is_dashed: bool) -> list[dict[str, Any]]:
    """Return a line over alpha, and a ring around its best point."""
    means = condition.accuracy[group]
    values = [round(100 * mean.mean, 1) for mean in means]
    best = condition.best(group)
    line = {
        "type": "scatter",
        "uid": name.replace(", ", "-").replace(" ", "-").replace("%", "percent"),
        "name": name,
        "mode": "lines+markers",
        "x": list(condition.alphas),
        "y": values,
        "error_y": _bars_of(means),
        "line": {
            "color": GROUP_COLOURS[group],
            "width": 3,
            "dash": "dash" if is_dashed else "solid",
        },
        "marker": {"size": 7},
        "hovertemplate": f"{name}, α = %{{x}}: %{{y}} %<extra></extra>",
    }
    ring = {
        "type": "scatter",
        "uid": f"best-{line['uid']}",
        "mode": "markers",
        "x": [condition.alphas[best]],
        "y": [values[best]],
        "marker": {"symbol": "circle-open", "size": 17, "color": THEME_TEXT, "line": {"width": 2}},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    return [line, ring]


def _bars_of(means: list[Mean] | tuple[Mean, ...]) -> dict[str, Any]:
    """Return error bars from the intervals, within 0 and 100 %."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [round(100 * (min(mean.high, 1) - mean.mean), 1) for mean in means],
        "arrayminus": [round(100 * (mean.mean - max(mean.low, 0)), 1) for mean in means],
        "thickness": 1.5,
        "width": 4,
        "color": THEME_TEXT,
    }


def _accuracy_axis() -> dict[str, Any]:
    return {"title": {"text": "test accuracy (%)"}, "range": [0, 101], "zeroline": False}
