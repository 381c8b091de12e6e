"""What the server holds of its classes: who hosts, who follows, where the host is, what is asked.

Pure state with a lock, in memory: it ends with the server. Anybody with the code may follow; only
the key that `Classes.open` returns makes a host.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no 0 and O, no 1, I and L
CODE_LENGTH = 5
FOLLOWERS = 200  # of one class at once
CLASSES = 20  # of one server at once
HERE_S = 15.0  # a follower who has not polled for so long is not counted as here
SEAT_S = 10 * 60.0  # but keeps the seat, and with it the answer, for so long
IDLE_S = 3 * 3600.0  # a class that nobody has polled for so long is over
REMEMBERED_S = 3 * 3600.0  # for so long the server knows that a class has ended
MAX_TEXT = 200  # characters of a question
MAX_CHOICE = 80  # characters of a choice
MIN_CHOICES, MAX_CHOICES = 2, 4
_CODE = re.compile(f"[{ALPHABET}]{{{CODE_LENGTH}}}")


class ClassroomError(ValueError):
    """A wish that cannot be met; the message is one sentence for people."""


class NoClass(ClassroomError):
    """There is no such class, or not any more."""


class Place(NamedTuple):
    """Where the host is."""

    run: str  # its id
    second_run: str = ""  # the id of the run beside it; "": none
    view: str = ""  # its name
    by: str = "groups"  # how many classes are drawn
    epoch: int | None = None  # counted from 1; None: the newest

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of the run and of the one beside it."""
        return (self.run, self.second_run) if self.second_run else (self.run,)


class Question(NamedTuple):
    """A question to a class. `checked` makes one of what somebody typed."""

    text: str
    choices: tuple[str, ...]
    right: int | None = None  # from 0; None: no choice is the right one


class Attended(NamedTuple):
    """What a follower may know of a class."""

    place: Place
    look: int  # how often the host has said "Look here"
    news: int  # rises with all that followers see, apart from the place
    question: Question | None  # its right answer is None until it is revealed
    number: int  # of the question, from 1
    answer: int | None  # what this follower has answered
    counts: tuple[int, ...]  # answers by choice; () until the host reveals them


class Hosted(NamedTuple):
    """What the host may know of a class."""

    place: Place
    num_here: int  # followers who have just polled
    question: Question | None
    number: int  # of the question, from 1
    counts: tuple[int, ...]  # answers by choice
    is_revealed: bool


@dataclass
class _Class:
    key: str
    place: Place
    polled_at: float  # by anybody
    seats: dict[str, float] = field(default_factory=dict)  # when each follower last polled
    look: int = 0
    news: int = 0
    question: Question | None = None
    number: int = 0
    answers: dict[str, int] = field(default_factory=dict)  # by follower
    is_revealed: bool = False

    def counts(self) -> tuple[int, ...]:
        if self.question is None:
            return ()
        given = list(self.answers.values())
        return tuple(given.count(index) for index in range(len(self.question.choices)))


