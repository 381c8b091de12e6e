"""Whose toy trains next: those that somebody looks at, one epoch each in turn, fair by time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bikd_core.toy.pipe import Frame
from bikd_core.toy.plane import Task

MAX_TOYS = 32
WATCHED_S = 4.0  # after a look: a page that has not looked for so long is closed or hidden
FORGET_S = 1800.0
MAX_SPEED = 20.0  # turns per second of one toy: the eye follows, and a core stays free
FRAME_S = 0.12  # between two frames of a toy


class Trainable(Protocol):
    """What a toy in training offers."""

    is_changed: bool

    @property
    def trains(self) -> bool: ...
    def take(self, task: Task) -> None: ...
    def turn(self) -> None: ...
    def frame(self) -> Frame: ...


@dataclass
class _Seat:
    toy: Trainable
    looked_at: float
    spent: float  # seconds of training; a new toy begins with what the others have at least
    due: float = 0.0  # its next turn
    frame_due: float = 0.0


class TooManyToys(Exception):
    """All toys that fit in memory are being looked at."""


class Turns:
    """The toys in memory, and the order in which they train.

    Args:
        make: Makes a toy by its id and task.
        clock: Seconds, rising.
    """

    def __init__(
        self, make: Callable[[str, Task], Trainable], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._clock = make, clock
        self._seats: dict[str, _Seat] = {}

    @property
    def toys(self) -> list[str]:
        """The ids of the toys in memory."""
        return list(self._seats)

    def look(self, toy_id: str, task: Task) -> None:
        """Note that somebody looks at a toy, and what it is to train on.

        Raises:
            TooManyToys: It is new, and all that are in memory are being looked at.
        """
        now = self._clock()
        self._forget(now)
        seat = self._seats.get(toy_id)
        if seat is None:
            self._make_room(now)
            spent = min((other.spent for other in self._watched(now)), default=0.0)
            self._seats[toy_id] = _Seat(self._make(toy_id, task), now, spent)
            return
        if now - seat.looked_at > WATCHED_S:  # it has no claim to the time that it was away
            seat.spent = max(
                seat.spent, min((s.spent for s in self._watched(now)), default=seat.spent)
            )
        seat.looked_at = now
        seat.toy.take(task)
        if seat.toy.is_changed:
            seat.frame_due = 0.0

    def _watched(self, now: float) -> list[_Seat]:
        return [seat for seat in self._seats.values() if now - seat.looked_at <= WATCHED_S]

    def _forget(self, now: float) -> None:
        for toy_id, seat in list(self._seats.items()):
            if now - seat.looked_at > FORGET_S:
                del self._seats[toy_id]

    def _make_room(self, now: float) -> None:
        if len(self._seats) < MAX_TOYS:
            return
        oldest = min(self._seats, key=lambda toy_id: self._seats[toy_id].looked_at)
        if now - self._seats[oldest].looked_at <= WATCHED_S:
            raise TooManyToys(
                f"{MAX_TOYS} visitors train toys on this server, as many as it can: "
                "yours begins when one of them leaves."
            )
        del self._seats[oldest]

    def drop(self, toy_id: str) -> None:
        """Forget a toy, if there is one of that id."""
        self._seats.pop(toy_id, None)

    def next(self) -> tuple[str, Trainable] | float | None:
        """Return the toy whose turn it is, the seconds until one is due, or None: none is."""
        now = self._clock()
        waiting = {
            toy_id: seat
            for toy_id, seat in self._seats.items()
            if now - seat.looked_at <= WATCHED_S and (seat.toy.trains or seat.toy.is_changed)
        }
        due = [toy_id for toy_id, seat in waiting.items() if self._due(seat) <= now]
        if due:
            chosen = min(due, key=lambda toy_id: waiting[toy_id].spent)
            return chosen, waiting[chosen].toy
        return min((self._due(seat) - now for seat in waiting.values()), default=None)

    def _due(self, seat: _Seat) -> float:
        return seat.due if seat.toy.trains else seat.frame_due

    def take_turn(self, toy_id: str) -> Frame | None:
        """Let a toy train for a turn; return its frame if the next one is due."""
        seat, start = self._seats[toy_id], self._clock()
        if seat.toy.trains:
            seat.toy.turn()
        end = self._clock()
        seat.due = max(seat.due, start - 1 / MAX_SPEED) + 1 / MAX_SPEED
        frame = None
        if end >= seat.frame_due or not seat.toy.trains:
            seat.frame_due = end + FRAME_S
            frame = seat.toy.frame()
        seat.spent += self._clock() - start
        return frame
