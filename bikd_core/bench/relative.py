"""What relative weights add to each objective on digits: over learning rates, leagues and variants.

Each run has a split of its own, and so a teacher of its own. A run's result is one line of a file,
written when it ends, so that an interrupted measurement goes on where it was. The test set is
looked at for every setting: these are tables of a pilot, no comparison of tuned methods.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from bikd_core.bench.report import Row
from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig
from bikd_core.config.titles import title_of
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.studies.answer import in_percent, interval

Part = Literal["rates", "variants", "league2"]
Controls = dict[str, Any]
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
_SEEDS = ("seed", "split_seed")


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

    from bikd_core.training import train

    torch.set_num_threads(1)
    done = {_key(line["controls"]) for line in read(path)}
    for controls in controls_of(part, num_splits):
        if _key(controls) in done:
            continue
        config = RunConfig.from_flat(controls)
        last = [e for e in train(config, places=places) if isinstance(e, EpochDone)][-1]
        fields = ("accuracy", "accuracy_many", "accuracy_medium", "accuracy_few", "val_accuracy")
        line = {"controls": controls} | {name: getattr(last, name) for name in fields}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return rows(path, part, num_splits)


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
    itself = base | {name: controls[name] for name in ("learning_rate", "train_on_val")}
    own = found.get(_key(itself), {}) if "over" in controls else {}
    gains = [results[s]["accuracy"] - own[s]["accuracy"] for s in results if s in own]
    said = {"method", "over", "weight_scale", "learning_rate", "train_on_val"}
    return {
        "setting": title_of(controls),
        "options": ", ".join(f"{k}={v}" for k, v in controls.items() if k not in said),
        "learning_rate": controls["learning_rate"],
        "league": 1 if controls["train_on_val"] == "no" else 2,
        "splits": len(results),
        "balanced": in_percent(interval([r["accuracy"] for r in results.values()])),
        "few": f"{interval([100 * r['accuracy_few'] for r in results.values()]).mean:.1f}",
        "over_the_objective": in_percent(interval(gains), signed=True) if len(gains) > 1 else "",
    }


def _setting(controls: Controls) -> Controls:
    return {name: value for name, value in controls.items() if name not in _SEEDS}


def _key(controls: Controls) -> str:
    return json.dumps(controls, sort_keys=True)


PARTS: tuple[Part, ...] = get_args(Part)
