"""The facts of each data source, read from its file without importing the file.

One file in `bikd_core/data/sources` is all that a new source takes. Its name is the file's; the
command line, the page and the defaults of a run find the rest in the file's `FACTS`.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOLDER = Path(__file__).parents[1] / "data" / "sources"
DEFAULT_SOURCE = "digits"


class SourceFacts(BaseModel):
    """The facts of a data set that are known before an image is read.

    The pool holds the images that D_val and the training set are taken from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    class_names: tuple[str, ...] = Field(min_length=2)  # in label order
    channels: int = Field(ge=1)
    size: int = Field(ge=1)  # height and width in pixels
    pool_per_class: int = Field(ge=1)  # pool images of the rarest class
    has_test: bool  # whether there is an official test set; else the pool gives the test images
    default_test_per_class: int = Field(ge=1)  # with an official test set, also the most possible
    download_mb: float = Field(ge=0)  # 10^6 bytes; 0: nothing is downloaded
    citation: str
    terms: str  # the licence, or what else its publishers allow
    #: Images of each class in label order; (): of published data sets each has as many as the
    #: rarest. The second and third are those of a test set and a D_val that come with the pool.
    pool_counts: tuple[int, ...] = ()
    test_counts: tuple[int, ...] = ()
    val_counts: tuple[int, ...] = ()
    defaults: dict[str, Any] = Field(default_factory=dict)  # of the controls, where they differ
    #: The same, only for BiKD as published: see `AS_PUBLISHED` in `config/methods/bikd.py`.
    published_defaults: dict[str, Any] = Field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def has_val(self) -> bool:
        """Whether images for D_val come with the pool; else the pool gives them."""
        return bool(self.val_counts)

    @property
    def pool_of_each(self) -> tuple[int, ...]:
        """Pool images of each class, in label order."""
        return self.pool_counts or (self.pool_per_class,) * self.num_classes

    @property
    def test_of_each(self) -> tuple[int, ...]:
        """Images of each class in the official test set, which is there, in label order."""
        return self.test_counts or (self.default_test_per_class,) * self.num_classes


def source_facts(folder: Path = FOLDER) -> dict[str, SourceFacts]:
    """Return the facts of every source in a folder, by name.

    The default comes first; the others are sorted by the size of their images, then by the number
    of classes, then by the size of the pool.

    Raises:
        ValueError: A file has no `FACTS`, or they are not plain values of the right types.
    """
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    facts = {name: _facts_in(folder / f"{name}.py") for name in names}

    def position(name: str) -> tuple[bool, int, int, int]:
        one = facts[name]
        is_other = name != DEFAULT_SOURCE
        return is_other, one.channels * one.size**2, one.num_classes, one.pool_per_class

    return {name: facts[name] for name in sorted(names, key=position)}


def _facts_in(path: Path) -> SourceFacts:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FACTS":
            call = node.value
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "SourceFacts":
                return _facts(call.keywords, path)
    raise ValueError(f"{path.name} holds no data source: it needs FACTS = SourceFacts(title=…, …).")


def _facts(keywords: list[ast.keyword], path: Path) -> SourceFacts:
    values = {}
    for keyword in keywords:
        try:
            values[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except ValueError as error:
            raise ValueError(f"{path.name}: {keyword.arg} must be a plain value.") from error
    try:
        return SourceFacts(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path.name}: {first['loc'][0]}: {first['msg']}.") from error


SOURCE_FACTS = source_facts()
