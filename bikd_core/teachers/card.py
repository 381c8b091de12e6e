"""A teacher's card: what is known about it. Read without torch, so that a page can list teachers.

A teacher is two files of one name: `NAME.safetensors` holds its weights, `NAME.json` its card.
The card is written last, so a card without its weights is not one of ours.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bikd_core.config import DataConfig, ModelName, OwnData, TrainingConfig

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"  # of a stored teacher
MAX_INDEX = 10_000_000  # of an image; a card that unpacks to more is broken
_log = logging.getLogger(__name__)


class TeacherError(ValueError):
    """A teacher cannot be used, found or stored; the message is one sentence that says why."""


class TeacherCard(BaseModel):
    """The architecture of a teacher, its training images and its accuracy."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    own_data: OwnData | None = None  # the facts of somebody's own pictures; no picture
    model: ModelName
    num_classes: int = Field(ge=2)
    #: As in the run that trained it, but for what alters D_val; an upload used its test set alone.
    data: DataConfig
    training: TrainingConfig | None  # None, as the next two, for an upload: nobody knows
    seen: str | None  # the original indices of its training images, by `pack_indices`
    train_fingerprint: str | None  # of those images, by `files.train_fingerprint`
    accuracy_per_class: tuple[float, ...]  # on the test set of `data`, label order
    #: The share of the test set that it takes for each class, label order; the set is balanced, so
    #: 1/C each would be right. None in cards of earlier versions.
    predicted_share_per_class: tuple[Annotated[float, Field(ge=0, le=1)], ...] | None = None
    #: (2, 5): it was trained without the second of five folds of the training images of `data`.
    without_fold: tuple[int, int] | None = None
    made_by: str  # the command that made it, or the file that it came from
    versions: dict[str, str]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.accuracy_per_class) != self.num_classes:
            raise ValueError(
                f"accuracy_per_class has {len(self.accuracy_per_class)} values "
                f"for {self.num_classes} classes"
            )
        share = self.predicted_share_per_class
        if share is not None and (len(share) != self.num_classes or abs(sum(share) - 1) > 1e-6):
            raise ValueError(
                f"predicted_share_per_class must be {self.num_classes} shares whose sum is 1"
            )
        if self.without_fold is not None and not 1 <= self.without_fold[0] <= self.without_fold[1]:
            raise ValueError(f"without_fold = {self.without_fold} is no fold: (2, 5) would be one")
        if self.seen is not None:
            unpack_indices(self.seen)
        return self

    @property
    def dataset(self) -> str:
        """The data set that it was trained on."""
        return self.data.dataset

    @property
    def accuracy(self) -> float:
        """The balanced accuracy: the mean of `accuracy_per_class`, in [0, 1]."""
        return float(np.mean(self.accuracy_per_class))

    @property
    def left_out(self) -> str:
        """The part of its training set that it has not seen: "fold 2 of 5"; "" if it saw all."""
        return fold_words(self.without_fold)

    @property
    def is_uploaded(self) -> bool:
        """Whether nobody here knows what it was trained on."""
        return self.seen is None

    def num_seen(self, original_indices: ArrayLike) -> int:
        """Return how many of these images, [n] of its data set, it is known to have seen."""
        if self.seen is None:
            return 0
        return int(np.isin(original_indices, unpack_indices(self.seen)).sum())


def fold_words(fold: tuple[int, int] | None) -> str:
    """Return "fold 2 of 5" for (2, 5); "" for None."""
    return "" if fold is None else "fold {} of {}".format(*fold)


def predicted_shares(confusion: NDArray[np.int32]) -> tuple[float, ...]:
    """Return the share of predictions of each class; [C, C], columns predicted -> C numbers."""
    return tuple((confusion.sum(axis=0) / confusion.sum()).tolist())


def mean_card(cards: Sequence[TeacherCard]) -> TeacherCard:
    """Return the first of some fold teachers' cards, with the accuracies and shares of them all."""
    shares = [c.predicted_share_per_class for c in cards if c.predicted_share_per_class is not None]
    means = {
        "accuracy_per_class": _means([card.accuracy_per_class for card in cards]),
        "predicted_share_per_class": _means(shares) if len(shares) == len(cards) else None,
    }
    return cards[0].model_copy(update=means)


def _means(of_each: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(fmean(values) for values in zip(*of_each, strict=True))


def pack_indices(original_indices: ArrayLike) -> str:
    """Return [n] indices as text: bit i of a bitmap is index i; compressed by zlib, in base64."""
    indices = np.asarray(original_indices, dtype=np.int64)
    if indices.size and not 0 <= indices.min() <= indices.max() <= MAX_INDEX:
        raise ValueError(
            f"original indices lie in 0 … {MAX_INDEX}, not in {indices.min()} … {indices.max()}"
        )
    bits = np.zeros(indices.max(initial=-1) + 1, dtype=np.bool_)
    bits[indices] = True
    return base64.b64encode(zlib.compress(np.packbits(bits).tobytes(), level=9)).decode("ascii")


def unpack_indices(text: str) -> NDArray[np.int64]:
    """Return the indices that `pack_indices` packed, sorted, [n].

    Raises:
        ValueError: The text is not such a bitmap.
    """
    unpacker = zlib.decompressobj()
    try:
        packed = base64.b64decode(text, validate=True)
        bitmap = unpacker.decompress(packed, MAX_INDEX // 8 + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"seen is not a packed bitmap: {error}") from error
    if not unpacker.eof:
        raise ValueError("seen is not a packed bitmap: it is cut off or too long")
    return np.flatnonzero(np.unpackbits(np.frombuffer(bitmap, dtype=np.uint8)))


def check_name(name: str) -> None:
    """Refuse a name under which a teacher cannot be stored.

    Raises:
        TeacherError: The name is not valid.
    """
    if not re.fullmatch(NAME, name):
        raise TeacherError(
            f"{name!r} cannot name a teacher: use up to 100 letters, digits, '-' and '_'."
        )


def in_a_name(model: str) -> str:
    """Return a network's name as part of a teacher's; one that does not fit ends in a hash.

    So do timm:a.b and timm:a_b keep files of their own.
    """
    fitting = re.sub(r"[^A-Za-z0-9_]", "_", model)[:30]
    if fitting == model:
        return model
    return f"{fitting}_{hashlib.sha256(model.encode()).hexdigest()[:4]}"


def read_card(path: Path) -> TeacherCard:
    """Return the card in a file.

    Raises:
        TeacherError: The file cannot be read, or is not a card.
    """
    try:
        return TeacherCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TeacherError(f"The card {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise TeacherError(f"The card {path} is broken: {field}: {first['msg']}.") from error


def list_teachers(folders: Sequence[Path]) -> list[tuple[str, TeacherCard]]:
    """Return name and card of each stored teacher; of equal names the first folder's wins.

    A teacher with a broken card is left out, with a warning in the log: it must not hide others.
    """
    found: dict[str, TeacherCard] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if path.stem in found or not path.with_suffix(".safetensors").is_file():
                continue
            try:
                about = path.stat()
                found[path.stem] = _card_of(path, about.st_ino, about.st_mtime_ns, about.st_size)
            except (OSError, TeacherError) as error:
                _log.warning("%s", error)
    return list(found.items())


@lru_cache(maxsize=10_000)  # about 3 kB each
def _card_of(path: Path, inode: int, changed_ns: int, num_bytes: int) -> TeacherCard:
    """Return the card in a file as it was then: a study leaves a thousand, and pages list them."""
    return read_card(path)
