"""Asks a finished run's student and teacher about one picture.

c channels, S height and width in pixels, C classes, K out-of-fold teachers.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bikd_core.calibration import ClassBiases
from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.data.own.decoding import Unreadable, refusing_bombs, square_of, thumbnail_of
from bikd_core.events import ClassBiasesFitted, EpochDone, RunStarted
from bikd_core.store import RunFolder, StoreError
from bikd_core.students.last_weights import LastWeights, last_weights
from bikd_core.students.network import Loaded, load_student, method_of
from bikd_core.students.picture_answer import NoAnswer, PictureAnswer
from bikd_core.teachers.card import NAME, TeacherError
from bikd_core.teachers.files import load_teacher

SHOWN_SIZE = 192  # px at least, of what the networks see
LARGEST_SHOWN = 256  # px, of a picture as it is


class NumberedPicture(NamedTuple):
    """One of the run's test pictures."""

    label: int
    number: int  # among those of its class, from 0, in the split's order


def ask(
    folder: RunFolder,
    data_dir: Path,
    teacher_folders: Sequence[Path],
    picture: bytes | NumberedPicture,
) -> PictureAnswer:
    """Return what a run's networks say of a picture.

    Args:
        folder: The run, with its student.
        data_dir: Where its data set lies.
        teacher_folders: Where teachers are stored.
        picture: The content of a file, or a test picture.

    Raises:
        NoAnswer: The picture cannot be read, or there is no such test picture.
        StoreError: The run has no student, or is damaged.
        DatasetUnavailable: Its data set is not on this machine.
        TeacherError: The student's file is damaged, or holds another network.
    """
    loaded, record, log = load_student(folder, data_dir), folder.record(), _log_of(folder)
    config = record.config
    pixels, shown = _pixels(picture, loaded.split)
    plain, scores = _logits(loaded, pixels)
    teacher, notes = _teacher_logits(
        config, log.started, loaded.split, teacher_folders, pixels, is_imported=record.is_imported
    )
    method = method_of(config, loaded.split)
    found = last_weights(folder, log.last, method, plain, teacher) or _NO_WEIGHTS
    if bool(loaded.student.added.any()):
        notes.append(_ADDED)
    if getattr(config.method, "trust", 0.0):
        notes.append("The trust in a label, which depends on a whole batch, is not in the weights.")
    return PictureAnswer(
        picture=shown,
        seen=_as_uri(_enlarged(pixels)),
        label=picture.label if isinstance(picture, NumberedPicture) else None,
        student=_softmax(scores),
        calibrated=None if log.fitted is None else _calibrated(scores, log.fitted),
        teacher=None if teacher is None else _softmax(teacher),
        ce_student=_cross_entropies(plain),
        ce_teacher=None if teacher is None else _cross_entropies(teacher),
        weights=tuple(map(tuple, found.weights.tolist())),
        weights_from=found.weights_from,
        is_outside=tuple(found.is_outside.tolist()),
        notes=(*notes, *found.notes),
    )


_ADDED = (
    "The student predicts from its logits and what its method adds to them; losses and weights go "
    "by the plain logits, as in training."
)
_NO_WEIGHTS = LastWeights(torch.empty(0, 0), "none", torch.empty(0, dtype=torch.bool))


class _Log(NamedTuple):
    started: RunStarted
    last: EpochDone
    fitted: ClassBiasesFitted | None


def _log_of(folder: RunFolder) -> _Log:
    events = folder.events()
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    epochs = [event for event in events if isinstance(event, EpochDone)]
    if started is None or not epochs:
        raise StoreError(f"The run {folder.run_id} has no epoch: there is no student to ask.")
    fitted = next((event for event in events if isinstance(event, ClassBiasesFitted)), None)
    return _Log(started, epochs[-1], fitted)


# The picture -------------------------------------------------------------------------------------


