"""What student and teacher take one picture for: two bars for each class, head to tail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.classes import Rows, class_axis, rows_of
from app.figures.drawing import FONT_SIZE, MAX_CLASSES_SHOWN, THEME_TEXT, Drawing, base_layout
from bikd_core.events import RunStarted

BELIEFS_QUESTION = "What do student and teacher take it for?"
STUDENT_QUESTION = "What does the student take it for?"
TOP = 10  # classes that are drawn where there are more than `MAX_CLASSES_SHOWN`
_LEAST_ROWS = 5  # that there is room for: the axis has a title
_ROW_HEIGHT = 34  # px for one class: two bars with their numbers
_TEACHER_COLOUR = "#009E73"
_AROUND = 96  # px: the axis and the legend

Beliefs = Sequence[float]  # a probability for each class, in label order


def beliefs(
    student: Beliefs, teacher: Beliefs | None, started: RunStarted, label: int | None = None
) -> Drawing:
    """Return the paired bars of the beliefs in one picture.

    Args:
        student: Of the student.
        teacher: Of the teacher; None where there is none.
        started: Names and counts of the classes.
        label: The picture's true label; None if it is not known.
    """
    whole = rows_of(started.class_names, started.class_counts)
    rows = _most_believed(whole, student, teacher)
    pairs = [("student", student, THEME_TEXT, "")]
    if teacher is not None:
        pairs.append(("teacher", teacher, _TEACHER_COLOUR, "/"))
    # The first trace is the lowest of a row's bars, since the axis runs upwards.
    data = [_bars(*pair, rows) for pair in reversed(pairs)]
    sentence = " ".join(
        [
            *(_read(name, values, started, label) for name, values, _, _ in pairs),
            *_left_out(rows, whole, student),
        ]
    )
    axis = class_axis(rows)
    if label in rows.labels:  # the true class, told by its name and not by colour
        at = rows.labels.index(label)
        axis["ticktext"] = [
            f"✓ {text}" if row == at else text for row, text in enumerate(axis["ticktext"])
        ]
    layout = base_layout(
        margin={"l": rows.left_margin + 22, "r": 24, "t": 34, "b": 52},
        barmode="group",
        bargap=0.25,
        bargroupgap=0.06,
        xaxis={
            "title": {"text": "probability (%)"},
            "range": [0, 112],  # room for a number behind a bar of 100 %
            "tickvals": [0, 25, 50, 75, 100],
            "zeroline": False,
        },
        yaxis=axis,
        showlegend=teacher is not None,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.01,
            "yanchor": "bottom",
            "traceorder": "reversed",
        },
    )
    listed = "; ".join(
        f"{name} {', '.join(_shares(values, started, rows))}" for name, values, _, _ in pairs
    )
    alt = f"Bar chart of the probability of each class, head to tail. {sentence} {listed}."
    height = _AROUND + _ROW_HEIGHT * max(len(rows.labels), _LEAST_ROWS)
    question = BELIEFS_QUESTION if teacher is not None else STUDENT_QUESTION
    return Drawing(question, sentence, alt, data, layout, height)


def _most_believed(rows: Rows, student: Beliefs, teacher: Beliefs | None) -> Rows:
    """Return all rows, or of many classes those that either believes in most, head to tail."""
    if len(rows.labels) <= MAX_CLASSES_SHOWN:
        return rows
    most = (
        student if teacher is None else [max(pair) for pair in zip(student, teacher, strict=True)]
    )
    falling = sorted(range(len(rows.labels)), key=lambda row: -most[rows.labels[row]])
    kept = sorted(falling[:TOP])
    return Rows(
        tuple(rows.labels[row] for row in kept),
        tuple(rows.names[row] for row in kept),
        tuple(rows.counts[row] for row in kept),
        tuple(rows.groups[row] for row in kept),
    )


def _left_out(rows: Rows, whole: Rows, student: Beliefs) -> list[str]:
    """Return the sentence about classes that are not drawn, if there are any."""
    num_others = len(whole.labels) - len(rows.labels)
    if not num_others:
        return []
    share = 1 - sum(student[label] for label in rows.labels)
    return [f"The student gives the other {num_others:,} classes {_percent(share)} together."]


def _bars(name: str, values: Beliefs, colour: str, pattern: str, rows: Rows) -> dict[str, Any]:
    shares = [100 * values[label] for label in rows.labels]
    return {
        "type": "bar",
        "uid": name,
        "name": name,
        "orientation": "h",
        "x": [round(share, 2) for share in shares],
        "y": [-row for row in range(len(shares))],
        "text": [f"{share:.0f} %" if share >= 0.5 else "" for share in shares],
        "textposition": "outside",
        "constraintext": "none",
        "textfont": {"size": FONT_SIZE - 2},
        "cliponaxis": False,
        "customdata": list(rows.names),
        "marker": {"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay"}},
        "hovertemplate": f"%{{customdata}}: {name} %{{x}} %<extra></extra>",
    }


def _read(name: str, values: Beliefs, started: RunStarted, label: int | None) -> str:
    """Return what one of the two takes the picture for, and whether that is so."""
    first = max(range(len(values)), key=lambda at: values[at])
    count = started.class_counts[first]
    words = (
        f"The {name} takes it for {started.class_names[first]} ({_percent(values[first])}, "
        f"{count:,} training image{'' if count == 1 else 's'})"
    )
    if label is None:
        return f"{words}."
    if first == label:
        return f"{words}, which is right."
    return f"{words}; it is {started.class_names[label]} ({_percent(values[label])})."


def _shares(values: Beliefs, started: RunStarted, rows: Rows) -> list[str]:
    return [f"{started.class_names[label]} {_percent(values[label])}" for label in rows.labels]


def _percent(share: float) -> str:
    return f"{100 * max(share, 0.0):.1f} %"
