"""What configs cost beside each other: a few steps of each, timed in turns in one child.

Runs of different moments or machines say nothing about it: the load on the machine decides theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from bikd_core.config import RunConfig, allowed_code
from bikd_core.runs.child import Child
from bikd_core.runs.spare import Spare
from bikd_core.speed import Speed
from bikd_core.worker import pipe

NUM_TURNS = 5  # that count; one before them warms up
_NEVER = 1000  # `outer_every`: no step that is timed has a hypergradient
_CLOSE_GRACE_S = 0.0  # the child has nothing to save


@dataclass(frozen=True)
class Timing:
    """How far the timing of some configs is, and its result."""

    seconds: Mapping[RunConfig, tuple[float, ...]] = field(
        default_factory=dict
    )  # an epoch, by turn
    num_turns: int = 0  # done
    is_over: bool = False
    failure: str = ""  # a sentence, if there is no result

    @property
    def has_result(self) -> bool:
        """Whether `seconds` holds all configs."""
        return self.is_over and not self.failure


class Costs:
    """Times configs beside each other, one group at a time. Any thread may call any method."""

    def __init__(self, spare: Spare, num_threads: int, is_idle: Callable[[], bool]) -> None:
        """Create an idle one.

        Args:
            spare: Holds the child to measure in, and keeps another one afterwards.
            num_threads: Of the child.
            is_idle: Whether nothing trains here; as soon as something does, the timing ends.
        """
        self._spare = spare
        self._num_threads = num_threads
        self._is_idle = is_idle
        self._lock = threading.Lock()  # guards all below
        self._timings: dict[tuple[RunConfig, ...], Timing] = {}
        self._thread: threading.Thread | None = None
        self._is_shut_down = False

    def timing(self, configs: Sequence[RunConfig]) -> Timing | None:
        """Return how far the timing of these configs is; None if it was never begun."""
        with self._lock:
            return self._timings.get(tuple(configs))

    def begin(self, configs: Sequence[RunConfig]) -> bool:
        """Begin to time these configs in turns; return False while that is not possible.

        It is not while something trains, or while other configs are timed.
        """
        with self._lock:
            if self._thread is not None or self._is_shut_down or not self._is_idle():
                return False
            key = tuple(configs)
            self._timings[key] = Timing()
            self._thread = threading.Thread(target=self._run, args=(key,), name="cost", daemon=True)
            self._thread.start()
        return True

    def shutdown(self) -> None:
        """End a timing that is under way, and begin no other."""
        with self._lock:
            self._is_shut_down = True
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self, configs: tuple[RunConfig, ...]) -> None:
        child = self._spare.take()
        try:
            failure = self._time_in_turns(child, configs)
        finally:
            child.close(_CLOSE_GRACE_S)
            self._spare.keep()
        with self._lock:
            self._thread = None
            now = self._timings[configs]
            self._timings[configs] = replace(now, is_over=True, failure=failure)

    def _time_in_turns(self, child: Child, configs: tuple[RunConfig, ...]) -> str:
        """Time all configs, A B A B, after one turn that warms up; return why it failed, if so."""
        turns: list[dict[RunConfig, float]] = []
        for number in range(NUM_TURNS + 1):
            turn = {}
            for config in configs:
                if self._is_shut_down or not self._is_idle():
                    return "A run began meanwhile, which would have disturbed it."
                try:
                    turn[config] = seconds_of_epoch(config, partial(self._measured, child))
                except _NotMeasured as error:
                    return str(error)
            turns += [turn] * (number > 0)
            seconds = {config: tuple(turn[config] for turn in turns) for config in configs}
            with self._lock:
                self._timings[configs] = Timing(seconds, len(turns))
        return ""

    def _measured(self, child: Child, config: RunConfig) -> Speed:
        """Return the speed of a config as the child measures it.

        Raises:
            _NotMeasured: It cannot, for the reason given.
        """
        child.send(pipe.Measure(config=config, num_threads=self._num_threads, code=allowed_code()))
        replies = (reply for reply in child.replies() if isinstance(reply, pipe.Measured))
        reply = next(replies, pipe.Measured(speeds=None, reason="The child process died."))
        if reply.speeds is None:
            raise _NotMeasured(reply.reason)
        return reply.speeds.run


class _NotMeasured(Exception):
    """Why a config cannot be timed."""


def seconds_of_epoch(config: RunConfig, measured: Callable[[RunConfig], Speed]) -> float:
    """Return the seconds of an epoch of a config, from the speed of each kind of its steps.

    Args:
        config: What is timed.
        measured: Measures the speed of a config whose steps are all of one kind.
    """
    shares = variants(config)
    speeds = [measured(variant) for variant, _ in shares]
    training = sum(speed.training * share for speed, (_, share) in zip(speeds, shares, strict=True))
    evaluation = median(speed.evaluation for speed in speeds)
    return Speed(training, evaluation).seconds(config.data, epochs=1)


def variants(config: RunConfig) -> list[tuple[RunConfig, float]]:
    """Return the kinds of steps that a config's training has, each as a config, and their shares.

    A measurement times a few steps, which are all of one kind: with a hypergradient or without.
    """
    values = config.read_by_method()
    share = (1 - values.get("outer_from", 0.0)) / values.get("outer_every", 1)
    if share == 1:
        return [(config, 1.0)]
    asked = config.changed(outer_every=1, outer_from=0.0)
    return [(asked, share), (config.changed(outer_every=_NEVER, outer_from=0.0), 1 - share)]
