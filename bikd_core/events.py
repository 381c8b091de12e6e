"""What flows out of training. Finished CPU values only; numpy and the standard library, no torch.

Per-class fields are in label order; only figures sort. Fractions are in [0, 1], losses in nats.
An event goes to one line of JSON (`to_json`, `from_json`); a `Frame`, which holds the arrays of
an epoch, goes to a file of its own.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

WEIGHT_BINS = 64  # of the weight histograms, fixed, over [0, 1]
SURFACE_AXIS: NDArray[np.float64] = np.geomspace(1e-3, 16.0, 40)  # cross-entropies, nats
TOP_BELIEFS = 3  # classes whose probabilities are kept for each image
BELIEF_UNIT = 255  # a kept probability is a whole number of 1/255
SATURATED_BELOW, SATURATED_ABOVE = 0.05, 0.95  # a weight beyond these counts as saturated


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """What was resolved once, at Start: a viewer needs no data set and no torch to draw the run."""

    kind: Literal["started"] = "started"
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]  # images of D_tr per class, the frames' rows
    num_val: int
    num_test: int
    data_fingerprint: str
    teacher: str  # its name, or "" for a method without one
    teacher_accuracy_per_class: tuple[float, ...]  # on this run's test set; empty without a teacher
    device: str
    precision: str
    estimator: str  # "" for a method without a weight net
    num_threads: int
    versions: dict[str, str]
    memory_format: str = "contiguous"  # of images and parameters; earlier versions' only one
    is_compiled: bool = False  # the teacher, by torch.compile
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherEpochDone:
    """One epoch of a teacher that is trained first because no stored one fits the split."""

    kind: Literal["teacher_epoch"] = "teacher_epoch"
    epoch: int  # from 1
    epochs: int
    seconds: float
    accuracy: float  # balanced, on the test set


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherViewsDone:
    """So many of the fixed views of the training images have the teacher's logits by now."""

    kind: Literal["teacher_views"] = "teacher_views"
    done: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepDone:
    """One student step; sent only while somebody steps, since reading it stalls the device."""

    kind: Literal["step"] = "step"
    epoch: int
    step: int  # from 1, over the whole run
    weighted_loss: float  # batch mean of what the student descended
    outer_loss: float | None  # of the virtual student on a D_val batch; None without a weight net
    weight_step: bool  # the weight net moved too


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochDone:
    """Summary of one epoch; test and D_val are measured in full, with the student in eval mode."""

    kind: Literal["epoch"] = "epoch"
    epoch: int  # from 1
    step: int  # student steps done since the run began
    seconds: float  # wall time of this epoch, evaluation included
    images_per_second: float  # training images over the time of the epoch's steps
    learning_rate: float
    train_hard_loss: float
    train_soft_loss: float | None  # None without a teacher
    train_weighted_loss: float
    val_loss: float  # mean CE on D_val, or on its held-out half
    test_loss: float  # mean CE
    accuracy: float  # balanced: the mean of accuracy_per_class
    accuracy_many: float
    accuracy_medium: float
    accuracy_few: float
    accuracy_per_class: tuple[float, ...]
    calibration_error: float  # 15 equal bins of confidence
    val_accuracy: float | None = None  # balanced, of the same images; None in earlier versions
    w_hard_per_class: tuple[float, ...] | None = None  # None without a weight net, as all below
    w_soft_per_class: tuple[float, ...] | None = None
    hypergradient_norm: float | None = None  # of the window-averaged dL_val/dφ, mean of the epoch
    hypergradient_cosine: float | None = None  # between successive windows, mean of the epoch
    saturated_share: float | None = None
    warnings: tuple[str, ...] = ()

    WALL_CLOCK: ClassVar[tuple[str, ...]] = ("seconds", "images_per_second")


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlChanged:
    """Somebody paused or resumed the run, or set something of it to `value`, after this step.

    Of the speed, the value is the most epochs per second, None for as fast as it goes.
    """

    kind: Literal["control"] = "control"
    epoch: int
    step: int
    control: Literal["paused", "resumed", "learning_rate", "speed"]
    value: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed:
    """The run ended early, and why, in one sentence."""

    kind: Literal["failed"] = "failed"
    reason: str


