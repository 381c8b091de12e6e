"""Serves one request about a run's student, for a process that must not import torch.

The first line of standard input is a JSON object, and the content of a picture's file may follow.
Nothing of the picture is written anywhere. The object has "run", "data" (folders), and either
"teachers" (folders), with "label" and "number" of a test picture or without, or "export", the path
of a file to write; and perhaps "code" and "code_folder", as `AllowedCode` has them. The answer is
one JSON object: a `PictureAnswer`, {"files": […]} or {"error": …}.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from bikd_core.config import ConfigError, allow_code
from bikd_core.data.source import DatasetUnavailable
from bikd_core.store import RunFolder, StoreError
from bikd_core.store.intake import limit_memory, taken_bytes
from bikd_core.students.ask import NumberedPicture, ask
from bikd_core.students.files import export_student
from bikd_core.students.picture_answer import NoAnswer
from bikd_core.teachers.card import TeacherError

MAX_MEMORY_BYTES = 4 * 2**30  # for a picture, a data set and two networks, beyond torch itself


def serve(request: dict[str, Any], content: BinaryIO) -> str:
    """Return the JSON of the answer to a request."""
    folder, data_dir = RunFolder(Path(request["run"])), Path(request["data"])
    if names := request.get("code"):
        place = request["code_folder"]
        allow_code(names, None if place is None else Path(place))
    try:
        if "export" in request:
            written = export_student(folder, Path(request["export"]), data_dir)
            return json.dumps({"files": [str(path) for path in written]})
        if "label" in request:
            picture: bytes | NumberedPicture = NumberedPicture(request["label"], request["number"])
        else:
            picture = content.read()
        teachers = [Path(path) for path in request["teachers"]]
        return ask(folder, data_dir, teachers, picture).model_dump_json()
    except (ConfigError, DatasetUnavailable, NoAnswer, StoreError, TeacherError) as error:
        # Where the run lies on the server is nobody's business.
        return json.dumps({"error": str(error).replace(f"{folder.path}{os.sep}", "")})
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        limit = MAX_MEMORY_BYTES // 2**30
        return json.dumps({"error": f"That needs more than {limit} GB of memory."})


def main() -> None:
    """Serve standard input; what libraries print goes where errors go."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    request = json.loads(source.readline())
    if (taken := taken_bytes()) is not None:
        limit_memory(taken + MAX_MEMORY_BYTES)
    answer.write(serve(request, source))
    answer.close()


if __name__ == "__main__":
    main()
