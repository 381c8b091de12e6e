"""Seeds that train together: each step of theirs is one, on stacks of their networks.

Each is a run of its own, with its own loop: batches, evaluation, events and checkpoints. Only what
a step does is shared; whole sets keep a network busy, so that a stack gains nothing there. In
float32 the events of a seed differ from those of a run alone in the last digits, so which seeds
train together is part of a run.

K seeds, B images of a batch, C classes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bikd_core.config import RunConfig
from bikd_core.config.together import check_together
from bikd_core.control import Control, StepLevel
from bikd_core.data.image_set import to_device
from bikd_core.events import (
    ClassBiasesFitted,
    ControlChanged,
    EpochDone,
    Event,
    Frame,
    Panel,
    StepDone,
    StepTrace,
)
from bikd_core.losses import PerSeed, per_seed, spread
from bikd_core.methods import METHODS, Batch
from bikd_core.models.stack import Stack
from bikd_core.places import Places
from bikd_core.training.class_biases import class_biases
from bikd_core.training.kept_step import kept_step
from bikd_core.training.loop import CHECK_EVERY, Loop, State, StepOutcome
from bikd_core.training.record import EpochRecord, EpochResults, NonFiniteLoss
from bikd_core.training.start import Begun, begin, opening

Item = StepTrace | StepDone | ControlChanged | Frame | EpochDone | NonFiniteLoss


class Together:
    """Trains K students at once, each as its own `Loop` would.

    Args:
        loops: As they stand before an epoch, all before the same one. Their configs differ at most
            in the seeds and in numbers: rates, decays, temperatures. Their sets have equal sizes.
            After each epoch each holds its own student, method and optimiser's state again.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        first = loops[0]
        self.loops, self.device = tuple(loops), first.device
        self.ended: set[int] = set()  # seeds that failed or were stopped; their columns go on
        self.student = Stack([loop.student for loop in loops]).to(self.device)
        # What a method initialises is replaced: it must not draw from the loops' generators.
        members = tuple(
            dataclasses.replace(loop.setting, generator=torch.Generator()) for loop in loops
        )
        self.method = METHODS[first.config.method.method](
            dataclasses.replace(
                first.setting,
                student=self.student,
                next_val_batch=lambda: _joined(
                    [loop.feed.next_guide(loop.epoch) for loop in loops]
                ),
                members=members,
            )
        )
        self.method.load_state(_stacked([loop.method.state() for loop in loops]))
        self.optimizer = _Sgd(self.student, loops)

    @property
    def going_on(self) -> list[int]:
        """The seeds that have neither failed nor been stopped."""
        return [number for number in range(len(self.loops)) if number not in self.ended]

    def run_epoch(self, control: Control) -> Iterator[tuple[int, Item]]:
        """Train the next epoch; yield the events of each seed, with its number.

        A seed that fails yields its error instead of further events; the others go on as if it had
        not. A stop ends without `EpochDone`.
        """
        first, self._seconds = self.loops[0], 0.0
        epoch = first.epoch + 1
        self.student.train()
        record = self._new_record()
        orders = [loop.feed.epoch_batches(epoch - 1) for loop in self.loops]
        num_steps = len(orders[0])
        kept = kept_step(first.config, self.method, epoch, num_steps)
        for number, positions in enumerate(zip(*orders, strict=True), 1):
            is_last, is_watched = number == num_steps, control.is_stepping
            is_traced = is_watched or number == kept
            outcomes = self._step(positions, record, epoch, under_lens=is_traced)
            if is_last or (number % CHECK_EVERY == 0 and self.device.type == "cpu"):
                yield from self._failures(record.errors(epoch))
            if is_traced:
                yield from self._traces(record, epoch, outcomes, is_watched=is_watched)
            levels = first.completed_by(outcomes.result, is_watched)
            if not is_last:
                yield from self._apply_controls(control, epoch, levels, num_steps)
                if control.is_stopped:
                    return
        yield from self._end_epoch(epoch, record)
        if epoch < first.config.training.epochs:
            yield from self._apply_controls(control, epoch, levels | {"epoch"}, num_steps)

    def _new_record(self) -> EpochRecord:
        first = self.loops[0]
        temperature = per_seed([loop.temperature for loop in self.loops], self.device)
        num_images = len(first.feed.train_set)
        return EpochRecord(num_images, temperature, self.device, len(self.loops))

    def _step(
        self, positions: Sequence[Tensor], record: EpochRecord, epoch: int, *, under_lens: bool
    ) -> StepOutcome:
        """Take a step of all; the outcome has (K, B, …) where a run alone has (B, …)."""
        first, start = self.loops[0], time.perf_counter()
        first.step_began = time.monotonic()
        rate = per_seed([loop.learning_rate(epoch) for loop in self.loops], self.device)
        found = [
            loop.feed.training_batch(own, loop.epoch)
            for loop, own in zip(self.loops, positions, strict=True)
        ]
        batch = _joined([batch for batch, _ in found])
        where = torch.stack([own for _, own in found])
        result = self.method.step(batch, rate, under_lens=under_lens)
        self.optimizer.step(rate)
        for loop in self.loops:
            loop.num_steps += 1
        offsets = len(first.feed.train_set) * torch.arange(len(self.loops))[:, None]
        record.add(to_device(where + offsets, self.device), first.num_steps, batch, result)
        self._seconds += time.perf_counter() - start
        return StepOutcome(where, batch.shares, result)

    def _failures(self, errors: dict[int, NonFiniteLoss]) -> Iterator[tuple[int, Item]]:
        for number in self.going_on:
            if number in errors:
                self.ended.add(number)
                yield number, errors[number]

    def _traces(
        self, record: EpochRecord, epoch: int, outcomes: StepOutcome, *, is_watched: bool
    ) -> Iterator[tuple[int, Item]]:
        for number in self.going_on:
            loop, outcome = self.loops[number], _outcome_of(outcomes, number)
            yield number, loop.trace(record, epoch, outcome, number)
            if is_watched:
                yield number, loop.step_done(epoch, outcome)

    def _apply_controls(
        self, control: Control, epoch: int, levels: frozenset[StepLevel], steps_per_epoch: int
    ) -> Iterator[tuple[int, Item]]:
        first = self.loops[0]
        for change in first.apply_controls(control, epoch, levels, steps_per_epoch):
            for loop in self.loops[1:]:
                loop.take(change)
            for number in self.going_on:
                yield number, change

    def _end_epoch(self, epoch: int, record: EpochRecord) -> Iterator[tuple[int, Item]]:
        first, training_seconds = self.loops[0], self._seconds
        start, size = time.perf_counter(), len(self.loops)
        numbers = first.end_epoch_of(self.method, epoch)
        self._give_back()
        shared = self._seconds + time.perf_counter() - start
        for number in self.going_on:
            loop, start = self.loops[number], time.perf_counter()
            results = EpochResults(
                record.arrays(len(loop.split.train), number),
                loop.predicted(loop.test_set),
                loop.predicted(loop.measured_set),
                {name: values[number] for name, values in numbers.items()},
            )
            loop.seconds = shared / size + time.perf_counter() - start
            try:
                for event in loop.end_epoch(epoch, results, training_seconds / size):
                    yield number, event
            except NonFiniteLoss as error:
                yield from self._failures({number: error})
        for loop in self.loops:
            loop.epoch = epoch  # of those that have ended too: their columns go on

    def _give_back(self) -> None:
        """Give each loop the state of its own networks and optimisers."""
        methods = _split(self.method.state(), len(self.loops))
        students, momenta = self.student.members(), self.optimizer.members()
        for loop, student, momentum, method in zip(
            self.loops, students, momenta, methods, strict=True
        ):
            loop.student.load_state_dict(student)
            loop.load_momentum(momentum)
            loop.method.load_state({name: value.clone() for name, value in method.items()})


