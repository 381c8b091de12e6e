"""Making, uploading and deleting stored teachers. torch is imported in other processes only."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from bikd_core.config import ModelName, RunConfig
from bikd_core.places import Places
from bikd_core.runs import CorruptRunError, RunManager, UnknownRun
from bikd_core.runs.answers import answer_of
from bikd_core.store.files import writing
from bikd_core.teachers.card import TeacherError, check_name

log = logging.getLogger(__name__)

_POLL_S = 0.3
_LIMIT_S = 600.0  # to download a data set and measure a network
_UPLOAD = ".upload-"  # how folders of uploaded files begin
_COMMAND = (sys.executable, "-P", "-m", "bikd_core.teachers.creation")


class Upload(NamedTuple):
    """An uploaded file, with the model and the data set that its uploader names."""

    content: bytes
    file_name: str
    model: str
    dataset: str


class StoredTeachers:
    """The stored teachers of one server. Any thread may call any method."""

    def __init__(self, manager: RunManager) -> None:
        self._manager = manager
        self._lock = threading.Lock()  # guards the next two
        self._in_making: dict[str, str] = {}  # teacher's name by run id
        self._failures: dict[str, str] = {}  # reason by run id
        self._sweep()

    @property
    def places(self) -> Places:
        return self._manager.places

    def _sweep(self) -> None:
        """Remove what killed servers left of uploads: nobody still reads one that is so old."""
        for folder in self.places.teachers.glob(f"{_UPLOAD}*"):
            if time.time() - folder.stat().st_mtime > _LIMIT_S:
                shutil.rmtree(folder, ignore_errors=True)

    def is_taken(self, name: str) -> bool:
        """Return whether a teacher of that name is stored or being made."""
        with self._lock:
            in_making = name in self._in_making.values()
        folders = self.places.teacher_folders()
        return in_making or any((folder / f"{name}.safetensors").exists() for folder in folders)

    def check_new(self, name: str) -> None:
        """Refuse a name that a new teacher cannot have.

        Raises:
            TeacherError: The name is not valid, or is taken.
        """
        check_name(name)
        if self.is_taken(name):
            raise TeacherError(f"There is a teacher {name!r} already: choose another name.")

    # Making -------------------------------------------------------------------------------------

    def train(self, config: RunConfig, model: ModelName, name: str) -> str:
        """Queue a `ce` run whose student is stored when it has finished; return the run's id.

        Raises:
            TeacherError: The name is not valid, or is taken.
            ConfigError: The split is not possible, or the model does not take its images.
            StoreError: The run's folder cannot be written.
        """
        self.check_new(name)
        run_id = self._manager.start(self.run_config(config, model), f"Teacher {name}")
        with self._lock:
            self._in_making[run_id] = name
        threading.Thread(
            target=self._store_when_finished, args=(run_id, name), daemon=True, name=f"store {name}"
        ).start()
        return run_id

    @staticmethod
    def run_config(config: RunConfig, model: ModelName) -> RunConfig:
        """Return the config of the run that trains a teacher.

        Raises:
            ConfigError: The model does not take the images.
        """
        return config.changed(student=model, teacher_model=model, method="ce", teacher="auto")

    def _store_when_finished(self, run_id: str, name: str) -> None:
        is_stored = False
        try:
            while not (run := self._manager.snapshot(run_id)).has_ended:
                time.sleep(_POLL_S)
            if run.state == "finished":
                self._create({"run": str(run.folder.path.absolute()), "name": name})
                is_stored = True
        except (TeacherError, UnknownRun, CorruptRunError) as error:
            log.warning("no teacher was made of run %s: %s", run_id, error)
            with self._lock:
                self._failures[run_id] = str(error)
        finally:
            if not is_stored:  # the teacher will never exist
                self.key_of(name).unlink(missing_ok=True)
            with self._lock:
                del self._in_making[run_id]

    def in_making(self) -> dict[str, str]:
        """Return the names of teachers whose runs train, wait or are being stored, by run id."""
        with self._lock:
            return dict(self._in_making)

    def failures(self) -> dict[str, str]:
        """Return why runs that should have become teachers did not, by run id."""
        with self._lock:
            return dict(self._failures)

    def store_run(self, run_id: str, name: str) -> None:
        """Store the student of a finished `ce` run. Waits a few seconds.

        Raises:
            TeacherError: The name is not valid or is taken, or the run cannot be a teacher.
            UnknownRun: There is no such run.
        """
        self.check_new(name)
        folder = self._manager.snapshot(run_id).folder
        self._create({"run": str(folder.path.absolute()), "name": name})

    def store_upload(self, upload: Upload, name: str) -> None:
        """Verify a file of parameters in a process of its own, and store it. Waits for that.

        Raises:
            TeacherError: The name is not valid or is taken, or the file is not one of that
                model and data set.
        """
        self.check_new(name)
        with writing(self.places.teachers):
            self.places.teachers.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_UPLOAD, dir=self.places.teachers) as folder:
            path = Path(folder) / "upload"
            path.write_bytes(upload.content)
            self._create(
                {
                    "file": str(path),
                    "file_name": upload.file_name,
                    "model": upload.model,
                    "dataset": upload.dataset,
                    "name": name,
                }
            )

    def _create(self, request: dict[str, Any]) -> None:
        """Let another process create a teacher: see `bikd_core.teachers.creation`.

        Raises:
            TeacherError: None was created; the message is that process's sentence.
        """
        absolute = self.places.absolute()
        places = {"data": str(absolute.data), "teachers": str(absolute.teachers)}
        answer_of(
            _COMMAND,
            json.dumps(request | places).encode(),
            limit_s=_LIMIT_S,
            what="reads teachers",
            refusal=TeacherError,
        )

    # Deleting -----------------------------------------------------------------------------------

    def is_own(self, name: str) -> bool:
        """Return whether a teacher was made or uploaded here, and did not come with the project."""
        shipped, own = self.places.teacher_folders()
        return (own / f"{name}.json").is_file() and not (shipped / f"{name}.json").is_file()

    def delete(self, name: str) -> None:
        """Remove a teacher that was made here.

        Raises:
            TeacherError: It came with the project, there is none, or a run still needs it.
        """
        check_name(name)
        if not self.is_own(name):
            raise TeacherError(
                f"Teacher {name!r} cannot be deleted: it was not made or uploaded here."
            )
        for run in self._manager.list():
            if not run.has_ended and run.config.models.teacher == name:
                raise TeacherError(f"The run {run.name!r} needs teacher {name!r}: stop it first.")
        for suffix in (".json", ".safetensors"):  # the card first: see `save_teacher`
            (self.places.teachers / f"{name}{suffix}").unlink(missing_ok=True)
        self.key_of(name).unlink(missing_ok=True)

    def key_of(self, name: str) -> Path:
        """Return the path of the key to a teacher: whoever has that key may delete it.

        Raises:
            TeacherError: The name is not valid.
        """
        check_name(name)
        return self.places.teachers / f"{name}.key"
