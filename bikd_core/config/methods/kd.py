"""KD's options."""

from __future__ import annotations

from pydantic import Field

from bikd_core.config.method import TeacherOptions


class Options(TeacherOptions):
    """KD's options: one weight for all images."""

    kd_alpha: float = Field(
        0.5,
        ge=0,
        le=1,
        title="KD alpha",
        description="Weight of the hard loss where the two weights are fixed and sum to 1; the "
        "soft loss has the rest.",
    )