#: What goes to one line of a run's log. Training yields these, one `Panel` and the `Frame`s.
Event = (
    RunStarted
    | TeacherEpochDone
    | TeacherViewsDone
    | StepDone
    | EpochDone
    | ControlChanged
    | RunFailed
)
_TYPES: dict[str, type[Any]] = {
    "started": RunStarted,
    "teacher_epoch": TeacherEpochDone,
    "teacher_views": TeacherViewsDone,
    "step": StepDone,
    "epoch": EpochDone,
    "control": ControlChanged,
    "failed": RunFailed,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Which training images the rows of every frame are: once a run, before the first frame."""

    labels: NDArray[np.int16]  # [N]
    original_indices: NDArray[np.int32]  # [N], as the data set's source numbers them


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The arrays of one epoch; N images of D_tr in the panel's order, C classes in label order.

    Images of D_val that are trained on too are no rows.

    Each per-image value is taken at that image's own training step of the epoch. Arrays that a
    method does not have are None: weights, influence and surface need a weight net, the
    teacher's loss needs a teacher.

    `influence` is (B/η)·∂L_val/∂w: negative where the validation set wants more of that picture's
    loss. It does not fall with the learning rate.
    """

    epoch: int
    ce_student: NDArray[np.float32]  # [N]
    confusion: NDArray[np.int32]  # [C, C]: rows true, columns predicted, on the test set
    ce_teacher: NDArray[np.float32] | None = None  # [N]
    weights: NDArray[np.float16] | None = None  # [N, 2]: w_hard, w_soft
    influence: NDArray[np.float32] | None = None  # [N, 2]
    #: [N, 3], fewer columns if there are fewer classes: the most probable classes (uint8, or int16
    #: beyond 256 classes) at temperature 1, and how probable each is, in 1/255 (uint8).
    student_top: NDArray[np.integer[Any]] | None = None  # None in runs of earlier versions
    student_belief: NDArray[np.uint8] | None = None
    teacher_top: NDArray[np.integer[Any]] | None = None
    teacher_belief: NDArray[np.uint8] | None = None
    histograms: NDArray[np.int32] | None = None  # [2, C, WEIGHT_BINS]: counts of hard, of soft
    surface: NDArray[np.float16] | None = None  # [2, S, S] over SURFACE_AXIS: [., teacher, student]


@dataclass(frozen=True, kw_only=True, eq=False)
class StepTrace:
    """One student step under the lens; sent only while somebody steps. B images of the batch.

    For a method without a weight net only rows, losses and weighted_loss are there.
    """

    epoch: int
    step: int  # student steps since the run began, this one counted
    rows: NDArray[np.int32]  # [B], the images' rows in the panel
    ce_student: NDArray[np.float32]  # [B], at θ
    losses: NDArray[np.float32]  # [B], what the student descended
    weights_before: NDArray[np.float32] | None = None  # [B, 2], of the virtual step
    weights_after: NDArray[np.float32] | None = None  # [B, 2], of the real step
    ce_teacher: NDArray[np.float32] | None = None  # [B]
    soft: NDArray[np.float32] | None = None  # [B], the soft loss at θ
    influence: NDArray[np.float32] | None = None  # [B, 2]
    #: [2]: the meta loss on the D_val batch at θ, and at θ' after the virtual step
    outer_losses: NDArray[np.float32] | None = None


def arrays(of: Panel | Frame | StepTrace) -> dict[str, NDArray[Any]]:
    """The arrays that a panel or a frame has, by name: what its file holds."""
    pairs = ((field.name, getattr(of, field.name)) for field in dataclasses.fields(of))
    return {name: value for name, value in pairs if isinstance(value, np.ndarray)}


def to_json(event: Event) -> str:
    """The event as one line of strict JSON. Not-a-number and infinity become null.

    Only a loss that ended the run can be non-finite, and its reason says so in words.
    """
    values = dataclasses.asdict(event)
    return json.dumps({key: _finite(value) for key, value in values.items()}, allow_nan=False)


def from_json(line: str) -> Event:
    """The event of one line.

    Raises:
        ValueError: The line is not JSON, or is not an event.
    """
    values = json.loads(line)
    if not isinstance(values, dict) or str(values.get("kind")) not in _TYPES:
        raise ValueError(f"not an event: {line[:80]!r}")
    frozen = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    try:
        event: Event = _TYPES[values["kind"]](**frozen)
    except TypeError as error:
        raise ValueError(f"not a {values['kind']} event: {error}") from error
    return event


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple):
        return [_finite(item) for item in value]
    return value
