"""What a view of a run is, and how its figures are drawn; a plain view is just rows of figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import streamlit as st

from app import figures
from app.components import live_plot
from app.figures.drawing import Drawing, empty
from app.lab.views.images.selection import Point, Selection, select
from app.lab.views.images.strip import show_strip
from app.lab.views.moment import LinkT, Moment
from app.shared.link import Link
from app.shared.session import session
from bikd_core.runs import Snapshot


@dataclass(frozen=True)
class Figure:
    """One figure. Views that show the same figure share the object."""

    name: str  # of its element and of its export file; no two figures have the same
    question: str
    draw: Callable[[Moment], Drawing]  # from a moment that has begun
    select: Callable[[Moment, Point], Selection | None] | None = None  # by a click on it
    #: Whether a run has anything to show in it; if not, not even its place is drawn.
    is_worth_drawing: Callable[[Moment], bool] = lambda moment: True

    def at(self, moment: Moment) -> Drawing:
        """Return the drawing; before the first epoch an empty one, in the same place."""
        return self._empty_at(moment) or _drawn(
            moment.snapshot.run_id,
            moment.snapshot.version,
            moment.chosen,
            moment.by_class,
            repr(moment.link),
            self.name,
            _figure=self,
            _moment=moment,
        )

    def drawn_once(self, moment: Moment) -> Drawing:
        """Return what `at` returns, without keeping it for other browsers."""
        return self._empty_at(moment) or self.draw(moment)

    def _empty_at(self, moment: Moment) -> Drawing | None:
        if not moment.has_begun:
            return empty(self.question, moment.why_nothing)
        if not self.is_worth_drawing(moment):  # but it is in the run beside it
            return empty(self.question, "This run has nothing to draw here.")
        return None


# So many that the newest epochs of a run with an audience are there; each is up to 0.4 MB.
@st.cache_resource(max_entries=100, show_spinner=False)
def _drawn(
    run_id: str,
    version: int,
    chosen: int,
    by_class: bool,
    choices: str,
    name: str,
    *,
    _figure: Figure,
    _moment: Moment,
) -> Drawing:
    """Return a figure, drawn once for all browsers that look at the same thing."""
    return _figure.draw(_moment)


@dataclass(frozen=True)
class View:
    """One way to look at a run. A view with more than rows of figures is a subclass."""

    name: str  # in the bar and in the address
    question: str  # the one it answers, for screen readers
    rows: tuple[tuple[Figure, ...], ...] = ()
    link: type[Link] | None = None  # its part of the address: the viewer's choices

    def widgets(self, snapshot: Snapshot) -> None:
        """Draw the view's own widgets, beside the bar: outside of what is polled."""

    def fit(self, snapshot: Snapshot) -> str:
        """Replace choices that the opened run does not allow; return a sentence if there are any.

        Nothing to do for most views.
        """
        return ""

    def written(self, run_id: str) -> dict[str, str]:
        """Return the query parameters of the view's choices for a run."""
        return {} if self.link is None else self.choices(self.link).write()

    def prepare(self, moment: Moment) -> None:
        """Compute the view's figures ahead, so that all of a poll reach the browser together."""
        for row in self.rows:
            for figure in row:
                if figure.is_worth_drawing(moment):
                    figure.at(moment)

    def show(self, moment: Moment) -> None:
        """Draw the view, and in a drawer the pictures of what was clicked on."""
        clickable = [row for row in self.rows if any(figure.select for figure in row)]
        for row in self.rows:
            kept = [figure for figure in row if figure.is_worth_drawing(moment)]
            if kept:
                for figure, column in zip(kept, st.columns(len(kept), gap="medium"), strict=True):
                    with column:
                        show_figure(figure, moment)
            if row in clickable[:1]:
                show_strip(moment, self.name)

    def show_pair(self, first: Moment, second: Moment) -> None:
        """Draw the view of run A and of run B side by side, each figure on the same axes."""
        for figure, drawings in self.pairs(first, second, Figure.at):
            columns = st.columns(2, gap="medium")
            for side, drawing, moment, column in zip(
                "AB", drawings, (first, second), columns, strict=True
            ):
                with column:
                    live_plot(
                        drawing,
                        key=f"figure_{figure.name}_{side}",
                        keep_zoom_of=moment.snapshot.run_id,
                    )

    def pairs(
        self, first: Moment, second: Moment, draw: Callable[[Figure, Moment], Drawing]
    ) -> Iterator[tuple[Figure, tuple[Drawing, Drawing]]]:
        """Yield each figure of run A and of run B, on the same axes, with A and B in its title."""
        for figure in (figure for row in self.rows for figure in row):
            if any(figure.is_worth_drawing(moment) for moment in (first, second)):
                a, b = figures.on_same_axes(draw(figure, first), draw(figure, second))
                yield (
                    figure,
                    (a._replace(title=f"A · {a.title}"), b._replace(title=f"B · {b.title}")),
                )

    def choices(self, kind: type[LinkT]) -> LinkT:
        """Return what the viewer chose, as the view's own type of link."""
        held = session().view_links.get(self.name)
        return held if isinstance(held, kind) else kind()

    def choose(self, choices: Link) -> None:
        """Remember what the viewer chose, also while another view is open."""
        session().view_links[self.name] = choices


def show_figure(figure: Figure, moment: Moment) -> None:
    """Draw one figure of a run; a click on it selects training images."""
    live_plot(
        figure.at(moment),
        key=f"figure_{figure.name}",
        keep_zoom_of=moment.snapshot.run_id,
        on_point=None if figure.select is None else partial(_clicked, figure, moment),
    )


def _clicked(figure: Figure, moment: Moment, point: Point) -> None:
    if figure.select is not None and moment.snapshot.resolved is not None:
        select(moment.snapshot.run_id, figure.name, figure.select(moment, point))


def show_value(key: str, value: str) -> None:
    """Make a widget show a value that the session holds.

    Call it before the widget is drawn. A value that it has already is not set again: the browser
    would take that for an order, and could lose what its user has just chosen. Give the widget
    `persist_state="session"`: only then does Streamlit (1.67) send the value to a browser that has
    not drawn the widget yet, because a second script run overtook the first.
    """
    if st.session_state.get(key) != value:
        st.session_state[key] = value
