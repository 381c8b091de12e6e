"""What is unfair or broken in the published comparison, each as a switch; "fair" has none on.

Source: the published code of arXiv:2605.17839, as read for this project: its number is the best
epoch on the test set, its baselines' the best on D_val; its teacher is never put into eval mode;
a window left over at an epoch's end is dropped; batch size, weight decay and temperature differ.
"""

from __future__ import annotations

from typing import Any

from bikd_core.config import ConfigError

#: By name: what it does, for people.
FAULTS: dict[str, str] = {
    "teacher_batch_statistics": "BiKD's teacher runs in train mode",
    "drop_window": "BiKD throws an epoch's left-over window away",
    "test_chosen_epoch": "BiKD's epoch is its best on the test set, its rivals' that of D_val",
    "unequal_recipes": "rivals keep their own batch size, learning rate, weight decay, temperature",
}
_BIKD = "bikd"  # whose faults they are
#: Where a recipe is not known from its authors' own files, the comparison's stands: DiVE, LTKD,
#: logit adjustment. Epochs, schedule, Nesterov's momentum and the optimiser of Meta-Weight-Net's
#: net also stay the comparison's.
#: Sources: kd, dkd: megvii-research/mdistiller, configs/cifar100/{kd,dkd/res32x4_res8x4}.yaml and
#: engine/cfg.py@a08d46f; bkd: EricZsy/BalancedKnowledgeDistillation, train_student.py@1135aab;
#: wsl: bellymonster/Weighted-Soft-Label-Distillation, knowledge_distiller.py@4ecf930 (ImageNet);
#: balanced_softmax: jiawei-ren/BalancedMetaSoftmax-Classification,
#: config/CIFAR10_LT/balanced_softmax_imba200.yaml@502ba89 (its warm-up of the learning rate left
#: out); meta_weight_net: xjtushujun/Meta-weight-net_class-imbalance,
#: meta-weight-net-class-imbalance.py@20c3276.
RECIPES: dict[str, dict[str, Any]] = {
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
    """The faults of a protocol, "fair" or "as_published", and of a list separated by commas.

    Raises:
        ConfigError: There is no such protocol or fault.
    """
    if protocol not in ("fair", "as_published"):
        raise ConfigError(
            f"protocol = {protocol[:80]!r} is not possible: it must be fair or as_published."
        )
    asked = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := sorted(asked - set(FAULTS)):
        raise ConfigError(
            f"faults = {unknown[0][:80]!r} is not possible: each must be one of "
            f"{', '.join(FAULTS)}."
        )
    return tuple(name for name in FAULTS if name in asked or protocol == "as_published")


def changes(method: str, faults: tuple[str, ...]) -> dict[str, Any]:
    """The controls that faults set for a method."""
    values = dict(RECIPES.get(method, {})) if "unequal_recipes" in faults else {}
    if method == _BIKD:
        switches = ("teacher_batch_statistics", "drop_window")
        values |= {name: True for name in switches if name in faults}
    return values


def is_chosen_by_test(method: str) -> bool:
    """Whether the fault of the test-chosen epoch takes this method's best test epoch."""
    return method == _BIKD
