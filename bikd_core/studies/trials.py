"""The trials of a search: drawn and pruned by optuna, kept in its journal. Torch-free.

A study of the journal holds only trials that were told, in the order of their numbers. A batch is
drawn, and its trials are pruned, in a study in memory that holds the trials of earlier batches
alone, by a sampler that is seeded by each trial's number. So an interrupted batch is drawn again as
it was, and which of its trials finished first changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from filelock import FileLock, Timeout

from bikd_core.config import ConfigError
from bikd_core.events import EpochDone
from bikd_core.store.files import cut_unfinished_line
from bikd_core.studies.search import BATCH, Search, TrialResult, as_json, first_difference
from bikd_core.studies.search_space import Range, Values

if TYPE_CHECKING:
    import optuna

_NUM_RANDOM = 2 * BATCH  # trials before the sampler learns from earlier ones; the first is no draw
_KEPT_PERCENT = 75.0  # at a rung, of the trials that finished; the rest is pruned
_IDENTITY = "search"  # the attribute of a study that says which search it belongs to
_RESULT = ("entry", "pruned", "val_accuracy", "val_loss")  # attributes of a told trial


class Trial:
    """A trial that was drawn and is not told yet."""

    def __init__(self, search: Search, method: str, asked: optuna.Trial) -> None:
        """Draw the trial's configuration."""
        self.number = asked.number
        self.search, self._asked = search, asked
        self.params: dict[str, Any] = {}
        for name, values in search.space(method).items():
            if search.is_drawn(name, method, self.params):
                self.params[name] = _suggest(asked, name, values)
        self.entry = search.entry_with(method, self.params)
        self.configs = search.configs_of(self.entry)
        self.rungs: dict[int, float] = {}
        self._pruned_after: int | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether the accuracy with class biases counts. Rungs are judged without them."""
        return self.entry.calibration == "class_biases"

    def pruned_after(self, epochs: Sequence[EpochDone]) -> int | None:
        """Return the epoch after which the pruner ends the trial; None if it goes on so far.

        Args:
            epochs: Those that the first seed's run has finished.
        """
        for rung in self.search.rungs:
            if self._pruned_after is not None or len(epochs) < rung:
                break
            if rung not in self.rungs:
                self.rungs[rung] = self.search.criterion(epochs[rung - 1])
                self._asked.report(self.rungs[rung], rung)
                if self._asked.should_prune():
                    self._pruned_after = rung
        return self._pruned_after


class Trials:
    """The trials of one method of a search."""

    def __init__(self, search: Search, method: str, storage: optuna.storages.BaseStorage) -> None:
        """Open the method's study in a storage, or begin it there.

        Raises:
            ConfigError: The storage holds trials of another search under this name.
        """
        import optuna

        self.search, self.method = search, method
        own, name = search.identity(method), study_name(search, method)
        if name not in optuna.get_all_study_names(storage):
            optuna.create_study(storage=storage, study_name=name, direction=_direction(search))
        self._study = optuna.load_study(storage=storage, study_name=name)
        stored = self._study.user_attrs.get(_IDENTITY)
        if stored is None and not self._study.get_trials(deepcopy=False):
            self._study.set_user_attr(_IDENTITY, own)
        elif difference := first_difference(stored or {}, own):
            raise ConfigError(
                f"storage is not possible for {method}: its trials are of another search "
                f"({difference}); name another file."
            )

    def told(self) -> list[TrialResult]:
        """Return the results of all trials that were told, as many as the search has at most."""
        return [_result(trial) for trial in self._study.get_trials()[: self.search.num_trials]]

    def draw(self, numbers: Sequence[int]) -> list[Trial]:
        """Return those trials of a batch that were not told yet.

        Args:
            numbers: A batch; the trials of all earlier ones were told.
        """
        import optuna

        told = self._study.get_trials()
        if numbers[-1] < len(told):
            return []
        memory = optuna.create_study(
            direction=_direction(self.search),
            pruner=optuna.pruners.PercentilePruner(_KEPT_PERCENT, n_startup_trials=BATCH - 1),
        )
        memory.add_trials(told[: numbers[0]])
        drawn = [self._draw_one(memory, number) for number in numbers]
        return [trial for trial in drawn if trial.number >= len(told)]

    def _draw_one(self, memory: optuna.Study, number: int) -> Trial:
        import optuna

        [seed] = np.random.SeedSequence(
            [self.search.seed, number, *self.method.encode()]
        ).generate_state(1)
        memory.sampler = optuna.samplers.TPESampler(
            n_startup_trials=_NUM_RANDOM, multivariate=True, constant_liar=True, seed=int(seed)
        )
        if number == 0:
            own = self.search.own_controls(self.method)
            memory.enqueue_trial({name: own[name] for name in self.search.space(self.method)})
        return Trial(self.search, self.method, memory.ask())

    def tell(self, result: TrialResult) -> None:
        """Keep the result of the next trial."""
        import optuna

        assert result.number == len(self._study.get_trials(deepcopy=False))
        space = self.search.space(self.method)
        value = None if result.pruned else getattr(result, self.search.by)
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[("PRUNED" if result.pruned else "COMPLETE")],
                value=value,
                params=dict(result.params),
                distributions={name: _distribution(space[name]) for name in result.params},
                user_attrs={name: getattr(result, name) for name in _RESULT},
                intermediate_values=dict(result.rungs),
            )
        )

    def refill(self, results: Sequence[TrialResult], path: Path) -> None:
        """Add the trials of a table that are missing here.

        Raises:
            ConfigError: The table holds other trials than those here, or leaves one out.
        """
        told = self.told()
        for result in sorted(results, key=lambda result: result.number)[: self.search.num_trials]:
            if result.number < len(told):
                if as_json(result._asdict()) != as_json(told[result.number]._asdict()):
                    raise ConfigError(
                        f"refill = {str(path)!r} is not possible: trial {result.number} of "
                        f"{self.method} differs from the one in the storage."
                    )
                continue
            if result.number > len(told):
                raise ConfigError(
                    f"refill = {str(path)!r} is not possible: trial {len(told)} of {self.method} "
                    "is not in it."
                )
            self.tell(result)
            told.append(result)


def study_name(search: Search, method: str) -> str:
    """Return the name of a method's study; the leagues have studies of their own."""
    trained = search.base.protocol.train_on_val
    return method if trained == "no" else f"{method} (D_val {trained})"


