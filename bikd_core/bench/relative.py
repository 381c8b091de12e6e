"""What relative weights add on digits: over learning rates, leagues, variants and wrong labels.

Each run has a split of its own, and so a teacher of its own; splits train together where that pays.
A run's result is one line of a file, written when it ends, so that an interrupted measurement goes
on where it was. The test set is looked at for every setting: these are tables of a pilot, no
comparison of tuned methods.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bikd_core.bench.report import Row
from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.config.titles import title_of
from bikd_core.config.together import batches_of
from bikd_core.control import Control
from bikd_core.places import Places
from bikd_core.studies.answer import in_percent, interval

if TYPE_CHECKING:
    from bikd_core.training.together import RunEnd

Part = Literal["rates", "variants", "league2", "inputs", "dive"]
Controls = dict[str, Any]
FIELDS = ("accuracy", "accuracy_many", "accuracy_medium", "accuracy_few", "val_accuracy")
LEARNING_RATES = (0.2, 0.1, 0.5, 0.05)
LEAGUES = {1: "no", 2: "batch"}  # train_on_val of each league
OVER: Controls = {"method": "bikd", "weight_scale": "relative"}
SHIFTED: Controls = OVER | {"over": "balanced_ltkd", "class_shifts": "one"}
#: Each alone, over prior-shifted KD and over balanced LTKD with class shifts, at rate 0.2.
VARIANTS: tuple[Controls, ...] = (
    {},
    *({"virtual_step": factor} for factor in (0, 3, 10)),
    *({"outer_from": share} for share in (0.5,)),
    *({"outer_every": every} for every in (2, 5, 10)),
    {"outer_from": 0.5, "virtual_step": 3},
    {"outer_from": 0.5, "outer_every": 5},
    *({"weight_net_learning_rate": rate} for rate in (0.001, 0.05)),
    {"weight_form": "scale"},
    {"weight_net_inputs": "plain"},
    {"meta_loss": "mix"},
    {"estimator": "finite_difference"},
    {"outer_every": 10, "estimator": "finite_difference"},
)
#: Each alone, over BKD and prior-shifted KD, in league 2 at rate 0.1.
LEAGUE_2: tuple[Controls, ...] = (
    {},
    {"cross_fit": True},
    {"meta_loss": "mix"},
    {"outer_from": 0.5},
    {"outer_every": 5},
    {"weight_net_learning_rate": 0.05},
)
#: Each alone, over DiVE, in either league at rate 0.2.
DIVE: tuple[Controls, ...] = (
    {},
    *({"weight_net_learning_rate": rate} for rate in (0.001, 0.003, 0.05)),
    {"class_shifts": "one"},
    {"virtual_step": 3},
    {"outer_from": 0.5},
    {"outer_every": 10},
)
WRONG_LABELS: Controls = {"label_noise": 0.3, "label_noise_kind": "by_count"}
SOFT: Controls = {"teacher_folds": 5, "out_of_fold": "inputs_and_soft_loss"}
SEEN: Controls = {"teacher_folds": 5, "out_of_fold": "inputs"}
TRUST: Controls = {"method": "prior_kd", "trust": 1.0, "learning_rate": 0.5}
#: Inputs that stay alive, and trust in labels, beside their rivals, with clean and wrong labels.
INPUTS: tuple[Controls, ...] = (
    {"method": "kd", "learning_rate": 0.2},
    {"method": "prior_kd", "learning_rate": 0.5},
    {"method": "ltkd", "learning_rate": 0.1},
    OVER | {"over": "prior_kd", "learning_rate": 0.2},
    OVER | SEEN | {"over": "prior_kd", "learning_rate": 0.2},
    OVER | SEEN | {"over": "prior_kd", "learning_rate": 0.2, "virtual_step": 3},
    SHIFTED | {"learning_rate": 0.2},
    SOFT | {"method": "prior_kd", "learning_rate": 0.5},
    SOFT | {"method": "ltkd", "learning_rate": 0.1},
    SOFT | OVER | {"over": "prior_kd", "learning_rate": 0.2},
    SOFT | SHIFTED | {"learning_rate": 0.2},
    SOFT | TRUST,
    SOFT | TRUST | OVER | {"over": "prior_kd"},
    SEEN | TRUST,
    SEEN | TRUST | OVER | {"over": "prior_kd"},
)
_SEEDS = ("seed", "split_seed")
#: What a form of BiKD has in common with the objective that it stands over.
_SHARED = ("learning_rate", "train_on_val", *SEEN, *WRONG_LABELS, "trust")


def controls_of(part: Part, num_splits: int) -> list[Controls]:
    """Return the controls of a part's runs, in the order in which they are trained."""
    return [
        controls | {"seed": split, "split_seed": split}
        for split in range(num_splits)
        for controls in _settings(part)
    ]


