"""What passes between a server and the child process that trains one run.

One JSON object a line each way, validated where it is read:

    to the child     any number of `Measure` and `Cancel`, then one `Start`, then what steers:
                     `Pause`, `Resume`, `Stop`, `Step`, `SetLearningRate`, `SetSpeed`
    from the child   `Ready` once it has imported torch, `Measured` after each `Measure`,
                     `Written` whenever the run's log has gained an event, `Ended` at last

Events do not pass: the server reads them from the run's folder, as everybody does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bikd_core.config import AllowedCode, RunConfig
from bikd_core.control import Control, StepLevel
from bikd_core.places import Places
from bikd_core.speed import Speeds
from bikd_core.store import RunState


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Measure(_Line):
    """Time some steps of a config."""

    command: Literal["measure"] = "measure"
    config: RunConfig
    num_threads: int
    code: AllowedCode = AllowedCode()


class Cancel(_Line):
    """Stop measuring."""

    command: Literal["cancel"] = "cancel"


class Start(_Line):
    """Train the one run of this process, or those that train together.

    Those of `run.json`'s `together` that are neither `folder` nor among the `others` have ended:
    they are computed again, because their digits are the others' too, and not written.
    """

    command: Literal["start"] = "start"
    folder: Path
    others: tuple[Path, ...] = ()
    places: Places
    resume: bool
    num_threads: int
    code: AllowedCode = AllowedCode()


class Pause(_Line):
    """Pause after the current step."""

    command: Literal["pause"] = "pause"


class Resume(_Line):
    """Continue after a pause."""

    command: Literal["resume"] = "resume"


class Stop(_Line):
    """End after the current step; of runs that train together, only that of an id if given."""

    command: Literal["stop"] = "stop"
    run_id: str = ""


class Step(_Line):
    """Train to the next end of `level`, then pause."""

    command: Literal["step"] = "step"
    level: StepLevel


class SetLearningRate(_Line):
    """Replace the base learning rate."""

    command: Literal["learning_rate"] = "learning_rate"
    value: float


class SetSpeed(_Line):
    """Train at most this many epochs per second; None removes the limit."""

    command: Literal["speed"] = "speed"
    value: float | None


class Ready(_Line):
    """The child has imported torch and waits for its run."""

    kind: Literal["ready"] = "ready"


class Measured(_Line):
    """The speeds of a config, or why they are not known."""

    kind: Literal["measured"] = "measured"
    speeds: Speeds | None
    reason: str = ""


class Written(_Line):
    """The run's log has gained an event."""

    kind: Literal["written"] = "written"
    is_epoch: bool


class Ended(_Line):
    """The run has ended in this state, and the process ends, too."""

    kind: Literal["ended"] = "ended"
    state: RunState
    reason: str


CANCELLED = "cancelled"  # the reason of a measurement that a newer command interrupted

Steering = Pause | Resume | Stop | Step | SetLearningRate | SetSpeed
Command = Measure | Cancel | Start | Steering
Reply = Ready | Measured | Written | Ended


def to_line(message: Command | Reply) -> bytes:
    """Return a message as one line of JSON."""
    return message.model_dump_json().encode() + b"\n"


def read_command(line: bytes) -> Command:
    """Return the command of one line.

    Raises:
        ValueError: The line is not a command.
    """
    return _commands().validate_json(line)


def read_reply(line: bytes) -> Reply:
    """Return the reply of one line.

    Raises:
        ValueError: The line is not a reply.
    """
    return _replies().validate_json(line)


@cache
def _commands() -> TypeAdapter[Command]:
    return TypeAdapter(Annotated[Command, Field(discriminator="command")])


@cache
def _replies() -> TypeAdapter[Reply]:
    return TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def steer(control: Control, command: Steering) -> None:
    """Apply a command to the training that `control` steers; the end of one run is not for it."""
    match command:
        case Stop(run_id=run_id) if run_id:
            return
        case Pause():
            control.pause()
        case Resume():
            control.resume()
        case Stop():
            control.stop()
        case Step(level=level):
            control.step(level)
        case SetLearningRate(value=rate):
            control.set_learning_rate(rate)
        case SetSpeed(value=limit):
            control.set_speed(limit)
