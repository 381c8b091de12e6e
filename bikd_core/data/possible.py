"""The one check whether a config is possible, made before torch is loaded or an image is read."""

from __future__ import annotations

from bikd_core.config import (
    ConfigError,
    RunConfig,
    is_own_network,
    is_read_by,
    listed,
    models_taking,
    network_refusal,
)
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.sources import facts_of
from bikd_core.data.val_plan import planned_val_counts


def check_possible(config: RunConfig) -> None:
    """Refuse a config whose split is impossible or whose models do not take its images.

    Raises:
        ConfigError: One sentence that names the control, its value and what would be right.
    """
    planned_labels(config.data)
    _check_parts_of_val(config)
    dataset = config.data.dataset
    fitting = models_for(dataset)
    for name in ("teacher_model", "student"):
        model = getattr(config.models, name)
        if is_own_network(model):  # whether it takes these images shows when it is made
            if is_read_by(name, config.flat()) and (why := network_refusal(name, model)):
                raise ConfigError(why)
        elif model not in fitting:
            raise ConfigError(
                f"{name} = {model!r} is not possible with {dataset}: "
                f"it must be one of {', '.join(fitting)}."
            )


def _check_parts_of_val(config: RunConfig) -> None:
    """Refuse to halve a D_val whose smallest class is too small; a config checks balanced ones."""
    data, halved = config.data, config.halved_by
    smallest = min(planned_val_counts(data))
    if smallest > len(halved):
        return
    name = "val_from" if data.val_from == "train" else "val_imbalance_factor"
    if data.imbalance == "natural" and data.val_imbalance_factor == 1:
        name = "imbalance"
    has = f"{smallest} image{'s' * (smallest > 1)}"
    raise ConfigError(
        f"{name} = {getattr(data, name)!r} is not possible with {listed(halved)}: D_val's smallest "
        f"class has {has} and needs {len(halved) + 1}, so that no part of D_val is without it."
    )


def models_for(dataset: str) -> tuple[str, ...]:
    """Return the names of the models that take a data set's images.

    Raises:
        ConfigError: There is no such data set.
    """
    facts = facts_of(dataset)
    return models_taking(facts.channels, facts.size)
