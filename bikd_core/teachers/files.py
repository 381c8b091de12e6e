"""Stores teachers beside the cards that say which images they saw; finds, verifies and loads them.

A teacher is trained by an ordinary run of the method `ce`; `make_card` and `save_teacher` store it.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from bikd_core.config import RunConfig, own_data_of
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.models import build
from bikd_core.teachers.card import (
    NAME,
    TeacherCard,
    TeacherError,
    check_name,
    list_teachers,
    pack_indices,
    predicted_shares,
    read_card,
)
from bikd_core.teachers.parameter_files import load_parameters, read_parameters

__all__ = [
    "Teacher",
    "TeacherCard",
    "TeacherError",
    "find_teacher",
    "load_teacher",
    "make_card",
    "save_teacher",
    "teacher_name",
    "train_fingerprint",
    "write_whole",
]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network that is ready to teach."""

    name: str
    model: nn.Module  # on the CPU, in eval mode, without gradients
    card: TeacherCard | None  # None: which images it saw is unknown
    caution: str = ""  # a warning to its users; "" if there is none


def load_teacher(
    name_or_path: str, model_name: str, split: LongTailSplit, folders: Sequence[Path]
) -> Teacher:
    """Return the teacher of that name in `folders`, or in that file of parameters.

    Args:
        name_or_path: A stored teacher's name, or a path; folders are searched in order.
        model_name: The architecture that it must have.
        split: What the run trains and is judged on.
        folders: Where teachers are stored.

    Raises:
        TeacherError: It is not found, its file or card is damaged, it has another architecture
            or number of classes, or it was trained on images of the test set, or of a D_val that
            is not itself copied from the training images.
    """
    path = _find(name_or_path, folders)
    card_path = path.with_suffix(".json")
    has_card = path.suffix == ".safetensors" and card_path.is_file()
    card = read_card(card_path) if has_card else None
    if card is not None:
        _check_card(path.stem, card, model_name, split)
    num_classes, (channels, size) = len(split.class_names), split.train.images.shape[1:3]
    model = build(model_name, num_classes, channels, size, torch.Generator())
    load_parameters(model, read_parameters(path), path, model_name)
    model.eval().requires_grad_(False)
    caution = ""
    if card is None or card.is_uploaded:
        caution = (
            f"What teacher {path.stem!r} was trained on is unknown: it may have seen images of "
            "D_val or of the test set."
        )
    return Teacher(path.stem, model, card, caution)


def find_teacher(split: LongTailSplit, model_name: str, folders: Sequence[Path]) -> Teacher | None:
    """Return the first stored teacher of that architecture trained on exactly this split's images.

    The first, not the best: accuracies are on the test set, which must not select anything.

    Raises:
        TeacherError: There is such a teacher, but it is damaged.
    """
    fingerprint = train_fingerprint(split)
    for name, card in list_teachers(folders):
        if card.model == model_name and card.train_fingerprint == fingerprint:
            return load_teacher(name, model_name, split, folders)
    return None


def teacher_name(
    split: LongTailSplit, model_name: str, without_fold: tuple[int, int] | None = None
) -> str:
    """Return a readable name for a split's training images, such as digits-digits_cnn_l-3f2a9c.

    One that is trained without a fold says so: digits-digits_cnn_l-81bd0e-fold2of5.
    """
    ending = "" if without_fold is None else "-fold{}of{}".format(*without_fold)
    return f"{split.dataset}-{_for_a_file(model_name)}-{train_fingerprint(split)[:6]}{ending}"


def _for_a_file(model_name: str) -> str:
    """Return a network's name as part of a file's; one that does not fit gets 4 digits of a hash.

    So do timm:a.b and timm:a_b keep files of their own.
    """
    fitting = re.sub(r"[^A-Za-z0-9_]", "_", model_name)[:30]
    if fitting == model_name:
        return model_name
    return f"{fitting}_{hashlib.sha256(model_name.encode()).hexdigest()[:4]}"


def train_fingerprint(split: LongTailSplit) -> str:
    """Return 16 hex digits, equal for equal training images: indices, labels and pixels."""
    digest = hashlib.sha256()
    train = split.train  # sorted by original index
    for tensor in (train.original_indices, train.labels, train.images):
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:16]