def _direction(search: Search) -> Literal["maximize", "minimize"]:
    return "maximize" if search.by == "val_accuracy" else "minimize"


def _suggest(asked: optuna.Trial, name: str, values: Values) -> Any:
    if isinstance(values, Range):
        return asked.suggest_float(name, values.low, values.high, log=values.log)
    return asked.suggest_categorical(name, values)


def _distribution(values: Values) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(values, Range):
        return FloatDistribution(values.low, values.high, log=values.log)
    return CategoricalDistribution(values)


def _result(trial: optuna.trial.FrozenTrial) -> TrialResult:
    return TrialResult(
        number=trial.number,
        params=trial.params,
        rungs=trial.intermediate_values,
        **{name: trial.user_attrs[name] for name in _RESULT},
    )


# The storage ------------------------------------------------------------------------------------


@contextmanager
def open_storage(path: Path | None) -> Iterator[optuna.storages.BaseStorage]:
    """Open the journal in a file, made if it is missing, for this process alone.

    Args:
        path: The file; None keeps the trials in memory.

    Raises:
        ConfigError: Another process holds it, or it cannot be read or written as a journal.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if path is None:
        yield optuna.storages.InMemoryStorage()
        return
    shown = f"storage = {str(path)!r}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.held", timeout=0)  # optuna's own lock, of one write, is .lock
        with lock:
            yield _journal(path, shown)
    except Timeout as error:
        raise ConfigError(
            f"{shown} is not possible now: another search uses it; wait for it, or name another "
            "file."
        ) from error
    except OSError as error:
        raise ConfigError(f"{shown} cannot be used: {error.strerror or error}.") from error


def _journal(path: Path, shown: str) -> optuna.storages.JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if path.exists():
        cut_unfinished_line(path)
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{shown} is not possible: it is no journal of optuna.") from error
