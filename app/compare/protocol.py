"""The protocol of a comparison in words: what is the same for all, what D_val is used for."""

from __future__ import annotations

from bikd_core.config import DataConfig, is_read_by, listed
from bikd_core.data.counts import planned_counts, size_of_test_set, tail_words
from bikd_core.data.label_noise import in_words, planned_labels
from bikd_core.data.sources import facts_of
from bikd_core.data.val_plan import size_in_words
from bikd_core.studies import EPOCH_WORDS, FAULTS, Comparison, write_seeds
from bikd_core.studies.report import calibration_words, use_of_d_val

_AUGMENTATION = {"none": "none", "crop": "random crop", "crop_flip": "random crop and flip"}


def protocol(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the protocol as (name, sentence) lines; the comparison's split must be possible."""
    data, training, models = (
        comparison.base.data,
        comparison.base.training,
        comparison.base.models,
    )
    facts, counts = facts_of(data.dataset), planned_counts(data)
    teacher = f"{models.teacher_model}, {'trained' if models.teacher == 'auto' else models.teacher}"
    if models.teacher == "auto":
        teacher += " on the same training images"
    if not any(is_read_by("teacher", config.flat()) for config in comparison.configs()):
        teacher = "none of these methods has one"
    return [
        (
            "Data",
            f"{facts.title}, {tail_words(data)}: "
            f"{sum(counts):,} training images, {max(counts):,} in the largest class, "
            f"{min(counts):,} in the smallest{_label_noise(data)}",
        ),
        (
            "Split",
            f"{_split_of(comparison)}; D_val {size_in_words(data)}, test "
            f"{size_of_test_set(data)}; {_league(comparison)}",
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
        ("D_val is used by", _use_of_val(comparison)),
        ("Epoch that counts", _epoch(comparison)),
        ("Accuracy that counts", calibration_words(comparison)),
        ("Faults of the published comparison", _faults(comparison)),
    ]


def _label_noise(data: DataConfig) -> str:
    """Return how many of the training labels are wrong, as an addition; "" if none is."""
    if not data.label_noise:
        return ""
    num_wrong = sum(planned_labels(data).wrong_counts)
    return f"; {num_wrong:,} labels wrong ({in_words(data)})"


def _split_of(comparison: Comparison) -> str:
    if comparison.splits == "follow":
        return "each seed has its own, and so a teacher"
    return f"seed {comparison.base.data.split_seed}, the same for all seeds"


def _league(comparison: Comparison) -> str:
    """Return whether D_val is trained on, and what is held out of it."""
    protocol = comparison.base.protocol
    words = {
        "no": "D_val is not trained on",
        "mixed": "D_val is mixed evenly into training",
        "batch": "D_val is trained on as a batch of equal weight in every step",
    }[protocol.train_on_val]
    return words + ("; half of it only measures" if protocol.hold_out_half else "")


def _epoch(comparison: Comparison) -> str:
    if "test_chosen_epoch" in comparison.faults:
        return "each method's best, as the fault says"
    return EPOCH_WORDS[comparison.chosen]


def _faults(comparison: Comparison) -> str:
    return "; ".join(FAULTS[name] for name in comparison.faults) or "none"


def _use_of_val(comparison: Comparison) -> str:
    """Return what the methods use D_val for, those with the same use together."""
    entries: dict[str, list[str]] = {}
    for entry in comparison.entries:
        entries.setdefault(use_of_d_val(comparison, entry), []).append(
            comparison.labels[entry.text]
        )
    return "; ".join(f"{listed(labels)} for {use}" for use, labels in entries.items())
