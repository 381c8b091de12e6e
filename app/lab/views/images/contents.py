"""What a gallery of training images holds at an epoch: which ones, in what order, in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.components import Gallery, Picture
from app.figures.classes import are_level
from app.figures.drawing import GROUP_COLOURS
from app.figures.weight_axis import weight_axis_of
from app.lab.views.images.encoding import data_uris, own_uris
from app.lab.views.images.own_pictures import own_pictures
from app.lab.views.images.selection import Selection, in_words
from app.lab.views.images.values import COLUMNS, ImagesAt, Values, doubts_at, images_at
from app.lab.views.moment import Moment, unless_own_loop
from app.shared import engine, status
from bikd_core.data.pictures import PicturesUnavailable
from bikd_core.label_doubts import Doubts, epochs_that_count
from bikd_core.runs import Snapshot, StoreError

Order = Literal["hard", "soft", "loss"]  # by w_hard, by w_soft, by the student's cross-entropy
SHOWN = 24  # pictures at once
NO_BELIEFS = (
    "This run is of an earlier version, which did not keep what the student takes each picture for."
)
#: As measured: see "Which labels are wrong?" in benchmarks/README.md.
CAUTION_WITH_FOLDS = (
    "On digits such a list finds no more wrong labels than its out-of-fold teachers' own losses; "
    "with 30 % wrong ones it finds fewer than the losses of a plain CE run."
)
CAUTION_WITHOUT_FOLDS = (
    "On digits, without out-of-fold teachers, such a list held hardly a wrong label: the weights "
    "rise where a label is wrong. The losses of a plain CE run found most of them."
)
_COLUMNS = 6


def why_no_beliefs(snapshot: Snapshot) -> str:
    """Return why it is not known what a run's student takes each picture for."""
    return unless_own_loop(snapshot, "Recorder.batch(…, logits=…)", NO_BELIEFS)


class Section(NamedTuple):
    """A part of a gallery: rows of the panel in the order shown."""

    title: str
    rows: tuple[int, ...]


def column_of(order: Order) -> str:
    """Return the column of the images' values that a gallery is ordered by."""
    return "ce_student" if order == "loss" else f"w_{order}"


def order_in_words(order: Order) -> str:
    """Return what a gallery is ordered by, for people."""
    return "student's loss" if order == "loss" else column_of(order)


def sections(values: Values, kept: NDArray[np.bool_], order: Order) -> tuple[Section, ...]:
    """Return the highest and the lowest of the kept images, half of `SHOWN` each, or all of few.

    Equal values are in the panel's order. No image is in both sections.

    Args:
        values: [N, 7] values of the images.
        kept: [N] which of them may be shown.
        order: What they are ordered by.
    """
    rows = np.flatnonzero(kept)
    falling = rows[np.argsort(-values[rows, COLUMNS.index(column_of(order))], kind="stable")]
    name = order_in_words(order)
    if len(falling) <= SHOWN:
        number = "One picture" if len(falling) == 1 else f"All {len(falling)}, highest {name} first"
        return (Section(number if len(falling) else "None here", tuple(falling.tolist())),)
    half = SHOWN // 2
    of_all = part_shown(half, len(falling))
    return (
        Section(f"Highest {name}{of_all}", tuple(falling[:half].tolist())),
        Section(f"Lowest {name}{of_all}", tuple(falling[: -half - 1 : -1].tolist())),
    )


def _most_doubted(doubts: Doubts) -> Section:
    """Return the doubted labels, the most doubted ones first, as many as are shown."""
    rows = np.flatnonzero(doubts.is_doubted)
    falling = rows[np.argsort(-doubts.scores[rows], kind="stable")]
    title = f"Most doubted first{part_shown(SHOWN, len(rows))}" if len(rows) else "None here"
    return Section(title, tuple(falling[:SHOWN].tolist()))


def part_shown(shown: int, count: int) -> str:
    """Return how many of the pictures a row shows, for the end of its title; "" if all."""
    return f": {shown} of {count:,} shown" if shown < count else ""


def gallery_at(moment: Moment, order: Order, selection: Selection | None) -> Gallery:
    """Return the gallery of a run's selected images at an epoch, or of all of them."""
    snapshot = moment.snapshot
    return _gallery(
        snapshot.run_id, snapshot.version, moment.chosen, order, selection, _moment=moment
    )


@st.cache_resource(max_entries=200, show_spinner=False)
def _gallery(
    run_id: str,
    version: int,
    chosen: int,
    order: Order,
    selection: Selection | None,
    *,
    _moment: Moment,
) -> Gallery:
    """Return the gallery, made once for all browsers that look at the same pictures."""
    title = "Which pictures are hard for the student?"
    if order != "loss":
        title = f"Which pictures get {order}-loss weight?"

    def nothing(why: str) -> Gallery:
        return Gallery(title, why, [("", ())], SHOWN, _COLUMNS)

    epoch = (selection.epoch if selection else None) or chosen
    if not _moment.has_begun or epoch > len(_moment.snapshot.epochs):
        return nothing(_moment.why_nothing)
    try:
        images = images_at(_moment.snapshot, epoch)
    except StoreError as error:
        return nothing(str(error))
    labels = images.panel.labels
    kept = np.ones(len(labels), dtype=np.bool_)
    if selection is not None and selection.taken_for is not None and not images.has_beliefs:
        return nothing(why_no_beliefs(_moment.snapshot))
    if selection is not None:
        kept = selection.keeps(labels, images.values, images.panel.is_wrong)
    if selection is not None and selection.is_doubted:
        try:
            doubts = doubts_at(_moment.snapshot, epoch)
        except StoreError as error:
            return nothing(str(error))
        kept = doubts.is_doubted
        parts: tuple[Section, ...] = (_most_doubted(doubts),)
    else:
        parts = sections(images.values, kept, order)
    rows = [row for part in parts for row in part.rows]
    pictures, complaint = pictures_of(images, rows, order)
    if complaint:
        return nothing(complaint)
    filled = [(part.title, [pictures.pop(0) for _ in part.rows]) for part in parts]
    sentence = _read(images, parts, order, selection, int(kept.sum()))
    return Gallery(title, sentence, filled, SHOWN, _COLUMNS)


