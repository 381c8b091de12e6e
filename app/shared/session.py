"""What one browser session holds between script runs, with typed attributes.

Everything that is not a widget's own state lives here; a widget's key is read only by the module
that draws the widget.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import streamlit as st

from app.shared.link import Link
from bikd_core.config import RunConfig
from bikd_core.config.presets import PRESETS, nearest

_KEY = "session"
L = TypeVar("L", bound=Link)


@dataclass
class ControlKeys:
    """The control keys of this browser, by run id or "teacher NAME", and its news for the browser.

    Some may be junk, since a browser sent them.
    """

    held: dict[str, str] = field(default_factory=dict)
    gained: dict[str, str] = field(default_factory=dict)  # for the browser to keep
    lost: list[str] = field(default_factory=list)  # for the browser to forget
    linked: tuple[str, str] | None = None  # run id and key of a control link just opened
    are_received: bool = False  # the browser has sent the keys that it keeps


@dataclass
class Seat:
    """This browser's seat in a class that it follows."""

    code: str  # of the class
    name: str  # what names the follower to the class
    runs: tuple[str, ...] = ()  # the ids of the runs that are shown
    look: int = -1  # the last "Look here" that was obeyed
    is_away: bool = False  # has chosen another view than the host's
    moves: int = 0  # how often the host has led to another run or view


@dataclass
class Estimate:
    """An estimate of how long training takes, and how often it has been asked for."""

    subject: object = None  # the config or configs that it is for
    seconds: float | None = None
    times_asked: int = 0

    def set_subject(self, subject: object) -> None:
        """Begin anew if the estimate is of something else."""
        if self.subject != subject:
            self.subject, self.seconds, self.times_asked = subject, None, 0


@dataclass
class PendingStart:
    """A long training that waits for the user's confirmation."""

    seconds: float
    start: Callable[[], None]


@dataclass
class WaitingStart:
    """A training that waits for the user's answer, because another one trains or waits."""

    config: RunConfig
    start: Callable[[], None]
    open_run: Callable[[str], None]  # opens a run by its id, in place of the start
    speed: float | None = None  # epochs per second that it is going to be limited to


@dataclass
class Session:
    """One browser session. Every page may read and set its attributes."""

    controls: dict[str, Any] = field(default_factory=dict)  # by flat name; empty before the link
    preset: str = ""  # the one that the controls were made from
    speed: float | None = None  # of the next run: epochs per second at most; None: full speed
    complaints: list[str] = field(default_factory=list)  # sentences, until the user acts
    visit: int = 0  # rises when a link is opened: widgets that hold what a link says begin anew
    page: str = ""  # the path of the one that was drawn last
    visited_pages: set[str] = field(default_factory=set)  # those whose link has been read
    clicked: set[str] = field(default_factory=set)  # keys of buttons: see `app.shared.clicks`
    dialog: str = ""  # the one that is open, by a name: Streamlit draws one at most
    opens_lab: bool = False  # a click asked for the Lab in place of this page
    has_drawn_lab: bool = False

    run: str = ""  # id of the run that the Lab has open
    second_run: str = ""  # id of the run beside it
    cloned_run: str = ""  # id of the run that the next one is shown beside
    linked_epoch: int | None = None  # the epoch that a link opened the run at
    presents: bool = False  # the Lab is in presenter mode
    question: int = 1  # of the view, in presenter mode
    view: str = ""  # name of the Lab's view; "": the first one
    view_links: dict[str, Link] = field(
        default_factory=dict
    )  # what each view's link holds, by name
    picture: int | None = None  # original index of the training picture that is looked at
    selected: object = None  # what was clicked on in a figure: `Selected` of the Lab's views
    has_asked_for_step: bool = False  # the One step view, for the rest of the page
    by: Literal["groups", "classes"] = "groups"  # how the Lab draws many classes
    read_upload: str = ""  # the uploaded zip that was last read, by Streamlit's id
    lesson_answers: dict[int, int] = field(default_factory=dict)  # choices from 0, by card
    knobs: dict[str, int] = field(default_factory=dict)  # sliders beside the lesson's cards
    shows_recommendation: bool = False  # the panel of the Compare page
    own_preview: dict[str, Any] | None = None  # what is in pictures that were just uploaded
    work: tuple[tuple[object, ...], Future[Any]] | None = None  # what the page waits for
    asked: object = None  # the picture that was asked about last: `Asked` of the page Try it
    num_listed: dict[str, int] = field(default_factory=dict)  # rows of each list of earlier runs

    toys: dict[str, Any] = field(default_factory=dict)  # what a toy or a drawing holds, by its key
    links: dict[type[Link], Link] = field(default_factory=dict)  # what other pages' links hold
    seat: Seat | None = None  # in the class that was opened last
    follows_class: bool = False  # the page that is drawn is a follower's
    shows_invitation: bool = False  # to the class that this browser hosts
    class_place: object = None  # where this session last told its class that it is

    keys: ControlKeys = field(default_factory=ControlKeys)
    run_estimate: Estimate = field(default_factory=Estimate)
    comparison_estimate: Estimate = field(default_factory=Estimate)
    study_estimate: Estimate = field(default_factory=Estimate)
    pending_start: PendingStart | None = None  # what the dialog asks about
    waiting_start: WaitingStart | None = None  # the same

    def link(self, kind: type[L]) -> L:
        """Return what is chosen on the page that has links of this kind."""
        held = self.links.setdefault(kind, kind())
        assert isinstance(held, kind)
        return held

    def set_link(self, link: Link) -> None:
        """Choose what a link says, on the page that has links of its kind."""
        self.links[type(link)] = link

    def set_controls(self, config: RunConfig) -> None:
        """Set every control as in a config, and the preset to the nearest one.

        They stay as they are for the run of somebody's own loop, which cannot be started here.
        The speed is the preset's if nothing but the seed differs from it.
        """
        if config.is_recorded_elsewhere:
            return
        self.controls = config.flat()
        self.preset = nearest(config)
        preset = PRESETS[self.preset]
        is_preset = preset.config.changed(seed=config.training.seed) == config
        self.speed = preset.speed if is_preset else None

    def set_page(self, path: str) -> None:
        """Draw a page; another one than the last knows nothing of what was asked there."""
        if path != self.page:
            self.page, self.dialog = path, ""
            self.clicked.clear()

    def show_run(self, run_id: str) -> None:
        """Open a run alone, at its newest epoch; "" closes the open one."""
        self.run = run_id
        self.second_run = ""
        self.linked_epoch = None
        self.complaints = []

    def complain(self, *sentences: str) -> None:
        """Show sentences on the page, each once, until the user acts."""
        self.complaints = list(dict.fromkeys([*self.complaints, *sentences]))

    def forget_complaints(self) -> None:
        """Take the sentences off the page: the user has acted."""
        self.complaints = []


def session() -> Session:
    """Return this browser's session, created at its first use."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session()
    held: Session = st.session_state[_KEY]
    return held
