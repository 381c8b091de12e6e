"""What flows out of training: finished CPU values only, so numpy and pydantic but no torch.

Per-class fields are in label order; only figures sort. Fractions are in [0, 1], losses in nats.
An event goes to one line of JSON (`to_json`) and is checked by type and range when it is read back
(`from_json`); a `Frame`, which holds the arrays of an epoch, goes to a file of its own.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, WrapValidator
from pydantic.functional_validators import ModelWrapValidatorHandler

WEIGHT_BINS = 64  # bins of the weight histograms, fixed: see `bikd_core.evaluation.bin_of`
SURFACE_AXIS: NDArray[np.float64] = np.geomspace(1e-3, 16.0, 40)  # cross-entropies, nats
TOP_BELIEFS = 3  # classes whose probabilities are kept for each image
BELIEF_UNIT = 255  # a kept probability is a whole number of 1/255
RELATIVE_REACH = 3.0  # R: relative weights are within exp(±R) before they are normalised
SATURATED_BELOW, SATURATED_ABOVE = 0.05, 0.95  # a weight beyond these counts as saturated

# What a field may hold when an event is read back. Training itself checks nothing.
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_LARGEST = 3.5e38  # no 32-bit float is larger


def _nan_for_null(value: Any, validate: ModelWrapValidatorHandler[float]) -> float:
    return math.nan if value is None else validate(value)


Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[int, Field(ge=1, le=10**12)]  # counted from 1
Seconds = Annotated[float, Field(ge=0, le=1e9)]
PerSecond = Annotated[float, Field(gt=0, le=1e12)]
Fraction = Annotated[float, Field(ge=0, le=1 + 1e-6)]
Cosine = Annotated[float, Field(ge=-1 - 1e-3, le=1 + 1e-3)]
Magnitude = Annotated[float, Field(ge=0, le=_LARGEST)]
#: A training loss that was not finite is null in its line of JSON, and NaN again when read back.
Loss = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST), WrapValidator(_nan_for_null)]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """The facts resolved at Start: a viewer needs no data set and no torch to draw the run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["started"] = "started"
    class_names: Annotated[tuple[str, ...], Field(min_length=2)]
    class_counts: tuple[Number, ...]  # images of D_tr truly of each class
    num_val: Count
    num_test: Count
    data_fingerprint: str
    teacher: str  # its name, or "" for a method without one
    teacher_accuracy_per_class: tuple[Fraction, ...]  # on the test set; empty without a teacher
    device: str
    precision: str
    estimator: str  # "" for a method without a weight net
    num_threads: Number
    versions: dict[str, str]
    memory_format: str = "contiguous"  # of images and parameters; earlier versions had no other
    is_compiled: bool = False  # the teacher, by torch.compile
    #: The names of the out-of-fold teachers, by fold. Without another one, `teacher` is a name for
    #: all of them, and its accuracy is their mean.
    fold_teachers: tuple[str, ...] = ()
    #: Images of D_tr with each label, which may be wrong; () where label noise changed none.
    label_counts: tuple[Number, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def counts_as_labelled(self) -> tuple[int, ...]:
        """The images of D_tr with each label, the frames' rows: what methods take for counts."""
        return self.label_counts or self.class_counts


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherEpochDone:
    """One epoch of a teacher that is trained first because no stored one fits the split."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["teacher_epoch"] = "teacher_epoch"
    epoch: Number
    epochs: Number
    seconds: Seconds
    accuracy: Fraction  # balanced, on the test set
    #: (2, 5): it is trained without the second of five folds. None: on all of D_tr.
    fold: tuple[Number, Number] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherViewsDone:
    """The number of fixed views of the training images that have the teacher's logits so far."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["teacher_views"] = "teacher_views"
    done: Count
    total: Number


@dataclass(frozen=True, kw_only=True, slots=True)
class StepDone:
    """One student step; sent only while somebody steps, since reading it stalls the device."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["step"] = "step"
    epoch: Number
    step: Number  # over the whole run
    weighted_loss: Loss  # batch mean of what the student descended
    #: Loss of the virtual student on a D_val batch; None without a weight net, or not finite.
    outer_loss: float | None
    weight_step: bool  # the weight net moved too


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochDone:
    """Summary of one epoch; test and D_val are measured in full, with the student in eval mode."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["epoch"] = "epoch"
    epoch: Number
    step: Count  # student steps done since the run began
    seconds: Seconds  # wall time of this epoch, evaluation included
    images_per_second: PerSecond  # training images over the time of the epoch's steps
    learning_rate: Magnitude | None  # None where somebody's own loop did not say it
    train_hard_loss: Loss
    train_soft_loss: float | None  # None without a teacher
    train_weighted_loss: Loss
    val_loss: Magnitude | None  # mean CE on D_val, or on its held-out half; None as above
    test_loss: Magnitude  # mean CE
    accuracy: Fraction  # balanced: the mean of accuracy_per_class
    accuracy_many: Fraction
    accuracy_medium: Fraction
    accuracy_few: Fraction
    accuracy_per_class: tuple[Fraction, ...]
    calibration_error: Fraction  # 15 equal bins of confidence
    val_accuracy: Fraction | None = (
        None  # balanced, same images as val_loss; None in earlier versions
    )
    w_hard_per_class: tuple[Magnitude, ...] | None = None  # None without a weight net, as all below
    w_soft_per_class: tuple[Magnitude, ...] | None = None
    hypergradient_norm: Magnitude | None = None  # of the window-averaged dL_val/dφ, epoch mean
    hypergradient_cosine: Cosine | None = None  # between successive windows, epoch mean
    saturated_share: Fraction | None = None
    #: The smallest share of the images that carries half of a column's weight, by column.
    half_weight_share: tuple[Fraction, ...] | None = None
    #: L_val's mean gradient on each class's logit over the epoch's steps, by its two parts: of the
    #: hard one mean predicted probability minus share of the labels. None in earlier versions.
    pull_hard_per_class: tuple[float, ...] | None = None
    pull_soft_per_class: tuple[float, ...] | None = None
    #: Mean influence of each class's images that have one; None for a class without.
    influence_hard_per_class: tuple[float | None, ...] | None = None
    influence_soft_per_class: tuple[float | None, ...] | None = None
    #: What is added to the student's logits inside each loss, where it is learned, in nats.
    shift_hard_per_class: tuple[float, ...] | None = None
    shift_soft_per_class: tuple[float, ...] | None = None
    warnings: tuple[str, ...] = ()

    WALL_CLOCK: ClassVar[tuple[str, ...]] = ("seconds", "images_per_second")

    @property
    def rank_by_val(self) -> float:
        """The loss on D_val, by which epochs are compared; without one, no epoch is better."""
        return math.inf if self.val_loss is None else self.val_loss


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassBiasesFitted:
    """Class biases fitted to D_val at the end of a run, and the student's accuracy with them.

    Predictions are made from z/T + b. Only images of D_val that were not trained on count; there
    is no such event without any. Fields that `EpochDone` has too are of the test set as there, but
    those of D_val are cross-fitted: each image is judged by biases fitted to other ones.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["class_biases"] = "class_biases"
    epoch: Number  # whose student it was: the last one
    num_val: Number  # images that they were fitted to: those behind `EpochDone.val_loss`
    biases: tuple[Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)], ...]  # nats; their sum is 0
    temperature: Annotated[float, Field(gt=0, le=1e3)]
    val_loss: Magnitude | None  # None where a class has a single image
    val_accuracy: Fraction | None
    test_loss: Magnitude
    accuracy: Fraction
    accuracy_many: Fraction
    accuracy_medium: Fraction
    accuracy_few: Fraction
    accuracy_per_class: tuple[Fraction, ...]
    calibration_error: Fraction
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlChanged:
    """Somebody paused or resumed the run, or set `control` to `value`, after this step.

    The value of a speed is the most epochs per second; None is no limit.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["control"] = "control"
    epoch: Number
    step: Count
    control: Literal["paused", "resumed", "learning_rate", "speed"]
    value: Annotated[float, Field(gt=0, le=1e3)] | None = None


#: The reason of a run that diverged begins so.
NOT_FINITE = "The loss is not finite"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed:
    """The early end of a run, with its reason in one sentence."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["failed"] = "failed"
    reason: str


#: What goes to one line of a run's log. Training yields these, one `Panel` and the `Frame`s.
Event = (
    RunStarted
    | TeacherEpochDone
    | TeacherViewsDone
    | StepDone
    | EpochDone
    | ClassBiasesFitted
    | ControlChanged
    | RunFailed
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """The training images behind the rows of every frame; yielded once, before the first frame."""

    labels: Annotated[NDArray[np.int16], "N"]  # as they are given to the student
    original_indices: Annotated[NDArray[np.int32], "N"]  # as the data set's source numbers them
    #: Where label noise was planted; None without it, and in runs of earlier versions.
    true_labels: Annotated[NDArray[np.int16] | None, "N"] = None

    @property
    def is_wrong(self) -> NDArray[np.bool_] | None:
        """Whether each image has a planted wrong label, [N]; None without label noise."""
        return None if self.true_labels is None else self.labels != self.true_labels


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The arrays of one epoch, of N images of D_tr in the panel's order and C classes.

    The letters beside each array are its shape: B is `WEIGHT_BINS`, S the length of
    `SURFACE_AXIS`, T is `TOP_BELIEFS` or C if that is less. Images of D_val that are trained on
    too have no rows.

    Each per-image value is taken at that image's own training step of the epoch. Arrays that a
    method does not have are None: weights, influence and surface need a weight net, the
    teacher's loss needs a teacher.

    Relative weights are multiples of the objective's own weight: the mean over a batch is 1. Their
    surface is the weight net's output over `raw_mean`. A method with one loss has 0 in the second
    column.

    Weights are those that the student used: with another `weights_used` than "learned" they are not
    the weight net's, while influence and surface are those of the net and of its own weights.

    With out-of-fold teachers, the teacher's loss and classes of an image are those of the teacher
    that has not seen it.

    `influence` is (B/η)·∂L_val/∂w: negative where the validation set wants more of that picture's
    loss. It does not fall with the learning rate. It is NaN for images whose step had none.
    """

    epoch: int
    ce_student: Annotated[NDArray[np.float32], "N"]
    confusion: Annotated[NDArray[np.int32], "C C"]  # rows true, columns predicted, test set
    ce_teacher: Annotated[NDArray[np.float32] | None, "N"] = None
    weights: Annotated[NDArray[np.float16] | None, "N 2"] = None  # w_hard, w_soft
    influence: Annotated[NDArray[np.float32] | None, "N 2"] = None  # of w_hard, of w_soft
    #: Mean weight of the epoch before it is normalised; None where weights are not relative.
    raw_mean: Annotated[NDArray[np.float32] | None, "2"] = None
    #: The student's cross-entropy as the weight net saw it: with the class prior and the learned
    #: shifts of the hard loss. None where that is `ce_student`, and in runs of earlier versions.
    seen_by_net: Annotated[NDArray[np.float32] | None, "N"] = None
    #: The most probable classes at temperature 1 (uint8, or int16 beyond 256 classes), and how
    #: probable each is, in 1/255. None in runs of earlier versions.
    student_top: Annotated[NDArray[np.integer[Any]] | None, "N T"] = None
    student_belief: Annotated[NDArray[np.uint8] | None, "N T"] = None
    teacher_top: Annotated[NDArray[np.integer[Any]] | None, "N T"] = None
    teacher_belief: Annotated[NDArray[np.uint8] | None, "N T"] = None
    histograms: Annotated[NDArray[np.int32] | None, "2 C B"] = None  # counts by w_hard, by w_soft
    surface: Annotated[NDArray[np.float16] | None, "2 S S"] = (
        None  # [hard or soft, teacher, student]
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class StepTrace:
    """One student step under the lens, of M images; sent while somebody steps.

    Each run also sends those that it keeps: see `bikd_core.training.kept_step`. Arrays that need a
    weight net or a teacher are None for methods without one.
    """

    epoch: int
    step: int  # student steps since the run began, this one counted
    rows: Annotated[NDArray[np.int32], "M"]  # the images' rows in the panel
    ce_student: Annotated[NDArray[np.float32], "M"]  # at θ
    losses: Annotated[NDArray[np.float32], "M"]  # what the student descended
    weights_before: Annotated[NDArray[np.float32] | None, "M 2"] = None  # of the virtual step
    weights_after: Annotated[NDArray[np.float32] | None, "M 2"] = None  # of the real step
    ce_teacher: Annotated[NDArray[np.float32] | None, "M"] = None
    soft: Annotated[NDArray[np.float32] | None, "M"] = None  # the soft loss at θ
    influence: Annotated[NDArray[np.float32] | None, "M 2"] = None
    #: The meta loss on the D_val batch: at θ, and at θ' after the virtual step.
    outer_losses: Annotated[NDArray[np.float32] | None, "2"] = None
    #: What the hard and the soft loss add to `losses`: coefficient · weight · loss of the real
    #: step. None in runs of earlier versions, as are the objective's coefficients.
    parts: Annotated[NDArray[np.float32] | None, "M 2"] = None
    coefficients: Annotated[NDArray[np.float32] | None, "M 2"] = None  # with a weight net


def to_json(event: Event) -> str:
    """Return the event as one line of strict JSON. Not-a-number and infinity become null.

    Only a training loss can be non-finite; a non-finite loss on D_val or test ends the run.
    """
    values = dataclasses.asdict(event)
    return json.dumps({key: _finite(value) for key, value in values.items()}, allow_nan=False)


def from_json(line: str | bytes) -> Event:
    """Return the event of one line, each field checked by type and range.

    Raises:
        ValueError: The line is not JSON, or not an event; the message names field and value.
    """
    try:
        return _adapter().validate_json(line)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from error


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return f"not an event: {first['msg']}"
    kind, *field = first["loc"]
    place = ".".join(str(part) for part in field)
    if first["type"] == "missing":
        return f"not an event: {kind}: it has no {place}"
    return f"not an event: {kind}: {place} = {first['input']!r:.80}: {first['msg']}"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple):
        return [_finite(item) for item in value]
    return value
