"""How Sphinx builds these pages: `sphinx-build -W docs docs/_build`."""

from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx

from bikd_core import __version__

project = "Bilevel Distillation Lab"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = project
html_show_copyright = False

default_role = "code"  # docstrings name code between single backticks
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True


def _is_model(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def hide_signature(
    app: Sphinx, what: str, name: str, thing: object, *_: object
) -> tuple[str, None] | None:
    """A model's fields are listed below it; its signature would hold them all in one line."""
    return ("", None) if _is_model(thing) else None


def list_fields(
    app: Sphinx, what: str, name: str, thing: Any, options: object, lines: list[str]
) -> None:
    """Add a model's fields, with their descriptions, to its docstring."""
    if _is_model(thing):
        lines += ["", *(_line(field, info) for field, info in thing.model_fields.items()), ""]


def _line(name: str, info: Any) -> str:
    default = (
        "" if info.is_required() or info.default_factory else f", default ``{info.default!r}``"
    )
    return f"- ``{name}``{default}" + (f": {info.description}" if info.description else "")


def skip_tuple_fields(
    app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """A named tuple's signature already lists its fields."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("autodoc-process-signature", hide_signature)
    app.connect("autodoc-process-docstring", list_fields)
    app.connect("autodoc-skip-member", skip_tuple_fields)
