"""The views of a run. A new one is a file here, which defines `VIEW`, and a line in `_IN_ORDER`."""

from collections.abc import Mapping
from importlib import import_module

from app.lab.views.moment import Moment, has_many_classes
from app.lab.views.view import View, show_value
from app.shared.session import session
from bikd_core.runs import Snapshot

__all__ = [
    "VIEWS",
    "Moment",
    "View",
    "fit_links",
    "has_many_classes",
    "open_view",
    "show_value",
    "take_links",
    "written_links",
]

#: The files of the views in the order of the bar.
_IN_ORDER = (
    "overview",
    "weights",
    "pictures",
    "surface",
    "accuracy",
    "outer_loop",
    "one_step",
)
VIEWS: tuple[View, ...] = tuple(import_module(f"{__name__}.{name}").VIEW for name in _IN_ORDER)


def open_view() -> View:
    """Return the view that this browser looks at: the first one until another is chosen."""
    return next((view for view in VIEWS if view.name == session().view), VIEWS[0])


def take_links(parameters: Mapping[str, str]) -> list[str]:
    """Take the views' parameters from an address into the session; return the complaints."""
    complaints = []
    for view in VIEWS:
        if view.link is not None:
            session().view_links[view.name], refused = view.link.read(parameters)
            complaints += refused
    return complaints


def fit_links(snapshot: Snapshot) -> list[str]:
    """Replace choices that the opened run does not have; return a sentence about each."""
    return [complaint for view in VIEWS if (complaint := view.fit(snapshot))]


def written_links(run_id: str) -> dict[str, str]:
    """Return the query parameters of all views for the opened run."""
    written: dict[str, str] = {}
    for view in VIEWS:
        written |= view.written(run_id)
    return written
