"""The faults of the published comparison, each as a switch; the protocol "fair" has none.

Source: the published code of arXiv:2605.17839, as read for this project. It reports its own best
epoch on the test set, but its baselines' best on D_val; it never puts its teacher into eval mode;
it drops a window left over at the end of an epoch; it trains every baseline by one recipe, which is
neither BiKD's nor that of the baseline's authors.
"""

from __future__ import annotations

from typing import Any

from bikd_core.config import ConfigError
from bikd_core.config.reading import is_read_by

#: What each fault does, in words.
FAULTS: dict[str, str] = {
    "teacher_batch_statistics": "BiKD's teacher runs in train mode",
    "drop_window": "BiKD drops the window left over at the end of an epoch",
    "test_chosen_epoch": "BiKD's epoch is its best on the test set, its rivals' the best on D_val",
    "unequal_recipes": "rivals train with batch 128, learning rate 0.1, weight decay 2e-4, τ = 3, "
    "α = 0.5, whatever BiKD has",
    "authors_recipes": "rivals train by their own authors' recipes (not what was published)",
}
#: What `--protocol as_published` restores.
PUBLISHED = ("teacher_batch_statistics", "drop_window", "test_chosen_epoch", "unequal_recipes")
_BIKD = "bikd"  # the published faults favour or concern this method
#: What the published train_student.py gives to each baseline; learning rate drops are BiKD's.
PUBLISHED_RECIPE: dict[str, Any] = {
    "batch_size": 128,
    "learning_rate": 0.1,
    "weight_decay": 2e-4,
    "temperature": 3.0,
    "kd_alpha": 0.5,
}
#: Recipes of the methods' own authors. Methods whose recipe is not known from its authors' files
#: keep the comparison's: DiVE, LTKD, logit adjustment. Epochs, schedule, Nesterov momentum and the
#: optimiser of Meta-Weight-Net's net are always those of the comparison.
#: Sources: kd, dkd: megvii-research/mdistiller, configs/cifar100/{kd,dkd/res32x4_res8x4}.yaml and
#: engine/cfg.py@a08d46f; bkd: EricZsy/BalancedKnowledgeDistillation, train_student.py@1135aab;
#: wsl: bellymonster/Weighted-Soft-Label-Distillation, knowledge_distiller.py@4ecf930 (ImageNet);
#: balanced_softmax: jiawei-ren/BalancedMetaSoftmax-Classification,
#: config/CIFAR10_LT/balanced_softmax_imba200.yaml@502ba89 (its warm-up of the learning rate left
#: out); meta_weight_net: xjtushujun/Meta-weight-net_class-imbalance,
#: meta-weight-net-class-imbalance.py@20c3276.
AUTHORS_RECIPES: dict[str, dict[str, Any]] = {
    "kd": {
        "batch_size": 64,
        "learning_rate": 0.05,
        "weight_decay": 5e-4,
        "temperature": 4.0,
        "kd_alpha": 0.1,
    },
    "dkd": {"batch_size": 64, "learning_rate": 0.05, "weight_decay": 5e-4, "temperature": 4.0},
    "bkd": {"batch_size": 128, "learning_rate": 0.1, "weight_decay": 2e-4, "temperature": 2.0},
    "wsl": {"temperature": 2.0},
    "balanced_softmax": {"batch_size": 512, "learning_rate": 0.05, "weight_decay": 5e-4},
    "meta_weight_net": {"batch_size": 100, "learning_rate": 0.1, "weight_decay": 5e-4},
}


def read_faults(protocol: str, names: str = "") -> tuple[str, ...]:
    """Return the faults of a protocol plus those in a list separated by commas.

    Args:
        protocol: "fair" or "as_published".
        names: Names in `FAULTS`.

    Raises:
        ConfigError: The protocol or a fault is unknown, or two faults give the same recipe.
    """
    if protocol not in ("fair", "as_published"):
        raise ConfigError(
            f"protocol = {protocol[:80]!r} is not possible: it must be fair or as_published."
        )
    named = tuple(name.strip() for name in names.split(",") if name.strip())
    faults = (*named, *(PUBLISHED if protocol == "as_published" else ()))
    check_faults(faults)
    return tuple(name for name in FAULTS if name in faults)


def check_faults(faults: tuple[str, ...]) -> None:
    """Refuse names that are no faults, and two faults that give a rival two recipes.

    Raises:
        ConfigError: They are not possible.
    """
    if unknown := sorted(set(faults) - set(FAULTS)):
        raise ConfigError(
            f"faults = {unknown[0][:80]!r} is not possible: each must be one of "
            f"{', '.join(FAULTS)}."
        )
    if {"unequal_recipes", "authors_recipes"} <= set(faults):
        raise ConfigError(
            "faults = 'authors_recipes' is not possible with unequal_recipes: a rival has one "
            "recipe, the published one or its authors'."
        )


def fault_controls(method: str, faults: tuple[str, ...]) -> dict[str, Any]:
    """Return the controls that these faults change for a method."""
    if method == _BIKD:
        switches = ("teacher_batch_statistics", "drop_window")
        return {name: True for name in switches if name in faults}
    if "unequal_recipes" in faults:
        options = {"method": method}
        return {k: v for k, v in PUBLISHED_RECIPE.items() if is_read_by(k, options)}
    return dict(AUTHORS_RECIPES.get(method, {})) if "authors_recipes" in faults else {}


def takes_best_test_epoch(method: str) -> bool:
    """Return whether `test_chosen_epoch` takes the best epoch of this method on the test set."""
    return method == _BIKD