def _settings(part: Part) -> Iterator[Controls]:
    if part == "variants":
        base: Controls = {"learning_rate": 0.2, "train_on_val": "no"}
        yield from ({"method": name} | base for name in ("prior_kd", "balanced_ltkd", "ltkd"))
        for shifts in ("one", "each"):
            yield OVER | {"over": "prior_kd", "class_shifts": shifts} | base
        yield OVER | {"over": "balanced_ltkd"} | base
        yield SHIFTED | {"class_shifts": "each"} | base
        for variant in VARIANTS:
            yield OVER | {"over": "prior_kd"} | base | variant
            yield SHIFTED | base | variant
    elif part == "league2":
        for over in ("bkd", "prior_kd"):
            base = {"learning_rate": 0.1, "train_on_val": "batch"}
            yield {"method": over} | base
            yield from (OVER | {"over": over} | base | variant for variant in LEAGUE_2)
    elif part == "dive":
        for use_of_val in LEAGUES.values():
            base = {"learning_rate": 0.2, "train_on_val": use_of_val}
            yield {"method": "dive"} | base
            yield from (OVER | {"over": "dive"} | base | variant for variant in DIVE)
    elif part == "inputs":
        for noise in ({}, WRONG_LABELS):
            yield from (setting | {"train_on_val": "no"} | noise for setting in INPUTS)
    else:
        for use_of_val in LEAGUES.values():
            for rate in LEARNING_RATES:
                base = {"learning_rate": rate, "train_on_val": use_of_val}
                for name, facts in METHOD_FACTS.items():
                    if not facts.has_weight_net:
                        yield {"method": name} | base
                        yield OVER | {"over": name} | base
                yield from (form | base for form in (SHIFTED, {"method": "bikd"}))
                yield {"method": "bikd", "prior": "both"} | base


def measure(path: Path, part: Part, num_splits: int, places: Places) -> list[Row]:
    """Train the runs of a part that the file does not have yet; return the part's rows.

    Raises:
        ConfigError: The file holds something else.
    """
    import torch

    from bikd_core.training.together import TogetherTraining, ends_of

    torch.set_num_threads(1)
    done = {_key(line["controls"]) for line in read(path)}
    missing = [controls for controls in controls_of(part, num_splits) if _key(controls) not in done]
    controls_by_config = {RunConfig.from_flat(controls): controls for controls in missing}
    for group in batches_of(controls_by_config):
        ends = ends_of(TogetherTraining(group, Control(), places), len(group))
        found = [_numbers(end) for end in ends]
        with path.open("a", encoding="utf-8") as file:
            for config, results in zip(group, found, strict=True):
                line = {"controls": controls_by_config[config]} | results
                file.write(json.dumps(line) + "\n")
    return rows(path, part, num_splits)


def _numbers(end: RunEnd) -> dict[str, float]:
    """Return the numbers of a run that has ended."""
    if end.failure is not None:
        raise end.failure
    found = {name: getattr(end.last, name) for name in FIELDS}
    if end.biases is not None:
        found |= {f"{name}_with_biases": getattr(end.biases, name) for name in FIELDS}
    return found


def read(path: Path) -> list[dict[str, Any]]:
    """Return the results in a file, none if there is no file.

    Raises:
        ConfigError: A line is no result; it is named.
    """
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
            line["controls"], line["accuracy"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}, line {number} is no result of this measurement: delete that line, "
                "or name another file."
            ) from error
        lines.append(line)
    return lines


def rows(path: Path, part: Part, num_splits: int) -> list[Row]:
    """Return a row for each setting of a part with at least two results.

    Raises:
        ConfigError: As `read`.
    """
    found: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    for line in read(path):
        controls = dict(line["controls"])
        found[_key(_setting(controls))][controls["seed"]] = line
    order = dict.fromkeys(_key(_setting(c)) for c in controls_of(part, num_splits))
    return [_row(key, found) for key in order if len(found.get(key, {})) > 1]


def _row(key: str, found: dict[str, dict[int, dict[str, float]]]) -> Row:
    controls, results = json.loads(key), found[key]
    base = {"method": controls.get("over", controls["method"])}
    itself = base | {name: controls[name] for name in _SHARED if name in controls}
    own = found.get(_key(itself), {}) if "over" in controls else {}
    gains = [results[s]["accuracy"] - own[s]["accuracy"] for s in results if s in own]
    name = "accuracy_with_biases"  # absent from results of earlier versions and of league 2
    biased = [r[name] for r in results.values() if r.get(name) is not None]
    said = {"method", "over", "weight_scale", "learning_rate", "train_on_val"}
    return {
        "setting": title_of(controls),
        "options": ", ".join(f"{k}={v}" for k, v in controls.items() if k not in said),
        "learning_rate": controls["learning_rate"],
        "league": 1 if controls["train_on_val"] == "no" else 2,
        "splits": len(results),
        "balanced": in_percent(interval([r["accuracy"] for r in results.values()])),
        "few": f"{interval([100 * r['accuracy_few'] for r in results.values()]).mean:.1f}",
        "with_biases": in_percent(interval(biased)) if len(biased) == len(results) else "",
        "over_the_objective": in_percent(interval(gains), signed=True) if len(gains) > 1 else "",
    }


def _setting(controls: Controls) -> Controls:
    return {name: value for name, value in controls.items() if name not in _SEEDS}


def _key(controls: Controls) -> str:
    return json.dumps(controls, sort_keys=True)
