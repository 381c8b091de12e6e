"""The protocol of a comparison in words: what is the same for all, and what D_val is used for."""

from __future__ import annotations

from app.comparing.choices import title_of
from app.figures.comparison.results import listed
from bikd_core.config import METHOD_FACTS
from bikd_core.data.facts import facts_of, num_test_per_class, planned_counts
from bikd_core.difference import is_read_by
from bikd_core.studies import Comparison, write_seeds

_AUGMENTATION = {"none": "none", "crop": "random crop", "crop_flip": "random crop and flip"}


def protocol(comparison: Comparison) -> list[tuple[str, str]]:
    """Lines of a name and a sentence; the comparison's split is possible."""
    data, training, models = (
        comparison.base.data,
        comparison.base.training,
        comparison.base.models,
    )
    facts, counts = facts_of(data.dataset), planned_counts(data)
    teacher = f"{models.teacher_model}, {'trained' if models.teacher == 'auto' else models.teacher}"
    if models.teacher == "auto":
        teacher += " on the same training images"
    with_teacher = [name for name in comparison.methods if is_read_by("teacher", _method(name))]
    if not with_teacher:
        teacher = "none of these methods has one"
    return [
        (
            "Data",
            f"{facts.title}, {data.imbalance} tail, factor {data.imbalance_factor:g}: "
            f"{sum(counts):,} training images, {max(counts):,} in the largest class, "
            f"{min(counts):,} in the smallest",
        ),
        (
            "Split",
            f"seed {data.split_seed}; D_val {data.val_per_class} and test "
            f"{num_test_per_class(data)} images of each class, neither trained on",
        ),
        ("Teacher", f"{teacher}; the same for all"),
        ("Student", f"{models.student}, seeds {write_seeds(comparison.seeds)}, the same for all"),
        (
            "Optimiser",
            f"SGD, learning rate {training.learning_rate:g} (×0.1 at 2/3 and 5/6), momentum "
            f"{training.momentum:g}, weight decay {training.weight_decay:g}; batch "
            f"{training.batch_size}, augmentation {_AUGMENTATION[training.augmentation]}, "
            f"{training.epochs} epochs",
        ),
        ("D_val", _use_of_val(comparison)),
        (
            "Epoch that counts",
            "the last epoch"
            if comparison.chosen == "last"
            else "the epoch whose loss on D_val is lowest; the test set never chooses",
        ),
    ]


def _use_of_val(comparison: Comparison) -> str:
    """Which methods use D_val for what."""
    chooses = comparison.chosen == "val"
    learn = [name for name in comparison.methods if METHOD_FACTS[_method(name)].has_weight_net]
    others = [name for name in comparison.methods if name not in learn]
    parts = []
    if learn:
        parts.append(f"trains the weight net of {listed([title_of(name) for name in learn])}")
    if others:
        what = "only chooses the epoch" if chooses else "is used for nothing"
        parts.append(f"{what} with {listed([title_of(name) for name in others])}")
    return "; ".join(parts) + ("; chooses the epoch of all" if chooses and learn else "")


def _method(entry: str) -> str:
    return entry.partition(":")[0]
