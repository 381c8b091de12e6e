"""The view "Accuracy": how good the student is, for whom, and what it confuses."""

from __future__ import annotations

from app import figures
from app.components import live_plot
from app.figures.accuracy import ACCURACY_QUESTION, CLASS_ACCURACY_QUESTION
from app.figures.class_biases import CLASS_BIASES_QUESTION
from app.figures.classes import are_level
from app.figures.confusion import CONFUSION_QUESTION, DIFFERENCE_QUESTION
from app.figures.drawing import Drawing, empty
from app.figures.paired_accuracy import Side
from app.lab.views.images import selection
from app.lab.views.moment import Moment
from app.lab.views.view import Figure, View
from app.shared import status
from bikd_core.runs import StoreError

PAIRED_QUESTION = "What does one run get right that the other does not?"


def _accuracy(moment: Moment) -> Drawing:
    snapshot = moment.snapshot
    return figures.accuracy_over_epochs(
        snapshot.epochs,
        snapshot.controls,
        moment.chosen,
        moment.planned,
        snapshot.class_biases,
        has_groups=not are_level(moment.started.class_counts),
    )


def _class_biases(moment: Moment) -> Drawing:
    fitted = moment.snapshot.class_biases
    assert fitted is not None  # else it is not worth drawing
    return figures.class_biases(fitted, moment.started)


def _confusion(moment: Moment) -> Drawing:
    try:
        counts = moment.snapshot.folder.frame(moment.chosen).confusion
    except StoreError as error:
        return empty(CONFUSION_QUESTION, str(error))
    return figures.confusion(counts, moment.started, moment.chosen, by_class=moment.by_class)


def confusion_difference_at(first: Moment, second: Moment) -> Drawing:
    """Return run B's confusion matrix minus run A's."""
    if not (first.has_begun and second.has_begun):
        return empty(DIFFERENCE_QUESTION, "Here as soon as both runs have an epoch.")
    a, b = first.started, second.started
    if (a.class_names, a.class_counts) != (b.class_names, b.class_counts):
        why = "The two runs differ in their classes or class counts."
        return empty(DIFFERENCE_QUESTION, why)
    try:
        counts = (
            first.snapshot.folder.frame(first.chosen).confusion,
            second.snapshot.folder.frame(second.chosen).confusion,
        )
    except StoreError as error:
        return empty(DIFFERENCE_QUESTION, str(error))
    epochs = (first.chosen, second.chosen)
    return figures.confusion_difference(counts, a, epochs, by_class=first.by_class)


ACCURACY_OVER_EPOCHS = Figure(
    "accuracy",
    ACCURACY_QUESTION,
    _accuracy,
    lambda moment, point: selection.from_line(point, moment.started),
)
CLASS_ACCURACY = Figure(
    "class_accuracy",
    CLASS_ACCURACY_QUESTION,
    lambda moment: figures.class_accuracy(
        moment.epoch, moment.started, moment.snapshot.class_biases
    ),
    lambda moment, point: selection.from_class_bars(point, moment.started),
)
CONFUSION = Figure(
    "confusion",
    CONFUSION_QUESTION,
    _confusion,
    lambda moment, point: selection.from_confusion(point, moment.started, by_class=moment.by_class),
)


CLASS_BIASES = Figure(
    "class_biases",
    CLASS_BIASES_QUESTION,
    _class_biases,
    lambda moment, point: selection.from_class_bars(point, moment.started),
    is_worth_drawing=lambda moment: moment.snapshot.class_biases is not None,
)


def show_paired_accuracy(first: Moment, second: Moment) -> None:
    """Draw what one of two runs gets right that the other does not."""
    live_plot(
        paired_accuracy_at(first, second),
        key="figure_paired_accuracy",
        keep_zoom_of=f"{first.snapshot.run_id} {second.snapshot.run_id}",
    )


def paired_accuracy_at(first: Moment, second: Moment) -> Drawing:
    """Return what the run with a weight net gets right that the other does not, or B against A."""
    sides = {"A": first, "B": second}
    if first.has_weights and not second.has_weights:
        sides = {"B": second, "A": first}
    return _paired(sides)


def _paired(sides: dict[str, Moment]) -> Drawing:
    before, after = sides.values()
    if not (before.has_begun and after.has_begun):
        return empty(PAIRED_QUESTION, "Here as soon as both runs have an epoch.")
    one, other = before.started, after.started
    if (one.class_names, one.class_counts) != (other.class_names, other.class_counts):
        return empty(PAIRED_QUESTION, "The two runs differ in their classes or class counts.")
    first, second = (
        Side(f"{letter} ({status.method_of(moment.snapshot)})", moment.epoch)
        for letter, moment in sides.items()
    )
    return figures.paired_accuracy(first, second, one)


class _Accuracy(View):
    def show_pair(self, first: Moment, second: Moment) -> None:
        show_paired_accuracy(first, second)
        super().show_pair(first, second)
        live_plot(
            confusion_difference_at(first, second),
            key="figure_confusion_difference",
            keep_zoom_of=f"{first.snapshot.run_id} {second.snapshot.run_id}",
        )


VIEW = _Accuracy(
    "Accuracy",
    "How good is the student, and for whom?",
    ((ACCURACY_OVER_EPOCHS, CLASS_ACCURACY), (CONFUSION, CLASS_BIASES)),
)
