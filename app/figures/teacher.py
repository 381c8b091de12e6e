"""How well a stored teacher knows each class, and so how biased it is."""

from __future__ import annotations

from statistics import fmean

from app.figures.accuracy import accuracy_bars
from app.figures.classes import are_level, class_axis, row_values, rows_of
from app.figures.drawing import PERCENT_RANGE, THEME_TEXT, Drawing, base_layout, percent
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import shot_groups
from bikd_core.teachers.card import TeacherCard


def accuracy_of_groups(card: TeacherCard) -> dict[str, float]:
    """Return a teacher's accuracy on many, medium and few; empty if its counts are unknown."""
    if card.is_uploaded:
        return {}
    groups = shot_groups(planned_counts(card.data))._asdict()
    return {
        name: fmean(card.accuracy_per_class[label] for label in labels)
        for name, labels in groups.items()
    }


TEACHER_QUESTION = "Which classes does this teacher know?"


def teacher_accuracy(card: TeacherCard) -> Drawing:
    """Return bars of a teacher's test accuracy on each class, head to tail."""
    rows = rows_of(facts_of(card.dataset).class_names, planned_counts(card.data))
    accuracy = [card.accuracy_per_class[label] for label in rows.labels]
    axis = class_axis(rows)
    if card.is_uploaded:  # the counts of its training images are not known
        axis |= {"title": {"text": "class"}}
        axis |= {"ticktext": list(rows.names)} if rows.are_named else {"showticklabels": False}
    sentence = _read(card)
    layout = base_layout(
        margin={"l": rows.left_margin, "r": 60, "t": 12, "b": 52},
        bargap=0.35 if rows.are_named else 0,
        xaxis={"title": {"text": "test accuracy (%)"}, "range": PERCENT_RANGE, "zeroline": False},
        yaxis=axis,
        annotations=row_values(
            [f"{100 * value:.0f} %" for value in accuracy] if rows.are_named else [], THEME_TEXT
        ),
    )
    listed = ", ".join(
        f"{name} {percent(value)}" for name, value in zip(rows.names, accuracy, strict=True)
    )
    alt = (
        f"Bar chart of a teacher's test accuracy by class, head to tail. {sentence} All: {listed}."
    )
    bars = accuracy_bars(rows, accuracy, "teacher")
    if card.is_uploaded:
        bars["customdata"] = list(rows.names)
        bars["marker"] = {"color": "#0072B2"}
    return Drawing(TEACHER_QUESTION, sentence, alt, [bars], layout, rows.height)


def _read(card: TeacherCard) -> str:
    """Return how biased a teacher is, in words."""
    groups = accuracy_of_groups(card)
    if not groups:
        return (
            f"{percent(card.accuracy)} balanced. How biased it is cannot be told: how many images "
            "of each class it was trained on is unknown."
        )
    if are_level(planned_counts(card.data)):
        return f"{percent(card.accuracy)} balanced. Its training classes were equally large."
    gap = 100 * (groups["many"] - groups["few"])
    words = f"{percent(groups['many'])} of the many-class test images, {percent(groups['few'])} of"
    if gap <= 0:
        return f"It gets {words} the few-class ones right: not biased towards the head."
    return (
        f"Biased towards the head by {gap:.1f} points: it gets {words} the few-class ones right, "
        "and it passes that on."
    )
