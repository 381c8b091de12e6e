"""The model card of a run's student: data, protocol, accuracies, limits. Markdown, and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bikd_core.config import DataConfig, RunConfig, as_text, fields, title_of
from bikd_core.data.counts import imbalance_words
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import head_to_tail, shot_groups
from bikd_core.events import ClassBiasesFitted, EpochDone, RunStarted
from bikd_core.store import RunFolder, StoreError

LEVEL = 0.95  # of the intervals
FEW = 20  # a class with fewer training images is named among the limits
_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|~"})


def model_card(folder: RunFolder, file_name: str, usage: str) -> str:
    """Return the card of a finished run's student.

    Args:
        folder: The run.
        file_name: Of the student's file.
        usage: How that file is used, as Markdown.

    Raises:
        StoreError: The run has no epoch, or its files are damaged.
    """
    record, events = folder.record(), folder.events()
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    epochs = [event for event in events if isinstance(event, EpochDone)]
    if started is None or not epochs:
        raise StoreError(f"The run {folder.run_id} has no epoch: there is no student to describe.")
    fitted = next((event for event in events if isinstance(event, ClassBiasesFitted)), None)
    num_tested = folder.frame(epochs[-1].epoch).confusion.sum(axis=1).tolist()
    name = record.name if record.name == record.id else f"{record.name} ({record.id})"
    parts = [
        f"# {_plain(file_name)}",
        f"The student of the run {_plain(name)}: {title_of(record.config.method)}, "
        f"{_plain(record.config.models.student)}, {len(started.class_names)} classes.",
        "## Use",
        usage,
        "## Data",
        *_data(record.config, started),
        "## Protocol",
        *_protocol(record.config, started, epochs[-1]),
        "## Accuracy on the test set",
        *_results(started, epochs[-1], num_tested, fitted),
        "## Limits",
        *_limits(record.config, started),
    ]
    return "\n\n".join(parts) + "\n"


def _data(config: RunConfig, started: RunStarted) -> Iterable[str]:
    facts, data = facts_of(config.data.dataset), config.data
    counts = started.class_counts
    yield (
        f"{facts.title} ({facts.citation}; {facts.terms}): images of {facts.channels}×{facts.size}×"
        f"{facts.size}. {sum(counts):,} training images, {max(counts):,} in the largest class and "
        f"{min(counts):,} in the smallest ({_tail(data)}, split seed {data.split_seed}); "
        f"{started.num_val:,} in D_val, {started.num_test:,} in the test set. Fingerprint of "
        f"the split: {started.data_fingerprint}."
    )
    if data.label_noise:
        yield (
            f"{100 * data.label_noise:g} % of the training labels were drawn anew "
            f"({data.label_noise_kind}), so some are wrong; the test set's are as published."
        )


def _tail(data: DataConfig) -> str:
    is_natural = data.imbalance == "natural"
    return imbalance_words(data) if is_natural else f"{data.imbalance}, {imbalance_words(data)}"


def _protocol(config: RunConfig, started: RunStarted, last: EpochDone) -> Iterable[str]:
    teacher = f" The teacher was {_plain(started.teacher)}." if started.teacher else ""
    versions = ", ".join(f"{name} {version}" for name, version in started.versions.items())
    yield (
        f"{last.epoch} epochs of {title_of(config.method)} on {started.device} in "
        f"{started.precision}; the last epoch counts, never the best on the test set.{teacher} "
        f"Made with {_plain(versions)}."
    )
    read = config.read_by_method()
    rows = [(name, as_text(read[name])) for name in fields() if name in read]
    yield _table(("control", "value"), rows)


def _results(
    started: RunStarted,
    last: EpochDone,
    num_tested: Sequence[int],
    fitted: ClassBiasesFitted | None,
) -> Iterable[str]:
    groups = shot_groups(started.class_counts)
    group_of = {label: name for name in groups._fields for label in getattr(groups, name)}
    yield (
        f"Balanced {_percent(last.accuracy)}; many {_percent(last.accuracy_many)}, medium "
        f"{_percent(last.accuracy_medium)}, few {_percent(last.accuracy_few)}. Expected "
        f"calibration error {_percent(last.calibration_error)} (15 bins)."
    )
    rows = []
    for label in head_to_tail(started.class_counts):
        accuracy, number = last.accuracy_per_class[label], num_tested[label]
        low, high = interval(round(accuracy * number), number)
        rows.append(
            (
                str(label),
                _plain(started.class_names[label]),
                group_of[label],
                f"{started.class_counts[label]:,}",
                f"{_percent(accuracy)} of {number:,}",
                f"{_percent(low)} to {_percent(high)}",
            )
        )
    heads = ("label", "class", "shots", "training images", "correct", f"{LEVEL:.0%} interval")
    yield _table(heads, rows)
    yield "The intervals are Wilson's, of the test images drawn; another seed is not in them."
    if fitted is not None:
        biases = ", ".join(f"{bias:.4g}" for bias in fitted.biases)
        yield (
            f"With class biases fitted to {fitted.num_val:,} images of D_val: balanced "
            f"{_percent(fitted.accuracy)}, few {_percent(fitted.accuracy_few)}. They are not in "
            f"the file: divide its scores by {fitted.temperature:.4g}, then add, by label, "
            f"{biases}."
        )


def _limits(config: RunConfig, started: RunStarted) -> Iterable[str]:
    facts, counts = facts_of(config.data.dataset), started.class_counts
    small = [_plain(started.class_names[n]) for n, count in enumerate(counts) if count < FEW]
    points = [
        "One training from one seed: another seed gives other numbers.",
        f"Tested on images of {facts.title} alone, as many of each class; on other pictures, and "
        "where classes are not equally frequent, nothing is known.",
        "The probabilities are as the calibration error says, for balanced classes.",
        "It knows these classes alone, and takes any other picture for one of them.",
    ]
    if small:
        weak = (
            f"Fewer than {FEW} training images: {', '.join(small)}. What it says of them is weak."
        )
        points.insert(1, weak)
    yield "\n".join(f"- {point}" for point in points)


def interval(num_correct: int, number: int) -> tuple[float, float]:
    """Return Wilson's interval of a share, as fractions."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(num_correct, number, alpha=1 - LEVEL, method="wilson")
    return float(low), float(high)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plain(text: str) -> str:
    """Return a text of anybody's without its Markdown and line breaks."""
    return " ".join(text.split()).translate(_ESCAPED)
