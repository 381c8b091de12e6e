"""Lets another process ask a run's student about a picture, or write it to a file.

That process imports torch, decodes what somebody uploaded, and ends; nothing of a picture stays.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bikd_core.config import (
    allowed_code,
    is_own,
    is_own_network,
    known_facts,
    network_refusal,
)
from bikd_core.data.own.cache import own_folder
from bikd_core.data.pictures import missing_mb
from bikd_core.places import Places
from bikd_core.runs.answers import answer_of
from bikd_core.runs.history import Snapshot
from bikd_core.students.picture_answer import NoAnswer, PictureAnswer

LIMIT_S = 120.0
WAIT_S = 60.0  # for others who ask: one process at a time, each takes the memory of torch
MAX_FILE_BYTES = 25 * 2**20
_COMMAND = (sys.executable, "-P", "-m", "bikd_core.students")
_ONE_AT_A_TIME = threading.Lock()


def why_not(run: Snapshot, places: Places) -> str:
    """Return why a run's student cannot be asked, and what would help; "" if it can be."""
    if run.config.is_recorded_elsewhere:
        return (
            "Somebody's own loop trained this student and keeps it: only a run that was trained "
            "here, by Start in the Lab, has one to try."
        )
    if not run.folder.student_path.is_file():
        if run.has_ended and run.state == "finished":
            return (
                "This run came without its student: Start in the Lab trains one with the same "
                "controls."
            )
        return f"This run is {run.state}: it has a student to try when it has finished."
    if not run.epochs or run.resolved is None:  # a zip may hold anything
        return "This run has no epoch, so it has no student that could be tried."
    student, dataset = run.config.models.student, run.config.data.dataset
    if is_own_network(student) and (refusal := network_refusal("student", student)):
        return refusal
    facts = known_facts(dataset)
    title = facts.title if facts else dataset
    if is_own(dataset) and not (own_folder(places.data) / dataset / "index.json").is_file():
        return (
            f"The pictures {title!r}, whose mean and names the student needs, are not on this "
            "machine: open them here again (Your own pictures in the Lab, or bikd data look)."
        )
    if missing_mb(dataset, places.data):
        return (
            f"{title}, whose mean the student needs, is not on this machine: start a run on it "
            "here, which downloads it, or set BIKD_DATA to a folder that holds it."
        )
    return ""


def ask_about_file(run: Snapshot, content: bytes, places: Places) -> PictureAnswer:
    """Return what a run's networks say of a picture's file. Waits some seconds.

    Raises:
        NoAnswer: The file cannot be read, or the networks cannot be asked: one sentence.
    """
    if len(content) > MAX_FILE_BYTES:
        raise NoAnswer(f"The file is larger than {MAX_FILE_BYTES >> 20} MB.")
    return _ask(run, {}, content, places)


def ask_about_test_picture(run: Snapshot, label: int, number: int, places: Places) -> PictureAnswer:
    """Return what a run's networks say of a test picture of a class. Waits some seconds.

    Args:
        run: The run.
        label: The class.
        number: Of the picture among those of its class, from 0.
        places: Where data sets and teachers lie.

    Raises:
        NoAnswer: There is no such picture, or the networks cannot be asked: one sentence.
    """
    return _ask(run, {"label": label, "number": number}, b"", places)


def _ask(run: Snapshot, which: dict[str, Any], content: bytes, places: Places) -> PictureAnswer:
    teachers = [str(folder.absolute()) for folder in places.teacher_folders()]
    answer = _answer_of(run, which | {"teachers": teachers}, content, places)
    return PictureAnswer.model_validate(answer)


# The student as a file ---------------------------------------------------------------------------


def can_write_onnx() -> bool:
    """Return whether the extra onnx is installed."""
    needed = ("onnx", "onnxscript", "onnxruntime")
    return all(importlib.util.find_spec(name) is not None for name in needed)


def student_and_card(run: Snapshot, ending: str, places: Places) -> bytes:
    """Return a zip of the student's file and its model card. Waits some seconds.

    Args:
        run: The run.
        ending: The form of the file: ".safetensors", ".pt2" or ".onnx".
        places: Where data sets lie.

    Raises:
        NoAnswer: It cannot be written: one sentence.
    """
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="bikd-student-") as folder:
        target = Path(folder, f"student{ending}")
        files = _answer_of(run, {"export": str(target)}, b"", places)["files"]
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, Path(path).name)
    return buffer.getvalue()


# The other process -------------------------------------------------------------------------------


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    if not _ONE_AT_A_TIME.acquire(timeout=WAIT_S):
        raise NoAnswer(f"Others have asked for {WAIT_S:g} s: try again in a moment.")
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


def _answer_of(
    run: Snapshot, request: dict[str, Any], content: bytes, places: Places
) -> dict[str, Any]:
    """Return the answer of `python -m bikd_core.students`.

    Raises:
        NoAnswer: It refused, took too long, or died.
    """
    folders = {"run": run.folder.path.absolute(), "data": places.data.absolute()}
    names, folder = allowed_code()  # of networks: what this server was told, not what a run names
    code = {"code": names, "code_folder": None if folder is None else str(folder.absolute())}
    line = json.dumps(request | code | {name: str(path) for name, path in folders.items()})
    with _turn():
        return answer_of(
            _COMMAND,
            line.encode() + b"\n" + content,
            limit_s=LIMIT_S,
            what="asks the networks",
            refusal=NoAnswer,
            variables={"OMP_NUM_THREADS": "1"},  # the other cores train and draw
        )
