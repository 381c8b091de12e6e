"""Makes a stored teacher of a run's student, or of a file that somebody uploaded.

`python -m bikd_core.teachers.creation` does it for a process that must not import torch. It reads
one JSON object from standard input and writes {"name": …} or {"error": …}. The object has "name",
"data" and "teachers" (folders), and either "run" (a folder) or "file" (a path), "file_name" (for
people), "model" and "dataset".
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from bikd_core.config import DataConfig, own_data_of
from bikd_core.data.batches import DeviceSet
from bikd_core.data.counts import num_test_per_class
from bikd_core.data.long_tail import LongTailSplit, load_split
from bikd_core.evaluation import Evaluation, evaluate
from bikd_core.events import EpochDone
from bikd_core.models import build
from bikd_core.store import RunFolder, StoreError
from bikd_core.store.intake import limit_memory, taken_bytes
from bikd_core.store.versions import versions
from bikd_core.teachers.card import TeacherCard, TeacherError, predicted_shares
from bikd_core.teachers.files import make_card, save_teacher, teacher_name
from bikd_core.teachers.parameter_files import load_parameters, read_parameters

MAX_TEST_PER_CLASS = 100  # images that an uploaded teacher is measured on: seconds, not minutes
_BATCH = 100
MAX_MEMORY_BYTES = 4 * 2**30  # for a file, a data set and a network, beyond torch itself


def store_run(
    run: RunFolder, data_dir: Path, teachers: Path, name: str = "", command: str = ""
) -> Path:
    """Store the student of a finished `ce` run as a teacher; return the file of its weights.

    Args:
        run: The run.
        data_dir: Where its data set lies.
        teachers: The folder to store it in.
        name: The teacher's name; "" makes one from its split.
        command: The command that made it, for its card; "" names the run instead.

    Raises:
        TeacherError: The run has no student, or another method, or it cannot be stored.
    """
    student, config = run.student_path, run.record().config
    epochs = [event for event in run.events() if isinstance(event, EpochDone)]
    if not student.is_file() or not epochs:
        raise TeacherError(f"The run {run.run_id} is not finished: it has no student yet.")
    split = load_split(config.data, data_dir)
    model = _build(config.models.student, split)
    load_parameters(model, read_parameters(student), student, config.models.student)
    last, made_by = epochs[-1], command or f"the run {run.run_id}"
    is_kept = last.epoch in run.frames_available
    card = make_card(
        config,
        split,
        last.accuracy_per_class,
        confusion=run.frame(last.epoch).confusion if is_kept else None,
        made_by=made_by,
        versions=versions(),
    )
    return save_teacher(teachers, name or teacher_name(split, config.models.student), model, card)


def store_upload(
    file: Path,
    file_name: str,
    model_name: str,
    dataset: str,
    data_dir: Path,
    teachers: Path,
    name: str,
) -> Path:
    """Verify a file of parameters, measure it, and store it; return the file of its weights.

    What it was trained on is not known, and its card says so.

    Args:
        file: A safetensors file, or a checkpoint of PyTorch's.
        file_name: The file's name for people.
        model_name: The architecture that it must have.
        dataset: The data set whose classes it tells apart.
        data_dir: Where that data set lies.
        teachers: The folder to store it in.
        name: The teacher's name.

    Raises:
        TeacherError: The file does not hold the parameters of that model.
    """
    parameters = read_parameters(file)
    data = DataConfig.model_validate({"dataset": dataset, "imbalance_factor": 1.0})
    per_class = min(MAX_TEST_PER_CLASS, num_test_per_class(data))
    split = load_split(data.model_copy(update={"test_per_class": per_class}), data_dir)
    model = _build(model_name, split)
    load_parameters(model, parameters, file, model_name)
    measured = _measured(model, split, file)
    card = TeacherCard.model_validate(
        {
            "own_data": own_data_of(dataset),
            "model": model_name,
            "num_classes": len(split.class_names),
            "data": data.model_copy(update={"test_per_class": per_class}),
            "training": None,
            "seen": None,
            "train_fingerprint": None,
            "accuracy_per_class": measured.accuracy_per_class,
            "predicted_share_per_class": predicted_shares(measured.confusion),
            "made_by": f"uploaded as {file_name}",
            "versions": versions(),
        }
    )
    return save_teacher(teachers, name, model, card)


def _build(model_name: str, split: LongTailSplit) -> torch.nn.Module:
    channels, size = split.train.images.shape[1:3]
    return build(model_name, len(split.class_names), channels, size, torch.Generator())


def _measured(model: torch.nn.Module, split: LongTailSplit, file: Path) -> Evaluation:
    model.eval()
    test = DeviceSet(split.test, split, "cpu")
    with torch.inference_mode():
        logits = [model(test.batch(part)) for part in torch.split(torch.arange(len(test)), _BATCH)]
    if not torch.isfinite(whole := torch.cat(logits)).all():
        raise TeacherError(f"{file} cannot teach: its logits are not finite on test images.")
    return evaluate(whole.numpy(), split.test.labels.numpy())


def serve(request: dict[str, Any]) -> dict[str, str]:
    """Return the name of the teacher that a request makes, or one sentence why there is none."""
    data_dir, teachers = Path(request["data"]), Path(request["teachers"])
    try:
        if "run" in request:
            run = RunFolder(Path(request["run"]))
            stored = store_run(run, data_dir, teachers, request["name"])
        else:
            stored = _store_uploaded(request, data_dir, teachers)
    except (ValueError, StoreError) as error:
        return {"error": str(error)}
    return {"name": stored.stem}


def _store_uploaded(request: dict[str, Any], data_dir: Path, teachers: Path) -> Path:
    file, file_name = Path(request["file"]), request["file_name"]
    model, dataset, name = request["model"], request["dataset"], request["name"]
    try:
        return store_upload(file, file_name, model, dataset, data_dir, teachers, name)
    except TeacherError as error:  # people know the file by its own name
        raise TeacherError(str(error).replace(str(file), file_name)) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        raise TeacherError(
            f"{file_name} needs more than {MAX_MEMORY_BYTES // 2**30} GB of memory."
        ) from error


def main() -> None:
    """Serve one request from standard input; what libraries print goes where errors go."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    if "file" in request and (taken := taken_bytes()) is not None:
        limit_memory(taken + MAX_MEMORY_BYTES)
    json.dump(serve(request), answer)
    answer.close()


if __name__ == "__main__":
    main()
