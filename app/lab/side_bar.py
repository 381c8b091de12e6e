"""The Lab's side bar: a preset, and all controls of the next run."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.lab.tuning import SPEED_HELP, SPEEDS, in_words
from app.shared.control_widgets import key_showing, widget_value
from app.shared.controls import (
    MAIN,
    advanced_controls,
    all_but,
    data_controls,
    named_controls,
    seed_control,
)
from app.shared.estimate import seconds_of, show_estimate
from app.shared.own_pictures import own_pictures
from app.shared.session import session
from bikd_core.config import RunConfig, fields, listed
from bikd_core.config.difference import differences
from bikd_core.config.presets import PRESETS
from bikd_core.runs import Snapshot
from bikd_core.teachers.card import TeacherCard

MAX_NAMED = 4  # controls


def side_bar(teachers: Mapping[str, TeacherCard], opened: Snapshot | None = None) -> None:
    """Draw all controls, and why their config is not possible where it is not.

    Args:
        teachers: The stored teachers' cards by name.
        opened: The open run: what differs from it is marked.
    """
    st.markdown("##### Next run")
    difference = st.container()  # filled when the config is known
    _presets()
    config = data_controls()
    own_pictures()
    if config is not None:
        estimate = session().run_estimate
        estimate.set_subject((config, session().speed))
        show_estimate(
            estimate,
            lambda: seconds_of(config, session().speed),
            is_idle=opened is None or opened.has_ended,  # so that there is time to measure
            key="estimate",
        )
        if opened is not None and not opened.config.is_recorded_elsewhere:
            with difference:
                _mark_differences(opened.config, config)
    methods = (session().controls,)
    named_controls(MAIN[3:-1], teachers, methods)
    seed_control()
    _speed()
    advanced_controls(all_but(MAIN), teachers, methods)


def _mark_differences(opened: RunConfig, config: RunConfig) -> None:
    """Say in which controls the next run differs from the open one, and mark their widgets."""
    names = [difference.name for difference in differences(opened, config)]
    if not names:
        st.caption("The same controls as the run that is open.")
        return
    titles = [fields()[name].title or name for name in names]
    shown = listed(titles[:MAX_NAMED])
    more = f" and {len(titles) - MAX_NAMED} more" if len(titles) > MAX_NAMED else ""
    st.caption(f"Differs from the open run in: {shown}{more}.")
    marked = ", ".join(f".st-key-control_{name}" for name in names)
    st.html(
        f"<style>{marked} {{ box-shadow: -0.5rem 0 0 -0.25rem var(--st-primary-color); }}</style>"
    )


def _speed() -> None:
    """Draw the speed of the next run, which is no part of its config."""
    speed = session().speed
    st.select_slider(
        "Speed",
        SPEEDS,
        value=speed,
        format_func=in_words,
        key=key_showing("speed", speed),
        on_change=_take_speed,
        help=SPEED_HELP,
    )


def _take_speed() -> None:
    session().speed = widget_value("speed")


def _presets() -> None:
    """Draw the choice of a preset, and the button that resets to it."""
    values, made_from = session().controls, session().preset
    preset = PRESETS[made_from]
    wanted = preset.config.flat()
    changed = [name for name in wanted if name != "seed" and wanted[name] != values[name]]
    changed += ["speed"] * (session().speed != preset.speed)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Preset",
            list(PRESETS),
            index=list(PRESETS).index(made_from),
            format_func=lambda name: PRESETS[name].title,
            key=key_showing("preset", made_from),
            on_change=_take_preset,
            help=preset.words,
        )
        st.button(
            "Reset to the preset",  # for screen readers: the style shows the icon alone
            key="reset",
            icon=":material/restart_alt:",
            disabled=not changed,
            on_click=_take_preset,
            help="Reset to the preset" + (f": changed {', '.join(changed)}" if changed else ""),
        )


def _take_preset() -> None:
    """Set all controls but the seed to the preset's."""
    session().forget_complaints()
    config = PRESETS[widget_value("preset")].config
    session().set_controls(config.changed(seed=session().controls["seed"]))