def make_card(
    config: RunConfig,
    split: LongTailSplit,
    accuracy_per_class: Sequence[float],
    *,
    confusion: NDArray[np.int32] | None = None,
    without_fold: tuple[int, int] | None = None,
    made_by: str,
    versions: Mapping[str, str],
) -> TeacherCard:
    """Return the card that makes a teacher of the student of a `ce` run.

    Args:
        config: The run.
        split: What it was trained and tested on.
        accuracy_per_class: On the test set, label order.
        confusion: On the test set, [C, C], columns predicted; None if it is not known.
        without_fold: The number of the fold that the split leaves out, and how many there are.
        made_by: What made the teacher.
        versions: By package.

    Raises:
        TeacherError: The run had another method or trained on D_val, so that its student learned
            from more images than its training set.
    """
    if config.protocol.train_on_val != "no":
        raise TeacherError(
            f"A student with train_on_val = {config.protocol.train_on_val!r} cannot become a "
            "teacher: it saw D_val."
        )
    if config.method.method != "ce":
        raise TeacherError(
            f"A student of the method {config.method.method!r} cannot become a teacher: "
            "only a run of the method 'ce' saw nothing but its training images."
        )
    return TeacherCard(
        own_data=own_data_of(config.data.dataset),
        model=config.models.student,
        num_classes=len(split.class_names),
        data=config.data.with_plain_val,
        training=config.training,
        seen=pack_indices(split.train.original_indices.numpy()),
        train_fingerprint=train_fingerprint(split),
        accuracy_per_class=tuple(accuracy_per_class),
        predicted_share_per_class=None if confusion is None else predicted_shares(confusion),
        without_fold=without_fold,
        made_by=made_by,
        versions=dict(versions),
    )


def save_teacher(folder: Path, name: str, model: nn.Module, card: TeacherCard) -> Path:
    """Store a teacher; return the file of its weights, beside which its card lies.

    Both are whole or absent. A teacher of the same name is replaced; its card is removed first, so
    that no card ever lies beside weights that it does not describe.

    Raises:
        TeacherError: The name is not valid, or the folder cannot be written.
    """
    check_name(name)
    tensors = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    path = folder / f"{name}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        write_whole(path, safetensors.torch.save(tensors))
        write_whole(path.with_suffix(".json"), card.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        raise TeacherError(
            f"The teacher cannot be stored in {folder}: {error.strerror}."
        ) from error
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, flush it to the disk, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _find(name_or_path: str, folders: Sequence[Path]) -> Path:
    places = [Path(os.path.expanduser(name_or_path))]
    if re.fullmatch(NAME, name_or_path):
        places = [*(folder / f"{name_or_path}.safetensors" for folder in folders), *places]
    for path in places:  # os.path answers "no" where pathlib raises, as for an overlong name
        if os.path.isfile(path):
            return path
    stored = sorted({path.stem for folder in folders for path in folder.glob("*.safetensors")})
    raise TeacherError(
        f"There is no teacher {name_or_path!r}; stored are: {', '.join(stored) or 'none'}; "
        "nor is there such a file."
    )


def _check_card(name: str, card: TeacherCard, model_name: str, split: LongTailSplit) -> None:
    num_classes = len(split.class_names)
    for what, found, expected in (
        ("a model of the architecture", card.model, model_name),
        ("trained on the data set", card.dataset, split.dataset),
        ("a model whose number of classes is", card.num_classes, num_classes),
    ):
        if found != expected:
            raise TeacherError(
                f"Teacher {name!r} is, by its card, {what} {found}; the run expects {expected}."
            )
    num_val = card.num_seen(split.val.original_indices.numpy())
    if split.is_val_from_train:  # on purpose: the run says so
        num_val = 0
    num_test = card.num_seen(split.test.original_indices.numpy())
    if num_val or num_test:
        raise TeacherError(
            f"Teacher {name!r} was trained on {num_val} of the {len(split.val)} images of D_val "
            f"and on {num_test} of the {len(split.test)} test images of this run; take one that "
            "was trained on this split, or 'auto'."
        )
