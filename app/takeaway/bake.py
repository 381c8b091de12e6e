"""The views of a run or a pair, drawn for its epochs by the page's own functions.

What a viewer chooses on the page (classes one by one or in groups, whose weights over time) stands
as the page opens it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.figures.drawing import Drawing
from app.lab.views import VIEWS, Moment, View, has_many_classes
from app.lab.views.accuracy import confusion_difference_at, paired_accuracy_at
from app.lab.views.one_step import PhaseDrawings, walks_of
from app.lab.views.view import Figure
from app.shared import status
from app.takeaway.pictures import BakedPictures, bake_pictures
from bikd_core.config import ConfigError
from bikd_core.runs import Snapshot

MOST_BYTES = 10_000_000  # of the figures of all epochs; beyond, some epochs are left out
_FIXED_BYTES = 1_600_000  # of plotly.js and the scripts
_SAMPLED = 8  # epochs from which the size of all is estimated
_NO_ROWS = ("Pictures", "One step")  # views that are no rows of figures

Row = tuple[str, ...]  # the names of the figures beside each other


class BakedView(NamedTuple):
    """A view: names of figures, row by row."""

    name: str
    question: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Baked:
    """What an HTML file holds."""

    names: tuple[str, ...]  # of the run, or of A and B
    summaries: tuple[str, ...]
    states: tuple[str, ...]
    accuracies: dict[int, tuple[str, ...]]  # by epoch
    last_epoch: int
    planned: int
    stride: int
    views: tuple[BakedView, ...]
    frames: dict[str, bytes]  # by figure: its drawings of `epochs`, packed
    walk: tuple[tuple[int, int, tuple[PhaseDrawings, ...]], ...]  # step, epoch, phases
    pictures: BakedPictures | None = None  # only if they were asked for

    @property
    def epochs(self) -> list[int]:
        """The epochs that are drawn."""
        return epochs_of(self.last_epoch, self.stride)

    @property
    def num_bytes(self) -> int:
        """The size of the figures of all epochs, packed."""
        return sum(map(len, self.frames.values()))


def epochs_of(last: int, stride: int) -> list[int]:
    """Return the epochs that are drawn: every so many, the first and the last among them."""
    return sorted({1, last, *range(stride, last + 1, stride)})


def bake(
    runs: Sequence[Snapshot], size: Size | None = None, *, has_pictures: bool = False
) -> Baked:
    """Draw the views of one run, or of two side by side.

    Args:
        runs: One or two, which have ended.
        size: As `size_of` returns it, which is asked if it is not given.
        has_pictures: Whether training pictures go into it, too: of one run.

    Raises:
        ConfigError: A run still trains, or has no epoch; the pictures are of two runs, or are not
            on this machine.
    """
    if has_pictures and len(runs) > 1:
        raise ConfigError(
            "pictures is not possible with beside: only a file of one run holds them."
        )
    last, stride = _last_epoch(runs), (size or size_of(runs)).stride
    epochs = epochs_of(last, stride)
    drawn = [_drawn(runs, epoch) for epoch in epochs]
    return Baked(
        names=tuple(run.name for run in runs),
        summaries=tuple(status.summary(run) for run in runs),
        states=tuple(" ".join(status.headline(run)) for run in runs),
        accuracies={epoch: tuple(status.accuracy(run, epoch) for run in runs) for epoch in epochs},
        last_epoch=last,
        planned=max(run.config.training.epochs for run in runs),
        stride=stride,
        views=drawn[-1].views,
        frames=_packed(drawn),
        walk=walks_of(runs[0]) if len(runs) == 1 else (),
        pictures=bake_pictures(runs[0], epochs) if has_pictures else None,
    )


class Size(NamedTuple):
    """The size of a file, before it is made."""

    stride: int  # every so many epochs are drawn
    num_epochs: int  # that are drawn
    num_bytes: int  # about, all in all


def size_of(runs: Sequence[Snapshot], most_bytes: int = MOST_BYTES) -> Size:
    """Return the size of the file of one or two runs, from a few of their epochs; raises as `bake`.

    Args:
        runs: The runs.
        most_bytes: Of the figures of all epochs; the stride is the smallest that keeps to it.
    """
    last = _last_epoch(runs)
    # Neighbours, since they have most in common; those in the middle are neither small nor large.
    begin = max(1, (last - _SAMPLED) // 2)
    sampled = range(begin, min(last, begin + _SAMPLED) + 1)
    packed = _packed([_drawn(runs, epoch) for epoch in sampled])
    of_epoch = sum(map(len, packed.values())) / len(sampled)
    stride = 1
    while stride < last and of_epoch * len(epochs_of(last, stride)) > most_bytes:
        stride += 1
    number = len(epochs_of(last, stride))
    return Size(stride, number, round(of_epoch * number) + _FIXED_BYTES)


def pack(drawings: Sequence[Drawing]) -> bytes:
    """Return drawings as JSON, compressed: neighbouring epochs have most of it in common."""
    text = json.dumps([one._asdict() for one in drawings], separators=(",", ":"))
    return zlib.compress(text.encode(), level=9)


def _last_epoch(runs: Sequence[Snapshot]) -> int:
    """Return the last epoch that all have."""
    for run in runs:
        if not run.has_ended:
            raise ConfigError(
                f"The run {run.name!r} still trains: it can be exported when it has ended."
            )
        if not run.epochs or run.resolved is None:
            raise ConfigError(f"The run {run.name!r} has no epoch: there is nothing to export.")
    return min(len(run.epochs) for run in runs)


class _Drawn(NamedTuple):
    """The figures at an epoch, each once, and the views that show them."""

    views: tuple[BakedView, ...]
    figures: dict[str, Drawing]


def _drawn(runs: Sequence[Snapshot], epoch: int) -> _Drawn:
    """Draw the views that are rows of figures."""
    by_class = not has_many_classes(runs[0])
    moments = [Moment(run, epoch, by_class=by_class) for run in runs]
    figures: dict[str, Drawing] = {}
    views = []
    for view in VIEWS:
        if view.name not in _NO_ROWS:
            own = [replace(moment, link=view.link() if view.link else None) for moment in moments]
            rows = (_alone if len(own) == 1 else _beside)(view, own, figures)
            views.append(BakedView(view.name, view.question, tuple(filter(None, rows))))
    return _Drawn(tuple(views), figures)


def _packed(drawn: Sequence[_Drawn]) -> dict[str, bytes]:
    return {name: pack([each.figures[name] for each in drawn]) for name in drawn[-1].figures}


def _alone(view: View, moments: Sequence[Moment], figures: dict[str, Drawing]) -> list[Row]:
    """Return the rows of a view by name; what is not among the figures yet is drawn."""
    [moment] = moments
    rows = []
    for row in view.rows:
        kept = [figure for figure in row if figure.is_worth_drawing(moment)]
        for figure in kept:
            if figure.name not in figures:
                figures[figure.name] = figure.drawn_once(moment)
        rows.append(tuple(figure.name for figure in kept))
    return rows


def _beside(view: View, moments: Sequence[Moment], figures: dict[str, Drawing]) -> list[Row]:
    """Return the same for run A and run B side by side, as the page draws a pair."""
    first, second = moments
    rows: list[Row] = []
    if view.name in ("Overview", "Accuracy"):
        figures["paired_accuracy"] = paired_accuracy_at(first, second)
        rows.append(("paired_accuracy",))
    for figure, drawings in view.pairs(first, second, Figure.drawn_once):
        names = (f"{figure.name}_A", f"{figure.name}_B")
        figures |= zip(names, drawings, strict=True)
        rows.append(names)
    if view.name == "Accuracy":
        figures["confusion_difference"] = confusion_difference_at(first, second)
        rows.append(("confusion_difference",))
    return rows
