"""The model card of a run's student: data, protocol, accuracies, limits. Markdown, and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from bikd_core.config import DataConfig, RunConfig, as_text, fields, is_own, title_of
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
        *_limits(record.config, started, epochs[-1], num_tested),
    ]
    return "\n\n".join(parts) + "\n"


def _data(config: RunConfig, started: RunStarted) -> Iterable[str]:
    facts, data = facts_of(config.data.dataset), config.data
    counts = started.class_counts
    yield (
        f"{_plain(facts.title)} ({facts.citation}; {facts.terms}): images of "
        f"{facts.channels}×{facts.size}×{facts.size}. "
        f"{sum(counts):,} training images, {max(counts):,} in the largest class and "
        f"{min(counts):,} in the smallest ({_tail(data)}, split seed {data.split_seed}); "
        f"{started.num_val:,} in D_val, {started.num_test:,} in the test set. Fingerprint of "
        f"the split: {started.data_fingerprint}."
    )
    if data.label_noise:
        yield (
            f"{100 * data.label_noise:g} % of the training labels were drawn anew "
            f"({data.label_noise_kind}), so some are wrong; the test set's are as published."
        )
    if is_own(data.dataset):
        yield (
            "Each picture was turned as its EXIF data says, laid on white where it is "
            f"transparent, cut to its middle square and resized to {facts.size}×{facts.size} "
            "pixels (Lanczos): so must be those that the student is asked about."
        )


def _tail(data: DataConfig) -> str:
    is_natural = data.imbalance == "natural"
    return imbalance_words(data) if is_natural else f"{data.imbalance}, {imbalance_words(data)}"


def _protocol(config: RunConfig, started: RunStarted, last: EpochDone) -> Iterable[str]:
    teacher = ""
    if started.teacher:
        teacher = f" The teacher was {_plain(started.teacher)}"
        if started.teacher_accuracy_per_class:
            teacher += f", {_percent(fmean(started.teacher_accuracy_per_class))} balanced"
        teacher += "."
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
    groups = shot_groups(started.class_counts)._asdict()
    correct = [
        round(share * number)
        for share, number in zip(last.accuracy_per_class, num_tested, strict=True)
    ]
    yield _groups(groups, last, correct, num_tested)
    yield _classes(groups, started, correct, num_tested, fitted)
    yield (
        f"Expected calibration error {_percent(last.calibration_error)} (15 bins). The "
        f"{LEVEL:.0%} intervals of classes are Wilson's, those of means follow from them; they are "
        "of the test images drawn. Another seed is not in them."
    )
    if fitted is not None:
        biases = ", ".join(f"{bias:.4g}" for bias in fitted.biases)
        yield (
            f"Class biases fitted to {fitted.num_val:,} images of D_val give "
            f"{_percent(fitted.accuracy)} balanced: many {_percent(fitted.accuracy_many)}, medium "
            f"{_percent(fitted.accuracy_medium)}, few {_percent(fitted.accuracy_few)}. They are "
            f"not in the file: divide its scores by {fitted.temperature:.4g}, then add, by label, "
            f"{biases}."
        )


def _groups(
    groups: Mapping[str, Sequence[int]],
    last: EpochDone,
    correct: Sequence[int],
    num_tested: Sequence[int],
) -> str:
    """Return the table of mean accuracies: of all classes, of many, medium and few."""
    rows = []
    everything = ("balanced", last.accuracy, range(len(correct)))
    named = ((name, getattr(last, f"accuracy_{name}"), labels) for name, labels in groups.items())
    for name, accuracy, labels in (everything, *named):
        low, high = mean_interval([correct[n] for n in labels], [num_tested[n] for n in labels])
        number = f"{len(labels)} class{'' if len(labels) == 1 else 'es'}"
        span = f"{_percent(low)} to {_percent(high)}"
        rows.append((name, number, _percent(accuracy), span))
    return _table(("mean over", "classes", "accuracy", f"{LEVEL:.0%} interval"), rows)


def _classes(
    groups: Mapping[str, Sequence[int]],
    started: RunStarted,
    correct: Sequence[int],
    num_tested: Sequence[int],
    fitted: ClassBiasesFitted | None,
) -> str:
    """Return the table of the classes, head to tail."""
    group_of = {label: name for name, labels in groups.items() for label in labels}
    heads = ["label", "class", "shots", "training images", "correct", f"{LEVEL:.0%} interval"]
    if fitted is not None:
        heads.append("with class biases")
    rows = []
    for label in head_to_tail(started.class_counts):
        number = num_tested[label]
        low, high = interval(correct[label], number)
        row = [
            str(label),
            _plain(started.class_names[label]),
            group_of[label],
            f"{started.class_counts[label]:,}",
            f"{_percent(correct[label] / number)} of {number:,}",
            f"{_percent(low)} to {_percent(high)}",
        ]
        if fitted is not None:
            row.append(_percent(fitted.accuracy_per_class[label]))
        rows.append(row)
    return _table(heads, rows)


def _limits(
    config: RunConfig, started: RunStarted, last: EpochDone, num_tested: Sequence[int]
) -> Iterable[str]:
    facts, counts = facts_of(config.data.dataset), started.class_counts
    small = [_plain(started.class_names[n]) for n, count in enumerate(counts) if count < FEW]
    fewest, most = min(num_tested), max(num_tested)
    tested = f"{fewest:,} of each class" if fewest == most else f"{fewest:,} to {most:,} of a class"
    points = [
        "One training from one seed: another seed gives other numbers.",
        f"Tested on images of {_plain(facts.title)} alone, {tested}; on other pictures nothing is "
        "known. Means are over classes: where some are met more often, other numbers hold.",
        "The probabilities are as the calibration error says, for classes equally often met.",
        "It knows these classes alone, and takes any other picture for one of them.",
    ]
    if small:
        weak = (
            f"Fewer than {FEW} training images: {', '.join(small)}. What it says of them is weak."
        )
        points.insert(1, weak)
    points += [_plain(warning) for warning in (*started.warnings, *last.warnings)]
    yield "\n".join(f"- {point}" for point in points)


def interval(num_correct: int, number: int) -> tuple[float, float]:
    """Return Wilson's interval of a share, as fractions."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(num_correct, number, alpha=1 - LEVEL, method="wilson")
    return float(low), float(high)


def mean_interval(num_correct: Sequence[int], numbers: Sequence[int]) -> tuple[float, float]:
    """Return the interval of a mean of shares, as fractions, from Wilson's of each of them.

    The distances of the shares from their own ends are added as independent errors are.

    Source: Zou and Donner, "Construction of confidence limits about effect measures: a general
        approach", Statistics in Medicine 27, 2008.
    """
    shares = [correct / number for correct, number in zip(num_correct, numbers, strict=True)]
    ends = [interval(correct, number) for correct, number in zip(num_correct, numbers, strict=True)]
    mean = fmean(shares)
    below = sum((share - low) ** 2 for share, (low, _) in zip(shares, ends, strict=True))
    above = sum((high - share) ** 2 for share, (_, high) in zip(shares, ends, strict=True))
    low, high = mean - below**0.5 / len(shares), mean + above**0.5 / len(shares)
    return max(low, 0.0), min(high, 1.0)  # rounding


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plain(text: str) -> str:
    """Return a text of anybody's without its Markdown and line breaks."""
    return " ".join(text.split()).translate(_ESCAPED)
