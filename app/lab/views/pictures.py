"""The view "Pictures": training pictures by their weight, and one of them large."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from pydantic import Field

from app.components import drawer, gallery
from app.figures.drawing import Kind
from app.lab.views.accuracy import CLASS_ACCURACY
from app.lab.views.images import one_picture
from app.lab.views.images.contents import Order, gallery_at
from app.lab.views.images.selection import (
    Selection,
    clear_selection,
    doubted_labels,
    select,
    selected_in,
    wrong_labels,
)
from app.lab.views.images.strip import PICTURES as NAME
from app.lab.views.moment import Moment
from app.lab.views.view import View, show_figure, show_value
from app.lab.views.weights import W_HARD, W_SOFT
from app.shared.link import Link
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.runs import Snapshot

_KEY = "gallery_by"
_BESIDE = {"hard": W_HARD, "soft": W_SOFT, "loss": CLASS_ACCURACY}  # the gallery, by its order


class PicturesLink(Link):
    """The view's part of the address; the page's own part names the open picture."""

    order: Kind = Field("hard", description="hard or soft")


class _Pictures(View):
    def show(self, moment: Moment) -> None:
        """Draw the gallery, and beside it the picture looked at or a figure to click on."""
        selected = selected_in(moment.snapshot.run_id)
        selection = selected.selection if selected else None
        order = self._controls(selection, moment.kinds, moment.snapshot)
        looked_at = session().picture
        left, right = st.columns(one_picture.WIDTHS, gap="medium")
        with left:
            shown = gallery_at(moment, order, selection)
            gallery(shown, key="gallery", selected=looked_at, on_pick=_look_at)
        if looked_at is not None:
            one_picture.show(moment, looked_at, right)
            return
        with right:
            show_figure(_BESIDE[order], moment)

    def show_pair(self, first: Moment, second: Moment) -> None:
        """Draw the galleries of run A and run B by the same order; the open picture in both."""
        selected = selected_in(first.snapshot.run_id)
        order = self._controls(
            selected.selection if selected else None,
            max(first.kinds, second.kinds, key=len),
        )
        looked_at = session().picture
        columns = st.columns(2, gap="medium")
        for side, moment, column in zip("AB", (first, second), columns, strict=True):
            shown = gallery_at(moment, order if order in moment.kinds else "loss", None)
            with column:
                gallery(
                    shown._replace(title=f"{side} · {shown.title}"),
                    key=f"gallery_{side}",
                    selected=looked_at,
                    on_pick=_look_at,
                )
        with drawer(
            "picture_drawer",
            holds="" if looked_at is None else str(looked_at),
            label="The picture in both runs",
            on_close=partial(_look_at, None),
        ):
            if looked_at is not None:
                one_picture.show_words(first, looked_at, "A")
                one_picture.show_words(second, looked_at, "B")

    def _controls(
        self,
        selection: Selection | None,
        kinds: Sequence[Kind],
        snapshot: Snapshot | None = None,
    ) -> Order:
        """Draw the choice of the order, and the buttons of the selection; return the order.

        Args:
            selection: What is selected.
            kinds: The losses that are weighed.
            snapshot: The run whose wrong labels can be selected; None for two runs.
        """
        with st.container(
            key="gallery_controls", horizontal=True, vertical_alignment="center", gap="small"
        ):
            if len(kinds) > 1:
                self._order()
            if snapshot is not None and kinds:
                _selection_button(
                    snapshot,
                    selection,
                    doubted_labels(snapshot.num_classes),
                    "Mislabelled?",
                    key="select_doubted_labels",
                    icon=":material/help:",
                    help="Shows the pictures whose labels the weights and the influence of the "
                    "last third of the epochs doubt.",
                )
            if snapshot is not None and snapshot.config.data.label_noise:
                _selection_button(
                    snapshot,
                    selection,
                    wrong_labels(snapshot.num_classes),
                    "Wrong labels",
                    key="select_wrong_labels",
                    icon=":material/label_off:",
                    help="Shows only the pictures with a planted wrong label.",
                )
            st.button(
                "Clear selection",
                key="clear_selection",
                icon=":material/filter_alt_off:",
                disabled=selection is None,
                on_click=clear_selection,
            )
            st.button(
                "Close picture",
                key="close_picture",
                icon=":material/close:",
                disabled=session().picture is None,
                on_click=_look_at,
                args=(None,),
            )
            st.caption(
                plain(selection.title)
                if selection
                else "Click on a picture, or on a class or bin beside it.",
                width="content",
            )
        if len(kinds) > 1:
            return self.choices(PicturesLink).order
        return "hard" if kinds else "loss"

    def _order(self) -> None:
        show_value(_KEY, self.choices(PicturesLink).order)
        st.segmented_control(
            "Ordered by",
            ["hard", "soft"],
            format_func="by w_{}".format,
            key=_KEY,
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            on_change=lambda: self.choose(PicturesLink(order=st.session_state[_KEY])),
        )


def _selection_button(
    snapshot: Snapshot,
    now: Selection | None,
    chosen: Selection,
    label: str,
    *,
    key: str,
    icon: str,
    help: str,
) -> None:
    """Draw a button that shows some of the pictures, unless they are selected already."""
    st.button(
        label,
        key=key,
        icon=icon,
        help=help,
        disabled=now == chosen,
        on_click=select,
        args=(snapshot.run_id, NAME, chosen),
    )


def _look_at(picture: int | None) -> None:
    session().picture = picture


VIEW = _Pictures(NAME, "Which pictures get weight?", link=PicturesLink)
