"""The one check whether a config is possible, made before torch is loaded or an image is read."""

from __future__ import annotations

from bikd_core.config import MODEL_IMAGES, ConfigError, RunConfig
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.sources import facts_of


def check_possible(config: RunConfig) -> None:
    """Refuse a config whose split is impossible or whose models do not take its images.

    Raises:
        ConfigError: One sentence that names the control, its value and what would be right.
    """
    planned_labels(config.data)
    dataset = config.data.dataset
    fitting = models_for(dataset)
    for name in ("teacher_model", "student"):
        model = getattr(config.models, name)
        if model not in fitting:
            raise ConfigError(
                f"{name} = {model!r} is not possible with {dataset}: "
                f"it must be one of {', '.join(fitting)}."
            )


def models_for(dataset: str) -> tuple[str, ...]:
    """Return the names of the models that take a data set's images.

    Raises:
        ConfigError: There is no such data set.
    """
    facts = facts_of(dataset)
    shape = (facts.channels, facts.size)
    return tuple(name for name, images in MODEL_IMAGES.items() if images == shape)
