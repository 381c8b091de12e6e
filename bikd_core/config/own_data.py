"""The facts of somebody's own pictures, which have no file in `data/sources`.

Opening them makes the facts (`data/own`). Their name ends in a hash of all that they hold, so what
was once said of a name stays true: it may be remembered, and travel with a run.
"""

from __future__ import annotations

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from bikd_core.config.own_loop import TITLE_PATTERN
from bikd_core.config.source_facts import SOURCE_FACTS, SourceFacts

#: What a command takes for pictures that are yet to be opened: `folder:PATH` or `folder:PATH@48`.
FOLDER_PREFIX = "folder:"
#: The name of opened pictures: a few letters of the folder's name and a hash of what it holds.
OWN_NAME = r"own_[a-z0-9_]{1,20}_[0-9a-f]{12}"
MAX_CLASSES = 1000  # of somebody's own pictures
MAX_CLASS_NAME = 100  # characters
MAX_PICTURES = 10_000_000
OWN_SIZES = range(8, 65)  # height and width, to which own pictures are resized
#: The controls whose defaults own pictures may set.
OWN_DEFAULTS = frozenset(
    ("teacher_model", "student", "imbalance", "val_per_class", "augmentation", "epochs")
)

_OWN_FACTS: dict[str, SourceFacts] = {}  # of pictures that this process has met, by name


def is_own(dataset: str) -> bool:
    """Return whether a data set's name is that of somebody's own, opened pictures."""
    return re.fullmatch(OWN_NAME, dataset) is not None


def known_facts(dataset: str) -> SourceFacts | None:
    """Return the facts of a data set; None if there is none, or it was not met here."""
    return SOURCE_FACTS.get(dataset) or _OWN_FACTS.get(dataset)


def remember_facts(dataset: str, facts: SourceFacts, *, is_hearsay: bool = False) -> None:
    """Remember the facts of own pictures, for all that asks for them by their name.

    Args:
        dataset: The name.
        facts: The facts.
        is_hearsay: They come from a run's record, perhaps of another machine: they replace none.
    """
    if not is_own(dataset):
        raise ValueError(f"{dataset[:80]!r} is not the name of own pictures")
    if not is_hearsay or dataset not in _OWN_FACTS:
        _OWN_FACTS[dataset] = facts


def own_title(name: str) -> str:
    """Return a title for pictures from the name of their folder, safe in any sentence."""
    plain = " ".join(re.sub(r"[^\w .,:;()+\-–/×&'=]", " ", name).split())
    return plain.lstrip(" .,:;()+-–/×&'=")[:60].strip() or "pictures"


def check_own_facts(facts: SourceFacts) -> None:
    """Check facts that another machine may have written.

    Raises:
        ValueError: They are not those of own pictures: one sentence.
    """
    num_classes = facts.num_classes
    if not re.fullmatch(TITLE_PATTERN, facts.title):
        raise ValueError("own pictures have a title of letters, digits and blanks")
    if num_classes > MAX_CLASSES or max(map(len, facts.class_names)) > MAX_CLASS_NAME:
        raise ValueError(
            f"own pictures have at most {MAX_CLASSES:,} classes, with names of at most "
            f"{MAX_CLASS_NAME} characters"
        )
    counts = (facts.pool_counts, facts.test_counts, facts.val_counts)
    if any(len(each) not in (0, num_classes) or min(each, default=1) < 1 for each in counts):
        raise ValueError("own pictures have a count of 1 or more for each class")
    if facts.size not in OWN_SIZES or facts.channels not in (1, 3) or not facts.pool_counts:
        raise ValueError("own pictures have 1 or 3 channels and 8 to 64 pixels")
    if max(map(sum, counts)) > MAX_PICTURES:
        raise ValueError(f"own pictures are at most {MAX_PICTURES:,}")
    if facts.published_defaults or not facts.defaults.keys() <= OWN_DEFAULTS:
        raise ValueError(f"own pictures set the defaults of {', '.join(sorted(OWN_DEFAULTS))} only")


class OwnData(BaseModel):
    """The facts of somebody's own pictures, so that a run is drawn where they are not.

    No picture is among them. Reading them makes them known by their name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    facts: SourceFacts

    @model_validator(mode="after")
    def _remember(self) -> Self:
        check_own_facts(self.facts)
        remember_facts(self.dataset, self.facts, is_hearsay=True)
        return self


def own_data_of(dataset: str) -> OwnData | None:
    """Return what a record keeps of somebody's own pictures; None for other data sets."""
    facts = known_facts(dataset) if is_own(dataset) else None
    return None if facts is None else OwnData(dataset=dataset, facts=facts)