class TogetherTraining:
    """Runs that train together, as an iterable of their events, to be iterated once.

    Each item comes with the number of its run. What a run yields is what `Training` yields; a run
    that fails yields its error instead of what would follow.

    Args:
        configs: Of the runs: see `bikd_core.config.together`.
        control: Pauses, steps and tunes all of them; its stop ends all.
        places: Where data sets and teachers lie.
        states: Where each goes on; all after the same epoch. None: from the beginning.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        control: Control,
        places: Places,
        states: Sequence[State] | None = None,
    ) -> None:
        check_together(configs)
        self.configs, self.control, self.places = tuple(configs), control, places
        self._states = [None] * len(configs) if states is None else list(states)
        self.together: Together | None = None  # once all have begun
        self._ended: set[int] = set()

    def end(self, number: int) -> None:
        """Let one of them end after the current step: it yields nothing more."""
        self._ended.add(number)

    def __iter__(self) -> Iterator[tuple[int, Event | Panel | Frame | StepTrace | Exception]]:
        ready: list[Begun] = []
        for number, (config, state) in enumerate(zip(self.configs, self._states, strict=True)):
            steps = begin(config, self.control, self.places, state)
            begun = yield from _numbered(number, steps)
            if begun is None:
                return
            ready.append(begun)
        together = self.together = Together([begun.loop for begun in ready])
        together.ended = self._ended
        for number in together.going_on:
            yield from ((number, item) for item in opening(ready[number]))
        first, epochs = ready[0].loop, self.configs[0].training.epochs
        while first.epoch < epochs and together.going_on and not self.control.is_stopped:
            yield from together.run_epoch(self.control)
        if first.epoch < epochs:
            return
        for number in together.going_on:
            if (fitted := class_biases(ready[number].loop)) is not None:
                yield number, fitted


class RunEnd(NamedTuple):
    """What a run that trained with others came to."""

    last: EpochDone | None  # its last epoch
    biases: ClassBiasesFitted | None
    seconds: float  # of all its epochs
    failure: Exception | None


def ends_of(items: Iterable[tuple[int, object]], num_runs: int) -> list[RunEnd]:
    """Return the end of each of the runs that train together, from their events."""
    ends = [RunEnd(None, None, 0.0, None)] * num_runs
    for number, item in items:
        end = ends[number]
        if isinstance(item, Exception):
            ends[number] = end._replace(failure=item)
        elif isinstance(item, EpochDone):
            ends[number] = end._replace(last=item, seconds=end.seconds + item.seconds)
        elif isinstance(item, ClassBiasesFitted):
            ends[number] = end._replace(biases=item)
    return ends


def _numbered(
    number: int, steps: Generator[Event, None, Begun | None]
) -> Generator[tuple[int, Event], None, Begun | None]:
    """Yield what another generator yields with a number; return what it returns."""
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            found: Begun | None = end.value
            return found
        yield number, event


class _Sgd:
    """SGD with momentum and weight decay over stacked parameters, as `torch.optim.SGD` computes it.

    torch's own has one learning rate and one decay for all.
    """

    def __init__(self, student: Stack, loops: Sequence[Loop]) -> None:
        self._parameters = list(student.parameters())
        self._momentum, self._decay = (
            per_seed([getattr(loop.config.training, name) for loop in loops], loops[0].device)
            for name in ("momentum", "weight_decay")
        )
        given = [loop.momentum() for loop in loops]
        self._buffers = [
            torch.stack([own.get(number, torch.zeros_like(p[0])) for own in given])
            for number, p in enumerate(self._parameters)
        ]

    def step(self, rate: PerSeed) -> None:
        """Change the parameters by their gradients."""
        with torch.no_grad():
            for parameter, buffer in zip(self._parameters, self._buffers, strict=True):
                assert parameter.grad is not None  # a method sets all
                slope = parameter.grad + spread(self._decay, parameter) * parameter
                buffer.mul_(spread(self._momentum, buffer)).add_(slope)
                parameter.sub_(spread(rate, buffer) * buffer)

    def members(self) -> Iterator[dict[int, Tensor]]:
        """Return the momentum of each network's parameters, by number."""
        for number in range(len(self._buffers[0])):
            yield {n: buffer[number].clone() for n, buffer in enumerate(self._buffers)}


