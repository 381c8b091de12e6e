"""Runs a search: draws each batch of trials, has their runs trained, and tells them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from bikd_core.config import RunConfig
from bikd_core.events import ClassBiasesFitted, EpochDone
from bikd_core.runs import Snapshot
from bikd_core.studies.comparison import is_comparable, was_tuned
from bikd_core.studies.search import TrialResult
from bikd_core.studies.trials import Trial, Trials

ShouldStop = Callable[[Snapshot], bool]
#: Trains the runs of these configs that have not finished, and stops one as soon as it may be. The
#: last ones are those of the configs whose runs must have class biases.
Train = Callable[[Sequence[RunConfig], ShouldStop, frozenset[RunConfig]], None]


def run_search(
    trials: Sequence[Trials], runs: Callable[[], Iterable[Snapshot]], train: Train
) -> dict[str, list[TrialResult]]:
    """Run all trials of each method, batch by batch, and return their results by method.

    A method of which a run fails, other than by a loss that is not finite, ends there: later trials
    depend on that one. The same search goes on with it.

    Args:
        trials: Those of each method of one search.
        runs: Returns the runs that exist now.
        train: Has runs trained.
    """
    going = list(trials)
    for numbers in trials[0].search.batches():
        drawn = [(each, each.draw(numbers)) for each in going]
        _train_batch([trial for _, batch in drawn for trial in batch], runs, train)
        existing = _by_config(runs())
        going = [each for each, batch in drawn if _tell(each, batch, existing)]
    return {each.method: each.told() for each in trials}


def _tell(trials: Trials, batch: Sequence[Trial], existing: Mapping[RunConfig, Snapshot]) -> bool:
    """Tell a batch in order up to the first trial that is not done; return whether all are."""
    for trial in batch:
        result = _result_of(trial, existing)
        if result is None:
            return False
        trials.tell(result)
    return True


def _train_batch(
    batch: Sequence[Trial], runs: Callable[[], Iterable[Snapshot]], train: Train
) -> None:
    """Have the first seed of each trial trained, then the others of those that are not pruned."""
    calibrated = frozenset(
        config for trial in batch if trial.is_calibrated for config in trial.configs
    )
    for part in (slice(0, 1), slice(1, None)):
        existing = _by_config(runs())
        configs = [
            config
            for trial in batch
            if not _why_pruned(trial, existing)
            for config in trial.configs[part]
            if not _diverged(existing.get(config))
        ]
        if configs:
            train(configs, lambda run: _is_done_with(run, batch), calibrated)


def _is_done_with(run: Snapshot, batch: Sequence[Trial]) -> bool:
    """Return whether each trial of the batch that began with this run is pruned."""
    begun = [trial for trial in batch if trial.configs[0] == run.config]
    used_later = any(run.config in trial.configs[1:] for trial in batch)
    return (
        bool(begun)
        and not used_later
        and all(trial.pruned_after(run.epochs) is not None for trial in begun)
    )


def _by_config(runs: Iterable[Snapshot]) -> dict[RunConfig, Snapshot]:
    """Return the run of each config that says most: a finished one, else the longest."""
    found: dict[RunConfig, Snapshot] = {}
    for run in runs:
        if was_tuned(run):
            continue
        known = found.get(run.config)
        if known is None or _says(run) > _says(known):
            found[run.config] = run
    return found


def _says(run: Snapshot) -> tuple[bool, bool, bool, int]:
    return is_comparable(run), run.class_biases is not None, _diverged(run), len(run.epochs)


def _diverged(run: Snapshot | None) -> bool:
    return run is not None and run.diverged


def _why_pruned(trial: Trial, existing: Mapping[RunConfig, Snapshot]) -> str:
    """Return why a trial is pruned as far as its runs have come; "" if it is not."""
    first = existing.get(trial.configs[0])
    if first is not None:
        after = trial.pruned_after(first.epochs)
        if after is not None:
            return f"after epoch {after}"
    if any(_diverged(existing.get(config)) for config in trial.configs):
        return "the loss was not finite"
    return ""


def _result_of(trial: Trial, existing: Mapping[RunConfig, Snapshot]) -> TrialResult | None:
    """Return the result of a trial; None if a run of it has not finished."""
    pruned = _why_pruned(trial, existing)
    accuracy = loss = None
    if not pruned:
        judged = [_judged(trial, existing.get(config)) for config in trial.configs]
        done = [one for one in judged if one is not None]
        if len(done) < len(judged):
            return None
        for one in done:
            trial.search.criterion(one)  # refuses a run that did not record it
        accuracies = [one.val_accuracy for one in done if one.val_accuracy is not None]
        accuracy = fmean(accuracies) if len(accuracies) == len(done) else None
        loss = fmean(one.val_loss for one in done if one.val_loss is not None)
    return TrialResult(
        trial.number, trial.entry.text, trial.params, trial.rungs, pruned, accuracy, loss
    )


def _judged(trial: Trial, run: Snapshot | None) -> EpochDone | ClassBiasesFitted | None:
    """Return what a finished run is judged by; None if it has not finished.

    With class biases that is D_val's score by cross-fitting: biases are not judged by the images
    that they were fitted to.
    """
    if run is None or not is_comparable(run):
        return None
    return run.class_biases if trial.is_calibrated else run.epochs[-1]
