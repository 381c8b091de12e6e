"""The method of a run that somebody's own training loop recorded: it is shown, never started."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bikd_core.config.method import MethodConfig, WeightScale
from bikd_core.config.method_facts import MethodFacts

OWN_LOOP: Literal["own_loop"] = "own_loop"  # the method of such a run
ELSEWHERE = "elsewhere"  # its data set
#: The controls that say anything about such a run.
READ = frozenset({"method", "dataset", "epochs"})
MAX_CLASSES, MAX_IMAGES = 1000, 1_000_000

#: Titles come with imported runs too, and stand in sentences that are Markdown on the page.
TITLE_PATTERN = r"^\w[\w .,:;()+\-–/×&'=]{0,59}$"
TITLE_IN_WORDS = (
    "1 to 60 letters, digits, blanks or any of . , : ; ( ) + - / & ' =, the first a letter or digit"
)
Title = Annotated[str, Field(pattern=TITLE_PATTERN)]


class OwnLoop(MethodConfig):
    """What `bikd_core.Recorder` was told about the loop; nobody here knows how it trains."""

    method: Literal["own_loop"] = OWN_LOOP
    loop: Title  # what its author calls the method
    data: Title  # what its author calls the data
    num_classes: int = Field(ge=3, le=MAX_CLASSES)
    num_images: int = Field(ge=3, le=MAX_IMAGES)  # of D_tr
    weight_scale: WeightScale = "sigmoid"

    @property
    def facts(self) -> MethodFacts:
        """The title that its author gave it; what it needs is not known."""
        return MethodFacts(self.loop, "recorded in somebody's own training loop")


#: Why nobody can steer such a run, or go on with it, from here.
OWN_LOOP_REFUSAL = "This run is recorded in a loop of somebody's own, which steers it alone."


def refusal(name: str, value: object) -> str:
    """Return why a run with this method or data set cannot be started; "" for all others."""
    if [name, value] not in (["method", OWN_LOOP], ["dataset", ELSEWHERE]):
        return ""
    return (
        f"{name} = {value!r} is not possible here: such runs are recorded by bikd_core.Recorder in "
        "a training loop of somebody's own, and only shown."
    )
