"""Which runs may train together, each step of theirs as one: by their configs alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bikd_core.config.method import WeightNetOptions
from bikd_core.config.own_networks import is_own_network
from bikd_core.config.run import RunConfig

#: Controls that runs that train together may differ in.
FREE = (
    "seed",
    "split_seed",
    "learning_rate",
    "weight_decay",
    "momentum",
    "temperature",
    "kd_alpha",
    "weight_net_learning_rate",
    "class_shift_learning_rate",
    "virtual_step",
)
#: Students for which it pays, by `bikd bench seeds`, and how many then train together at most.
MOST_TOGETHER = {"digits_mlp": 5, "digits_cnn_s": 5}


def batches_of(configs: Iterable[RunConfig], most: int | None = None) -> list[list[RunConfig]]:
    """Return runs in groups that train together, in order; a run that cannot is alone.

    Args:
        configs: The runs, each once.
        most: Of a group, instead of what the student's table entry says.
    """
    groups: dict[tuple[object, ...], list[list[RunConfig]]] = {}
    order: list[list[RunConfig]] = []
    for config in configs:
        limit = size_limit(config) if most is None else min(most, size_limit(config))
        fitting = groups.setdefault(_kind(config), [])
        if not fitting or len(fitting[-1]) >= limit:
            fitting.append([])
            order.append(fitting[-1])
        fitting[-1].append(config)
    return order


def size_limit(config: RunConfig) -> int:
    """Return how many runs of this kind train together at most: 1 where it does not pay."""
    return 1 if why_alone(config) else MOST_TOGETHER[config.models.student]


def why_alone(config: RunConfig) -> str:
    """Return why a run does not train together with others of its kind; "" if it does."""
    training, method = config.training, config.method
    if is_own_network(config.models.student):
        return f"student = {config.models.student!r}: a network that is not the project's"
    if config.models.student not in MOST_TOGETHER:
        return f"student = {config.models.student!r}: it gains nothing"
    if training.precision == "bfloat16":
        return "precision = 'bfloat16'"
    if training.teacher_views:
        return "teacher_views"
    if isinstance(method, WeightNetOptions) and method.estimator == "unrolled":
        return "estimator = 'unrolled'"
    data = config.data
    if data.val_from == "train" and data.label_noise > 0:
        return "the size of D_val differs by split"
    if data.val_label_noise > 0 and config.halved_by:
        return "the halves of D_val differ by split"
    objective = getattr(method, "over", method.method)
    trains_on_noise = data.val_label_noise > 0 and config.protocol.train_on_val != "no"
    has_own_counts = data.label_noise > 0 or data.shuffle_classes or trains_on_noise
    if objective in ("ltkd", "balanced_ltkd") and has_own_counts:
        return "LTKD's groups of classes differ by split"
    return ""


def check_together(configs: Sequence[RunConfig]) -> None:
    """Check that these runs may train together.

    Raises:
        ValueError: Two of them may not, or one trains alone.
    """
    for config in configs:
        if len(configs) > 1 and (why := why_alone(config)):
            raise ValueError(f"These runs cannot train together: {why}.")
    if len({_kind(config) for config in configs}) > 1:
        raise ValueError(f"Runs that train together may differ only in {', '.join(FREE)}.")


def _kind(config: RunConfig) -> tuple[object, ...]:
    return tuple((name, value) for name, value in config.flat().items() if name not in FREE)
