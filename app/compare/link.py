"""The Compare page's address: which methods, over which seeds, against which reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field

from app.shared.controls import OF_ONE_RUN
from app.shared.controls_link import write_controls
from app.shared.link import Link
from app.shared.session import session
from bikd_core.config import FORM, ConfigError, choices
from bikd_core.studies import Calibration, read_entry, read_faults, read_seeds, split_entries

DEFAULT_REFERENCE = "kd"


def _check_seeds(text: str) -> str:
    read_seeds(text)
    return text


def _methods(value: Any) -> Any:
    return split_entries(value) if isinstance(value, str) else value


def _faults(value: Any) -> Any:
    return read_faults("fair", value) if isinstance(value, str) else value


class CompareLink(Link):
    """The comparison chosen on the page or in an address."""

    question: Literal["methods", "weights", "rates"] = Field(
        "methods", description="one of methods, weights, rates"
    )
    methods: Annotated[tuple[str, ...], BeforeValidator(_methods)] = Field(
        ("ce", "kd", "balanced_softmax", "bikd"), description="methods, separated by commas"
    )
    seeds: Annotated[str, AfterValidator(_check_seeds)] = Field(
        "0-2", description="whole numbers, separated by commas, or a range as 0-9"
    )
    reference: str = Field(DEFAULT_REFERENCE, description="one of the methods compared")
    counts: Literal["last", "val"] = Field("last", description="one of last, val")
    calibration: Calibration = Field("none", description="one of none, class_biases")
    faults: Annotated[tuple[str, ...], BeforeValidator(_faults)] = Field(
        (), description="faults of the published comparison, separated by commas"
    )

    @property
    def effective_reference(self) -> str:
        """The reference, or another method if the chosen one is no longer compared."""
        if self.reference in self.methods or not self.methods:
            return self.reference
        return DEFAULT_REFERENCE if DEFAULT_REFERENCE in self.methods else self.methods[0]

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> tuple[Self, list[str]]:
        """Read like `Link.read`, but refuse only those methods of the list that do not exist."""
        methods, complaints = _known_methods(parameters.get("methods", ""), parameters)
        given = {name: text for name, text in parameters.items() if name != "methods"}
        if methods:
            given["methods"] = ",".join(methods)
        link, more = super().read(given)
        if "reference" in given and link.effective_reference != link.reference:
            reason = cls.refusal("reference", link.reference).rsplit(". ", 1)[0]
            more.append(f"{reason}. {link.effective_reference} is used.")
        return link, complaints + more

    def write(self) -> dict[str, str]:
        """Write like `Link.write`, but always include methods and seeds, for people to read."""
        effective = self.model_copy(update={"reference": self.effective_reference})
        always = {"methods": ",".join(self.methods), "seeds": self.seeds}
        return always | super(CompareLink, effective).write()


#: Names of parameters that are not controls.
PARAMETERS = frozenset(CompareLink.parameters())


def take_link(parameters: Mapping[str, str]) -> None:
    """Choose the comparison that an address names; complain about impossible values."""
    link, complaints = CompareLink.read(parameters)
    session().set_link(link)
    session().complain(*complaints)


def written_link() -> dict[str, str]:
    """Return the query parameters of the page in its present state."""
    parameters = write_controls(session().controls)
    for name in OF_ONE_RUN:
        parameters.pop(name, None)
    return parameters | session().link(CompareLink).write()


def _known_methods(text: str, parameters: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the known methods of a list, each once, and a complaint about each unknown one."""
    form = {k: v for k, v in parameters.items() if k in FORM and v in choices(k)}
    known: list[str] = []
    complaints: list[str] = []
    for entry in filter(None, split_entries(text)):
        try:
            read_entry(entry, form)
        except ConfigError as error:
            complaints.append(f"{error} It is left out.")
        else:
            known += [] if entry in known else [entry]
    return known, complaints
