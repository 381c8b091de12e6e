"""What a run's networks say of one picture, as it goes from process to process. No torch.

C classes; what is by class is in label order. J losses of the method: the hard one, and the soft
one where there is a teacher.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Nats = Annotated[float, Field(ge=0)]
Uri = Annotated[str, Field(pattern=r"^data:image/png;base64,[A-Za-z0-9+/=]+$")]
#: Where weights come from: the weight net of the checkpoint, the last epoch's surface of it, the
#: objective's own formula or constants, the epochs before a weight net learns; or there are none.
WeightsFrom = Literal["weight_net", "surface", "objective", "before_learning", "none"]


class NoAnswer(ValueError):
    """The networks cannot be asked; the message is one sentence for people."""


class PictureAnswer(BaseModel):
    """The beliefs of student and teacher in a picture, and what each label would make of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    picture: Uri  # as it is, smaller if it is large
    seen: Uri  # as the networks see it, each of its pixels drawn large
    label: int | None = None  # of a test picture; of somebody's own it is not known
    student: tuple[Probability, ...]  # [C], as the run is tested
    calibrated: tuple[Probability, ...] | None = None  # [C], with class biases and temperature
    teacher: tuple[Probability, ...] | None = None  # [C]
    ce_student: tuple[Nats, ...]  # [C], by label, of the plain logits, as in training
    ce_teacher: tuple[Nats, ...] | None = None  # [C]
    weights: tuple[tuple[float, ...], ...] = ()  # [C, J], by label; () where there are none
    weights_from: WeightsFrom = "none"
    is_outside: tuple[bool, ...] = ()  # [C], whether a loss lies beyond the ends of the surface
    notes: tuple[str, ...] = ()  # sentences about what these numbers are not