def _read(
    images: ImagesAt,
    parts: tuple[Section, ...],
    order: Order,
    selection: Selection | None,
    count: int,
) -> str:
    """Return what the gallery says; a second sentence where the method has no weights."""
    labels, group_of = images.panel.labels, images.groups()
    if selection is not None and selection.row is not None:
        words = f"At epoch {images.epoch}, one of {len(labels):,} training pictures."
    elif selection is not None and selection.is_wrong:
        have = "picture has" if count == 1 else "pictures have"
        words = f"At epoch {images.epoch}, {count:,} {have} a planted wrong label."
    elif selection is not None and selection.is_doubted:
        words = _read_doubts(images, parts[0], count)
    elif selection is not None:
        pictures_are = "picture is" if count == 1 else "pictures are"
        words = f"At epoch {images.epoch}, {count:,} {pictures_are} of {selection.title}."
    elif are_level(images.started.class_counts):
        words = (
            f"At epoch {images.epoch}, {count:,} training pictures; all classes are equally large."
        )
    else:
        few = [sum(group_of[int(labels[row])] == "few" for row in part.rows) for part in parts]
        each = len(parts[0].rows)
        lowest = f" and {few[1]} of the {each} lowest" if len(parts) > 1 else ""
        words = (
            f"At epoch {images.epoch}, of {count:,} training pictures, {few[0]} of the {each} "
            f"highest{lowest} are of few-shot classes."
        )
    if selection is None:
        words += _wrong_among(images, parts)
    if order == "loss":
        method = status.method_of(images.snapshot)
        return f"{words} {method} has no weights, so the student's loss orders them."
    return words


def _read_doubts(images: ImagesAt, part: Section, count: int) -> str:
    """Return what the doubted labels are, and how well such lists find wrong ones."""
    first = epochs_that_count(images.epoch)[0]
    when = f"At epoch {images.epoch}"
    if first < images.epoch:
        when = f"Over epochs {first} to {images.epoch}"
    have = "picture has" if count == 1 else "pictures have"
    words = (
        f"{when}, {count:,} {have} less than the mean w_hard, though D_val wants less of them "
        "still: perhaps mislabelled."
    )
    if images.panel.is_wrong is not None and part.rows:
        wrong = int(images.panel.is_wrong[list(part.rows)].sum())
        words += f" {wrong} of the {len(part.rows)} shown have a planted wrong label."
    has_folds = images.snapshot.config.num_fold_teachers > 0
    return f"{words} {CAUTION_WITH_FOLDS if has_folds else CAUTION_WITHOUT_FOLDS}"


def _wrong_among(images: ImagesAt, parts: tuple[Section, ...]) -> str:
    """Return how many of the shown pictures have a planted wrong label; "" if none can have."""
    if images.panel.is_wrong is None:
        return ""
    shown = [(len(part.rows), int(images.panel.is_wrong[list(part.rows)].sum())) for part in parts]
    words = (
        f"{wrong} of the {number} {place}"
        for place, (number, wrong) in zip(("highest", "lowest"), shown, strict=False)
    )
    return f" {' and '.join(words)} have a planted wrong label."


def pictures_of(
    images: ImagesAt, rows: list[int], order: Order, *, is_exact: bool = False
) -> tuple[list[Picture], str]:
    """Return the pictures of these rows, and a sentence if they are not on this machine."""
    indices = images.panel.original_indices[rows].tolist()
    complaint = ""
    try:
        uris = _uris(images.snapshot, indices, is_exact=is_exact)
    except PicturesUnavailable as error:
        uris, complaint = [""] * len(rows), str(error)
    groups, column = images.groups(), column_of(order)
    values = images.values[rows, COLUMNS.index(column)].astype(np.float64).tolist()
    axis = weight_axis_of("sigmoid" if order == "loss" else status.scale_of(images.snapshot))
    shown = "loss" if order == "loss" else column
    names = images.started.class_names
    taken = images.values[rows, COLUMNS.index("taken_for")].tolist()
    pictures = []
    for row, index, uri, value, label in zip(rows, indices, uris, values, taken, strict=True):
        name = images.name_of(row)
        belief = "" if np.isnan(label) else f", taken for {in_words(names[int(label)])}"
        group = groups[int(images.panel.labels[row])]
        truth = images.true_name_of(row)
        planted = f" (planted wrong label, truly {in_words(truth)})" if truth else ""
        pictures.append(
            Picture(
                id=index,
                image=uri,
                alt=f"{in_words(name)}{planted}, {shown} {axis.word(value)}{belief}",
                name=name,
                badge=f"truly {truth}" if truth else "",
                value=axis.short_word(value),
                group=group,
                colour=GROUP_COLOURS[group],
            )
        )
    return pictures, complaint


def _uris(snapshot: Snapshot, indices: list[int], *, is_exact: bool) -> list[str]:
    if snapshot.config.is_recorded_elsewhere:
        return own_uris(own_pictures(snapshot, indices), is_exact=is_exact)
    folder = engine.manager().places.data
    return data_uris(snapshot.config.data.dataset, indices, folder, is_exact=is_exact)