def _joined(batches: Sequence[Batch]) -> Batch:
    """Return (B, …) of each seed as (K, B, …)."""

    def stacked(name: str) -> Any:
        values = [getattr(batch, name) for batch in batches]
        return None if values[0] is None else torch.stack(values)

    return Batch(**{name: stacked(name) for name in Batch._fields})


def _outcome_of(outcomes: StepOutcome, number: int) -> StepOutcome:
    """Return a seed's outcome of a step of all."""
    own: dict[str, Any] = {
        name: value[number]
        for name, value in outcomes.result._asdict().items()
        if isinstance(value, Tensor)
    }
    result = outcomes.result._replace(**own)
    shares = None if outcomes.shares is None else outcomes.shares[number]
    return StepOutcome(outcomes.positions[number], shares, result)


def _stacked(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the states of methods as that of all; a number that is the same for each stays one."""
    found = {name: torch.stack([state[name] for state in states]) for name in states[0]}
    return {
        name: value[0] if value.dim() == 1 and (value == value[0]).all() else value
        for name, value in found.items()
    }


def _split(state: dict[str, Tensor], size: int) -> list[dict[str, Tensor]]:
    """Return the state of each, given that of all."""
    return [
        {name: value if value.dim() == 0 else value[number] for name, value in state.items()}
        for number in range(size)
    ]
