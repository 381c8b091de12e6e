"""What a worker process does, on this machine or on another one; it imports torch when it begins.

Each function takes one item of work and the places of the machine that it runs on.
"""

from __future__ import annotations

from collections.abc import Sequence

from bikd_core.config import RunConfig
from bikd_core.places import Places
from bikd_core.speed import Speeds
from bikd_core.studies.executors.outcome import Outcome, outcome_of

#: Of each worker process. Their number changes the last digits of results.
NUM_THREADS = 1


def use_one_thread() -> None:
    """Prepare this process: many of its kind share the cores."""
    import torch

    from bikd_core.training.compute import keep_freed_memory

    torch.set_num_threads(NUM_THREADS)
    keep_freed_memory()


def train_group(configs: Sequence[RunConfig], places: Places) -> list[Outcome]:
    """Train runs that share their steps; return the outcome of each.

    If one of them keeps all from beginning, each is trained alone.
    """
    try:
        return _outcomes(configs, places)
    except Exception as error:  # a run that cannot be trained is an outcome like any other
        if len(configs) > 1:
            return [train_group([config], places)[0] for config in configs]
        return [Outcome.failed(_sentence(error))]


def _outcomes(configs: Sequence[RunConfig], places: Places) -> list[Outcome]:
    from bikd_core.control import Control
    from bikd_core.events import ClassBiasesFitted, EpochDone
    from bikd_core.training.record import NonFiniteLoss
    from bikd_core.training.start import Training
    from bikd_core.training.together import TogetherTraining

    items = (
        TogetherTraining(configs, Control(), places)
        if len(configs) > 1
        else ((0, item) for item in Training(configs[0], Control(), places))
    )
    epochs: list[list[EpochDone]] = [[] for _ in configs]
    biases: list[ClassBiasesFitted | None] = [None] * len(configs)
    failures: list[Exception | None] = [None] * len(configs)
    try:
        for number, item in items:
            if isinstance(item, EpochDone):
                epochs[number].append(item)
            elif isinstance(item, ClassBiasesFitted):
                biases[number] = item
            elif isinstance(item, Exception):
                failures[number] = item
    except NonFiniteLoss as error:  # of a run alone
        failures[0] = error
    return [
        outcome_of(own, fitted)
        if failure is None
        else Outcome.failed(_sentence(failure), diverged=isinstance(failure, NonFiniteLoss))
        for own, fitted, failure in zip(epochs, biases, failures, strict=True)
    ]


def _sentence(error: Exception) -> str:
    text = str(error).strip().split("\n")[0] or "no reason is given"
    return (
        text if isinstance(error, ValueError | RuntimeError) else f"{type(error).__name__}: {text}"
    )


def make_teachers(config: RunConfig, places: Places) -> list[str]:
    """Train the teachers of a run that are not stored yet; return the names of all of them.

    If that is not possible there are none: the run itself will say why.
    """
    try:
        return _teachers(config, places)
    except Exception:  # it is raised again, and kept, where the run is trained
        return []


def _teachers(config: RunConfig, places: Places) -> list[str]:
    from bikd_core.control import Control
    from bikd_core.data.long_tail import load_split
    from bikd_core.training.start import resolve_device
    from bikd_core.training.teachers import TeacherSearch

    split = load_split(config.data, places.data)
    device = resolve_device(config.training.device)
    search = TeacherSearch(config, split, device, Control(), places).find_or_train()
    while True:
        try:
            next(search)
        except StopIteration as end:
            return [teacher.name for teacher in end.value.all]


def measure_speed(config: RunConfig, places: Places) -> Speeds | None:
    """Time a few steps of a run alone, and of its teacher's training."""
    from bikd_core.training.measure import measure

    return measure(config, lambda: False)
