"""Is the choice by D_val near the best on the test set? Measured on splits, each with its own data.

Each split is somebody's only one: its recipes are tried and judged as `bikd recommend` does it, on
the same trials and seeds. For the judge of the judge, every recipe's test accuracy at the settings
that D_val chose for it is kept apart: of ten seeds that the choice has not seen, since the best of
18 means of few runs is a lucky one. Nothing was tuned on these splits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from bikd_core.answer.ledger import DIGITS, Ledger, Result, Run, result_of
from bikd_core.answer.training import train_missing
from bikd_core.bench.report import Row
from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.own.opening import open_pictures
from bikd_core.places import Places
from bikd_core.recommend.judging import Candidate, Judge
from bikd_core.recommend.real_pictures import SIZE, write_pictures
from bikd_core.recommend.recipes import RECIPES
from bikd_core.recommend.record import controls_of
from bikd_core.store.files import replace_text
from bikd_core.studies.answer import in_percent, interval
from bikd_core.studies.executors import LocalExecutor

PNGS = "a folder of CIFAR-10 PNGs"
#: By name: what its files are called, and the controls that differ from the data's defaults.
CONDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "digits": ("digits", {}),
    "digits with 30 % wrong labels": (
        "digits-wrong",
        {"label_noise": 0.3, "label_noise_kind": "by_count"},
    ),
    # Networks that a CPU trains in seconds: a split is three hundred runs.
    PNGS: ("pngs", {"teacher_model": "colour_cnn_l", "student": "colour_cnn_s"}),
    "digits with 30 images of each class in D_val": ("digits-val30", {"val_per_class": 30}),
}
CHOSEN = "chosen by D_val"
PEEKING = "chosen by the test set with one seed, tested with the others"
TEST_SEEDS = tuple(range(10, 20))
FIRST_SPLIT = 2000  # no other comparison of the project has a split from here on
NEAR = 0.01  # of the best, as a fraction
Progress = Callable[[str, int, int], None]
Tested = Mapping[str, Sequence[float]]  # test accuracies of each recipe by seed, as fractions


def measure(
    folder: Path,
    num_splits: int,
    num_trials: int,
    places: Places,
    jobs: int,
    on_progress: Progress,
    condition: str | None = None,
) -> list[Row]:
    """Train what is missing of all conditions, split by split; return the rows.

    It may be interrupted at any time: each run is a line of a file, and the same call goes on.

    Args:
        folder: Receives a file of runs, and one of the choice, for each condition and split.
        num_splits: Of each condition.
        num_trials: Of each recipe.
        places: Where teachers lie.
        jobs: Processes that train.
        on_progress: Called as a split goes on.
        condition: One of `CONDITIONS`; None: all.

    Raises:
        ConfigError: There is no such condition.
    """
    if condition is not None and condition not in CONDITIONS:
        raise ConfigError(
            f"condition = {condition[:80]!r} is not possible: it must be one of "
            f"{'; '.join(CONDITIONS)}."
        )
    for number in range(num_splits):
        for name in CONDITIONS if condition is None else (condition,):
            split = FIRST_SPLIT + number
            stem = CONDITIONS[name][0]
            path = folder / f"recommend-{stem}-{split}.json"
            if path.exists():
                continue
            folder.mkdir(parents=True, exist_ok=True)
            base = base_of(name, split, folder, places.data)
            ledger = Ledger(folder / f"recommend-{stem}-{split}-runs.jsonl", controls_of(base))
            told = partial(_tell, on_progress, f"{stem}, split {split}")
            with ledger.held():
                found = _split(base, num_trials, ledger, places, jobs, told)
            head = {"condition": name, "split": split, "trials": num_trials}
            replace_text(path, json.dumps(head | {"candidates": found}, indent=1) + "\n")
    return rows(folder)


def base_of(condition: str, split: int, folder: Path, data_dir: Path) -> RunConfig:
    """Return all controls of a split but method and seed; its folder of PNGs is made and opened.

    Raises:
        DatasetUnavailable: The pictures are not there and cannot be downloaded.
    """
    dataset = "digits"
    if condition == PNGS:
        pictures = write_pictures(folder / f"pictures-{split}", split, data_dir)
        dataset = open_pictures(pictures, data_dir, size=SIZE)
    own = CONDITIONS[condition][1]
    return RunConfig.from_flat(own | {"dataset": dataset, "split_seed": split})


def _tell(on_progress: Progress, name: str, what: str, done: int, of: int) -> None:
    on_progress(f"{name}, {what}", done, of)


class _Blind(Ledger):
    """The results of another ledger without what they say of the test set."""

    def __init__(self, seeing: Ledger) -> None:
        self._seeing = seeing

    @property
    def results(self) -> dict[Run, Result]:  # type: ignore[override]
        """The results; accuracies on the test set are None."""
        return {run: _blind(result) for run, result in self._seeing.results.items()}


def _blind(result: Result) -> Result:
    def hidden(values: Mapping[str, float | None]) -> dict[str, float | None]:
        return {k: v if k.startswith("val_") else None for k, v in values.items()}

    return result._replace(own=hidden(result.own), biased=hidden(result.biased))


def _split(
    base: RunConfig,
    num_trials: int,
    ledger: Ledger,
    places: Places,
    jobs: int,
    on_progress: Progress,
) -> list[dict[str, Any]]:
    """Return the candidates of a split, the one that is chosen first, with test accuracies."""
    judge = Judge(base, RECIPES, num_trials, _Blind(ledger))

    def train(what: str, runs: Sequence[Run]) -> None:
        def tell() -> None:
            done = sum(run in ledger.results for run in runs)
            on_progress(what, done, len(runs))

        train_missing(runs, ledger, judge.config, result_of, LocalExecutor(places, jobs), tell)

    train("trials", [run for each in judge.rounds() for run in each])
    train("seeds of the best", judge.further())
    ranked = judge.candidates()
    train("test", [Run(one.entry, seed) for one in ranked for seed in TEST_SEEDS])
    return [_line(one, ledger) for one in ranked]


def _line(candidate: Candidate, ledger: Ledger) -> dict[str, Any]:
    results = [ledger.results[Run(candidate.entry, seed)] for seed in TEST_SEEDS]
    tested = [result.of(candidate.calibration).get("accuracy") for result in results]
    known = [round(value, DIGITS) for value in tested if value is not None]
    return {
        "recipe": candidate.title,
        "entry": candidate.entry,
        "val_accuracy": candidate.val_accuracy,
        "val_loss": candidate.val_loss,
        "test_accuracies": known if len(known) == len(tested) else [],
    }


def rows(folder: Path) -> list[Row]:
    """Return a row for each condition: how near the choice comes, and what a fixed one would."""
    found: dict[str, list[Tested]] = {name: [] for name in CONDITIONS}
    for path in sorted(folder.glob("recommend-*[0-9].json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        tested = {one["recipe"]: one["test_accuracies"] for one in content["candidates"]}
        found[content["condition"]].append({name: by for name, by in tested.items() if by})
    return [row for name, splits in found.items() if splits for row in _rows(name, splits)]


def _rows(name: str, splits: Sequence[Tested]) -> list[Row]:
    """Return the row of the choice, of one that peeks, and of each recipe if it were always taken.

    Args:
        name: The condition.
        splits: The recipes of each split, the chosen one first.
    """
    means = [{recipe: fmean(by_seed) for recipe, by_seed in tested.items()} for tested in splits]
    others = [{recipe: fmean(by[1:]) for recipe, by in tested.items()} for tested in splits]
    chosen = [next(iter(tested)) for tested in splits]
    firsts = [{recipe: by[0] for recipe, by in tested.items()} for tested in splits]
    peeked = [max(first, key=first.__getitem__) for first in firsts]
    found = [_row(name, CHOSEN, means, chosen), _row(name, PEEKING, others, peeked)]
    recipes = [recipe for recipe in means[0] if all(recipe in tested for tested in means)]
    always = [_row(name, recipe, means, [recipe] * len(splits)) for recipe in recipes]
    always.sort(key=lambda row: row["mean_loss_to_the_best"])
    return [*found, *always]


def _row(
    name: str, what: str, by_split: Sequence[Mapping[str, float]], taken: Sequence[str]
) -> Row:
    own = [tested[recipe] for tested, recipe in zip(by_split, taken, strict=True)]
    best = [max(tested.values()) for tested in by_split]
    losses = [top - value for top, value in zip(best, own, strict=True)]
    return {
        "condition": name,
        "recipe": what,
        "splits": len(own),
        "within_1_point_of_the_best": sum(loss <= NEAR for loss in losses),
        "mean_loss_to_the_best": round(100 * fmean(losses), 2),
        "largest_loss": round(100 * max(losses), 2),
        "balanced": in_percent(interval(own)),
    }
