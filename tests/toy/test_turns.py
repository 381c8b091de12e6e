"""Toys that are looked at train in turn; the others wait, and are forgotten after a while."""

import pytest

from bikd_core.toy import turns
from bikd_core.toy.plane import Plane
from bikd_core.toy.turns import TooManyToys, Turns

TASK = Plane().task


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class FakeToy:
    """One that takes a given time to train an epoch."""

    trains = True
    is_changed = True

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.epochs, self.task = clock, seconds, 0, TASK

    def take(self, task):
        self.is_changed = task != self.task
        self.task = task

    def turn(self):
        self.clock.now += self.seconds
        self.epochs += 1

    def frame(self):
        self.is_changed = False
        return self.epochs


@pytest.fixture
def clock():
    return Clock()


def seated(clock, **seconds):
    toys = {name: FakeToy(clock, cost) for name, cost in seconds.items()}
    order = Turns(lambda toy_id, task: toys.get(toy_id) or FakeToy(clock, 0.01), clock)
    for name in toys:
        order.look(name, TASK)
    return order, toys


def train_until(order, clock, end, looked_at=()):
    frames = []
    while clock.now < end:
        for name in looked_at:
            order.look(name, TASK)
        match order.next():
            case (toy_id, _):
                frames.append((toy_id, order.take_turn(toy_id)))
            case float(wait):
                clock.now += max(wait, 1e-6)
            case None:
                return frames
    return frames


def test_visitors_have_the_same_time_even_if_one_s_epochs_cost_five_times_as_much(clock):
    order, toys = seated(clock, cheap=0.05, dear=0.25, other=0.25)
    train_until(order, clock, clock.now + 12, toys)
    spent = [toy.epochs * toy.seconds for toy in toys.values()]
    assert max(spent) - min(spent) < 0.5
    assert toys["dear"].epochs >= 15


def test_who_comes_later_has_no_more_than_the_others_from_then_on(clock):
    order, toys = seated(clock, first=0.05)
    train_until(order, clock, clock.now + 3, ["first"])
    before = toys["first"].epochs
    toys["late"] = FakeToy(clock, 0.05)
    order._make = lambda toy_id, task: toys["late"]
    order.look("late", TASK)
    train_until(order, clock, clock.now + 3, ["first", "late"])
    assert abs(toys["late"].epochs - (toys["first"].epochs - before)) <= 2


def test_one_toy_alone_is_held_to_the_speed_that_the_eye_follows(clock):
    order, toys = seated(clock, alone=0.001)
    train_until(order, clock, clock.now + 2, ["alone"])
    assert toys["alone"].epochs == pytest.approx(2 * turns.MAX_SPEED, abs=2)


def test_a_toy_that_nobody_looks_at_stops(clock):
    order, toys = seated(clock, gone=0.05)
    train_until(order, clock, clock.now + 60)
    assert toys["gone"].epochs <= turns.WATCHED_S * turns.MAX_SPEED + 1
    assert order.next() is None


def test_a_toy_is_forgotten_after_a_while(clock):
    order, _ = seated(clock, old=0.01)
    clock.now += turns.FORGET_S + 1
    order.look("new", TASK)
    assert order.toys == ["new"]


def test_a_full_house_gives_the_seat_of_one_who_left_and_else_says_so(clock):
    order, _ = seated(clock, **{f"toy{number}": 0.01 for number in range(turns.MAX_TOYS)})
    with pytest.raises(TooManyToys, match=f"{turns.MAX_TOYS} visitors train toys"):
        order.look("one more", TASK)
    clock.now += turns.WATCHED_S + 1
    order.look("one more", TASK)
    assert "one more" in order.toys
    assert len(order.toys) == turns.MAX_TOYS


def test_a_paused_toy_sends_one_frame_after_an_edit_and_then_nothing(clock):
    order, toys = seated(clock, paused=0.01)
    toys["paused"].trains = False
    assert len(train_until(order, clock, clock.now + 1)) == 1
    task = TASK.model_copy(update={"last_edit": 1})
    order.look("paused", task)
    assert [frame for _, frame in train_until(order, clock, clock.now + 1)] == [0]


def test_frames_come_no_faster_than_a_page_shows_them(clock):
    order, _ = seated(clock, alone=0.001)
    frames = train_until(order, clock, clock.now + 1.2, ["alone"])
    assert len([f for _, f in frames if f is not None]) <= 1.2 / turns.FRAME_S + 2