def _pixels(picture: bytes | NumberedPicture, split: LongTailSplit) -> tuple[Tensor, str]:
    """Return a picture as the networks see it, uint8 (c, S, S), and as it is, as a data URI."""
    channels, size = split.train.images.shape[1:3]
    if isinstance(picture, NumberedPicture):
        rows = torch.nonzero(split.test.labels == picture.label)[:, 0]
        if not 0 <= picture.number < len(rows):
            raise NoAnswer(
                f"test picture = {picture.number + 1} is not possible: the class has "
                f"{len(rows)} of them."
            )
        pixels = split.test.images[rows[picture.number]]
        return pixels, _as_uri(_enlarged(pixels))
    try:
        with refusing_bombs():
            square = square_of(picture, size)
            thumbnail = thumbnail_of(picture, LARGEST_SHOWN)
    except Unreadable as error:
        raise NoAnswer(f"The file {error}.") from error
    if channels == 1:
        square = np.array(Image.fromarray(square).convert("L"))[..., np.newaxis]
    return torch.from_numpy(square.transpose(2, 0, 1).copy()), _as_uri(thumbnail)


def _enlarged(pixels: Tensor) -> NDArray[np.uint8]:
    """Return a small picture with large pixels; (c, S, S) -> [H, H, 3] or [H, H]."""
    image: NDArray[np.uint8] = pixels.numpy().transpose(1, 2, 0)
    times = -(-SHOWN_SIZE // image.shape[0])
    large = image.repeat(times, axis=0).repeat(times, axis=1)
    return large[..., 0] if large.shape[2] == 1 else large


def _as_uri(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


# The networks ------------------------------------------------------------------------------------


def _logits(loaded: Loaded, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return plain logits and what the student predicts from; (c, S, S) -> (C,), (C,)."""
    student = loaded.student
    with torch.no_grad():
        plain = student.network(_normalised(pixels, loaded.split))[0]
    return plain, plain + student.added


def _normalised(pixels: Tensor, split: LongTailSplit) -> Tensor:
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (split.mean, split.std))
    return (pixels[None].float() / 255 - mean) / std


def _teacher_logits(
    config: RunConfig,
    started: RunStarted,
    split: LongTailSplit,
    folders: Sequence[Path],
    pixels: Tensor,
    *,
    is_imported: bool,
) -> tuple[Tensor | None, list[str]]:
    """Return the logits (C,) of the teacher that weights go by, and what is to be said of it.

    Of out-of-fold teachers it is the log of their mean probability: none has seen the picture.
    """
    if not config.method.facts.needs_teacher:
        return None, []
    names = list(started.fold_teachers)
    if not names:
        is_found = config.models.teacher == "auto"
        names = [started.teacher if is_found else config.models.teacher]
    logits = []
    for name in names:
        if is_imported and not re.fullmatch(NAME, name):  # a path of another machine
            return None, [_lacks(name)]
        try:
            model = load_teacher(name, config.models.teacher_model, split, folders).model
        except (ConfigError, TeacherError) as error:
            return None, [f"{_lacks(name)} {error}"]
        with torch.no_grad():
            logits.append(model(_normalised(pixels, split))[0])
    notes = []
    if config.protocol.teacher_batch_statistics:
        notes.append(
            "In training the teacher went by the statistics of each batch, here by its stored ones."
        )
    if len(logits) == 1:
        return logits[0], notes
    notes.append(
        f"The teacher is the mean of {len(logits)} out-of-fold teachers: none has seen the picture."
    )
    return torch.stack(logits).log_softmax(dim=-1).logsumexp(dim=0), notes


def _lacks(name: str) -> str:
    return (
        f"The student answers alone, because its teacher {name!r} is not to be had on this "
        "machine: a run on the same data and split trains it, or copy its two files here."
    )


def _softmax(logits: Tensor) -> tuple[float, ...]:
    found: list[float] = logits.double().softmax(dim=-1).tolist()
    return tuple(min(max(value, 0.0), 1.0) for value in found)


def _cross_entropies(logits: Tensor) -> tuple[float, ...]:
    """Return the cross-entropy with each label, (C,) -> [C], in nats."""
    found: list[float] = (-logits.double().log_softmax(dim=-1)).tolist()
    return tuple(max(value, 0.0) for value in found)


def _calibrated(scores: Tensor, fitted: ClassBiasesFitted) -> tuple[float, ...]:
    biases = ClassBiases(np.array(fitted.biases), fitted.temperature)
    return _softmax(torch.from_numpy(biases.apply(scores.numpy()[None])[0]))
