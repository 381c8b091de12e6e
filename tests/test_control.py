"""A worker thread asks between steps as `train` does; every wait here is bounded."""

import queue
import threading
import time

import pytest

from bikd_core.control import Control
from bikd_core.events import ControlChanged
from tests.patience import PATIENCE_S

EVERY_STEP = frozenset(("inner",))
WEIGHT_STEP = frozenset(("inner", "outer"))
EPOCH_END = frozenset(("inner", "outer", "epoch"))


class Trainer:
    """Takes steps until the control stops it; a weight step every 2nd, an epoch end every 4th."""

    def __init__(self, control: Control, max_steps: int = 10_000) -> None:
        self.control = control
        self.max_steps = max_steps
        self.changes: queue.Queue[ControlChanged] = queue.Queue()
        self.step = 0
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Trainer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.control.stop()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()

    def next_change(self) -> tuple[str, int]:
        change = self.changes.get(timeout=PATIENCE_S)
        return change.control, change.step

    def _work(self) -> None:
        while self.step < self.max_steps and not self.control.is_stopped:
            self.step += 1
            ends = (EVERY_STEP, WEIGHT_STEP, EVERY_STEP, EPOCH_END)[(self.step - 1) % 4]
            for change in self.control.between_steps(epoch=1, step=self.step, ends=ends):
                self.changes.put(change)


def paused() -> Control:
    control = Control()
    control.pause()
    return control


def changes(control: Control, **ends) -> list[ControlChanged]:
    return list(control.between_steps(epoch=1, step=1, **ends))


# Without a thread -------------------------------------------------------------------------------


def test_nothing_happens_when_nobody_asks():
    control = Control()
    assert changes(control, ends=EPOCH_END) == []
    assert not control.is_stopped
    assert not control.is_stepping


def test_a_learning_rate_is_told_once_and_the_last_one_counts():
    control = Control()
    control.set_learning_rate(0.5)
    control.set_learning_rate(0.25)
    told = ControlChanged(epoch=1, step=1, control="learning_rate", value=0.25)
    assert changes(control) == [told]
    assert changes(control) == []


def test_a_speed_is_told_once_and_can_be_taken_back():
    control = Control()
    control.set_speed(2.0)
    assert changes(control) == [ControlChanged(epoch=1, step=1, control="speed", value=2.0)]
    control.set_speed(None)
    assert changes(control) == [ControlChanged(epoch=1, step=1, control="speed", value=None)]
    assert changes(control) == []


@pytest.mark.parametrize("value", [0, -1, 0.001, 1000, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused_and_changes_nothing(value):
    control = Control()
    with pytest.raises(ValueError, match=r"speed = .* from 0.01 to 100 epochs per second"):
        control.set_speed(value)
    assert changes(control) == []


def test_a_step_that_is_not_due_waits_but_a_change_cuts_the_wait_short():
    control = Control()
    far = time.monotonic() + 3600
    came = queue.Queue()
    thread = threading.Thread(
        target=lambda: came.put(list(control.between_steps(epoch=1, step=1, not_before=far))),
        daemon=True,
    )
    thread.start()
    with pytest.raises(queue.Empty):
        came.get(timeout=0.1)
    control.set_speed(None)
    assert [change.control for change in came.get(timeout=PATIENCE_S)] == ["speed"]


@pytest.mark.parametrize("value", [0, -1, 10.5, float("nan"), float("inf")])
def test_an_impossible_learning_rate_is_refused_and_changes_nothing(value):
    control = Control()
    with pytest.raises(ValueError, match=r"learning_rate = .* above 0 and at most 10"):
        control.set_learning_rate(value)
    assert changes(control) == []


def test_a_pause_that_was_taken_back_in_time_is_not_told():
    control = paused()
    control.resume()
    assert changes(control) == []


def test_a_stopped_training_does_not_wait_even_when_paused():
    control = paused()
    control.stop()
    control.stop()
    assert changes(control) == []
    assert control.is_stopped


def test_somebody_who_steps_is_known():
    control = Control()
    control.step("inner")
    assert control.is_stepping
    control.resume()
    assert not control.is_stepping
    control.step("epoch")
    control.pause()
    assert not control.is_stepping


# With one ---------------------------------------------------------------------------------------


def test_pause_holds_the_training_until_resume():
    control = paused()
    with Trainer(control, max_steps=3) as trainer:
        assert trainer.next_change() == ("paused", 1)
        assert trainer.step == 1
        control.resume()
        assert trainer.next_change() == ("resumed", 1)
        trainer.thread.join(PATIENCE_S)
        assert trainer.step == 3
        assert trainer.changes.empty()


@pytest.mark.parametrize(("level", "ends_at"), [("inner", 2), ("outer", 2), ("epoch", 4)])
def test_a_step_runs_to_the_end_of_its_level_and_pauses_there(level, ends_at):
    control = paused()
    with Trainer(control) as trainer:
        assert trainer.next_change() == ("paused", 1)
        control.step(level)
        assert trainer.next_change() == ("resumed", 1)
        assert trainer.next_change() == ("paused", ends_at)
        assert not control.is_stepping
        control.step(level)
        assert trainer.next_change() == ("resumed", ends_at)
        step = {"inner": 3, "outer": 4, "epoch": 8}[level]
        assert trainer.next_change() == ("paused", step)


def test_stop_ends_a_paused_training_as_if_resumed():
    control = paused()
    with Trainer(control) as trainer:
        assert trainer.next_change() == ("paused", 1)
        control.stop()
        assert trainer.next_change() == ("resumed", 1)
        trainer.thread.join(PATIENCE_S)
        assert not trainer.thread.is_alive()
        assert trainer.step == 1


def test_a_learning_rate_set_while_paused_is_told_at_once_and_the_pause_goes_on():
    control = paused()
    with Trainer(control) as trainer:
        assert trainer.next_change() == ("paused", 1)
        control.set_learning_rate(0.5)
        assert trainer.next_change() == ("learning_rate", 1)
        control.resume()
        assert trainer.next_change() == ("resumed", 1)


def test_many_threads_may_ask_at_once_and_pauses_still_alternate_with_resumes():
    control = Control()

    def click() -> None:
        for _ in range(50):
            control.pause()
            control.step("inner")
            control.set_learning_rate(0.1)
            control.resume()

    with Trainer(control, max_steps=10**9) as trainer:
        clickers = [threading.Thread(target=click, daemon=True) for _ in range(4)]
        for clicker in clickers:
            clicker.start()
        for clicker in clickers:
            clicker.join(PATIENCE_S)
            assert not clicker.is_alive()
        # On a busy machine it comes after all clicks.
        first = trainer.changes.get(timeout=PATIENCE_S)
    told = [first.control, *(change.control for change in trainer.changes.queue)]
    turns = [control for control in told if control != "learning_rate"]
    assert turns == ["paused", "resumed"] * (len(turns) // 2)
    assert "learning_rate" in told
