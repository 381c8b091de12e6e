"""Asks a process of its own one question, and waits for its answer in JSON.

What such a process reads may be anybody's file, and what it imports takes memory: both end with it.
"""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from bikd_core.runs.child import environment

log = logging.getLogger(__name__)


def answer_of(
    command: Sequence[str],
    question: bytes,
    *,
    limit_s: float,
    what: str,
    refusal: type[Exception],
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what a process answers.

    Args:
        command: The process. It prints one JSON object, in which "error" is why it refuses.
        question: What it reads from its standard input.
        limit_s: How long it may take.
        what: What it does, for people: "reads teachers".
        refusal: The kind of exception.
        variables: Environment variables on top of this process's.

    Raises:
        Exception: Of the kind `refusal`, with one sentence: it refuses, took too long, or died.
    """
    try:
        done = subprocess.run(
            command,
            input=question,
            capture_output=True,
            timeout=limit_s,
            env=environment() | dict(variables or {}),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise refusal(
            f"The process that {what} took more than {limit_s:g} s, so it was stopped."
        ) from error
    if done.returncode != 0:
        log.error("the process that %s: %s", what, done.stderr.decode(errors="replace"))
        raise refusal(f"The process that {what} ended by itself (exit code {done.returncode}).")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise refusal(answer["error"])
    return answer