class Classes:
    """The classes of one server. Any thread may call the public methods.

    Each raises NoClass for a code that belongs to no class that goes on. Those that take a key
    raise ClassroomError if it is not the host's.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, followers: int = FOLLOWERS
    ) -> None:
        self._clock, self._followers = clock, followers
        self._lock = threading.Lock()  # guards the next two
        self._classes: dict[str, _Class] = {}  # by code
        self._ended: dict[str, float] = {}  # when each class that is over ended

    # The host -----------------------------------------------------------------------------------

    def open(self, place: Place) -> tuple[str, str]:
        """Open a class; return its code and its host's key.

        Raises:
            ClassroomError: The server has as many classes as it holds.
        """
        with self._lock:
            self._sweep()
            if len(self._classes) >= CLASSES:
                raise ClassroomError(
                    f"This server holds {CLASSES} classes at once, and so many go on: one of them "
                    "must end first."
                )
            code = _new_code()
            while code in self._classes or code in self._ended:
                code = _new_code()
            key = secrets.token_urlsafe(32)
            self._classes[code] = _Class(key, place, self._clock())
            return code, key

    def is_host(self, code: str, key: str) -> bool:
        """Return whether a key is the host's of a class that goes on."""
        with self._lock:
            self._sweep()
            held = self._classes.get(code)
            return held is not None and _is_same(held.key, key)

    def hosted(self, code: str, key: str) -> Hosted:
        """Return what the host's screen shows; the class counts as polled."""
        with self._lock:
            held, now = self._of_host(code, key), self._clock()
            held.polled_at = now
            return Hosted(
                held.place,
                sum(now - then <= HERE_S for then in held.seats.values()),
                held.question,
                held.number,
                held.counts(),
                held.is_revealed,
            )

    def move(self, code: str, key: str, place: Place) -> None:
        """Note where the host is: all who follow live go there."""
        with self._lock:
            self._of_host(code, key).place = place

    def look_here(self, code: str, key: str) -> None:
        """Bring every follower to where the host is, once."""
        with self._lock:
            held = self._of_host(code, key)
            held.look += 1
            held.news += 1

    def ask(self, code: str, key: str, question: Question) -> None:
        """Put a question that `checked` has passed to the class, in place of the one before."""
        with self._lock:
            held = self._of_host(code, key)
            held.question, held.is_revealed = question, False
            held.number += 1
            held.answers = {}
            held.news += 1

    def reveal(self, code: str, key: str) -> None:
        """Show the answers to the followers; the question takes no more."""
        with self._lock:
            held = self._of_host(code, key)
            if held.question is not None and not held.is_revealed:
                held.is_revealed = True
                held.news += 1

    def withdraw(self, code: str, key: str) -> None:
        """Take the question off all screens."""
        with self._lock:
            held = self._of_host(code, key)
            held.question, held.answers, held.is_revealed = None, {}, False
            held.news += 1

    def end(self, code: str, key: str) -> None:
        """End the class: its links say so from now on."""
        with self._lock:
            self._of_host(code, key)
            self._end(code)

    # The followers ------------------------------------------------------------------------------

    def attend(self, code: str, seat: str) -> Attended:
        """Return what a follower sees; the follower is here, and has a seat from now on.

        Args:
            code: The class.
            seat: What names the follower: a text of the server's own, or one that a browser kept.

        Raises:
            ClassroomError: All seats are taken.
        """
        with self._lock:
            held, now = self._going_on(code), self._clock()
            if seat not in held.seats:
                self._take_seat(held, seat, now)
            held.seats[seat] = held.polled_at = now
            question = held.question
            if question is not None and not held.is_revealed:
                question = question._replace(right=None)
            return Attended(
                held.place,
                held.look,
                held.news,
                question,
                held.number,
                held.answers.get(seat),
                held.counts() if held.is_revealed else (),
            )

    def answer(self, code: str, seat: str, number: int, choice: int) -> None:
        """Take a follower's answer: the first one counts.

        Args:
            code: The class.
            seat: The follower's.
            number: The question that was answered, from 1.
            choice: From 0.

        Raises:
            ClassroomError: The question is another one or closed, or has no such choice.
        """
        with self._lock:
            held = self._going_on(code)
            if seat not in held.seats:
                raise ClassroomError("Join the class first: open its link.")
            if held.question is None or number != held.number or held.is_revealed:
                raise ClassroomError("This question is closed: the host has gone on.")
            if not 0 <= choice < len(held.question.choices):
                raise ClassroomError(
                    f"answer = {choice} is not possible: the choices are numbered from 0 to "
                    f"{len(held.question.choices) - 1}."
                )
            held.answers.setdefault(seat, choice)

    # Inside -------------------------------------------------------------------------------------

    def _take_seat(self, held: _Class, seat: str, now: float) -> None:
        for gone in [name for name, then in held.seats.items() if now - then > SEAT_S]:
            del held.seats[gone]
        if len(held.seats) >= self._followers:
            raise ClassroomError(
                f"This class is full: it holds {self._followers} followers at once. A seat is free "
                f"{SEAT_S / 60:.0f} minutes after its follower has left."
            )

    def _going_on(self, code: str) -> _Class:
        self._sweep()
        if code in self._classes:
            return self._classes[code]
        if code in self._ended:
            raise NoClass(f"Class {code} has ended.")
        raise NoClass(
            f"There is no class {code[:20]} on this server: look at the host's screen again, or "
            "ask for the link."
        )

    def _of_host(self, code: str, key: str) -> _Class:
        held = self._going_on(code)
        if not _is_same(held.key, key):
            raise ClassroomError(f"Only the browser that opened class {code} is its host.")
        return held

    def _end(self, code: str) -> None:
        del self._classes[code]
        self._ended[code] = self._clock()

    def _sweep(self) -> None:
        now = self._clock()
        for code in [c for c, held in self._classes.items() if now - held.polled_at > IDLE_S]:
            self._end(code)
        for code in [c for c, then in self._ended.items() if now - then > REMEMBERED_S]:
            del self._ended[code]


def as_code(text: str) -> str:
    """Return a code as classes have it, from what somebody typed or opened.

    Raises:
        ClassroomError: It cannot be a code.
    """
    code = "".join(text.split()).upper()
    if not _CODE.fullmatch(code):
        raise ClassroomError(
            f"join = {text[:20]!r} is not a class's code: it must be {CODE_LENGTH} letters and "
            "digits, as on the host's screen; 0, O, 1, I and L are not among them."
        )
    return code


def checked(text: str, choices: list[str], right: int | None = None) -> Question:
    """Return a question that somebody typed, without blanks around it and without empty choices.

    Args:
        text: The question.
        choices: Its choices; empty ones do not count.
        right: The right choice, from 0, among all that were given; None: there is none.

    Raises:
        ClassroomError: A text is empty or too long, or there are too few or too many choices.
    """
    text = text.strip()
    kept = [(index, choice.strip()) for index, choice in enumerate(choices) if choice.strip()]
    if not text or len(text) > MAX_TEXT:
        raise ClassroomError(
            f"The question has {len(text):,} characters: it must have 1 to {MAX_TEXT}."
        )
    if not MIN_CHOICES <= len(kept) <= MAX_CHOICES:
        raise ClassroomError(
            f"The question has {len(kept)} choices: it must have {MIN_CHOICES} to {MAX_CHOICES}."
        )
    for index, choice in kept:
        if len(choice) > MAX_CHOICE:
            raise ClassroomError(
                f"Choice {index + 1} has {len(choice):,} characters: it must have 1 to "
                f"{MAX_CHOICE}."
            )
    places = [index for index, _ in kept]
    if right is not None and right not in places:
        raise ClassroomError(f"The right choice is number {right + 1}, which is empty.")
    return Question(
        text,
        tuple(choice for _, choice in kept),
        None if right is None else places.index(right),
    )


def new_seat() -> str:
    """Return a name for a follower that nobody else can guess."""
    return secrets.token_urlsafe(16)


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def _is_same(key: str, claimed: str) -> bool:
    return hmac.compare_digest(key.encode(), claimed.encode("utf-8", "replace"))
