"""A run's state, accuracy and controls, in words."""

from __future__ import annotations

from app.figures.drawing import percent
from bikd_core.config import WeightScale, title_of
from bikd_core.events import RunStarted
from bikd_core.runs import Snapshot
from bikd_core.teachers.card import fold_words

_COLOURS = {
    "queued": "gray",
    "starting": "gray",
    "running": "blue",
    "paused": "orange",
    "stopped": "gray",
    "finished": "green",
    "failed": "red",
    "interrupted": "orange",
}


def colour_of(snapshot: Snapshot) -> str:
    """Return the colour of a state's badge, by Streamlit's names; the words say the same."""
    return _COLOURS[snapshot.state]


def headline(snapshot: Snapshot) -> tuple[str, str]:
    """Return a run's state and details: ("training", "7 of 60 · 0.1 s/epoch")."""
    planned, done = snapshot.config.training.epochs, len(snapshot.epochs)
    so_far = f"after epoch {done} of {planned}"
    match snapshot.state:
        case "queued":
            words = "it begins when the runs before it, paused ones too, have ended"
            return f"queued{_place(snapshot.queue_position)}", words
        case "starting" if snapshot.teacher_views is not None:
            views = snapshot.teacher_views
            return "asking the teacher about each view", f"{views.done:,} of {views.total:,}"
        case "starting" | "running" if not done and snapshot.teacher_epochs:
            teacher = snapshot.teacher_epochs[-1]
            if teacher.epoch < teacher.epochs or _awaits_teachers(snapshot):
                fold = fold_words(teacher.fold)
                which = f"the teacher without {fold}" if fold else "the teacher"
                return f"training {which} first", f"{teacher.epoch} of {teacher.epochs}"
            return "training", f"0 of {planned}"
        case "starting":
            return "starting", "loading the data and the teacher"
        case "running":
            return "training", f"{done} of {planned}{_speed(snapshot)}"
        case "paused":
            return "paused", f"{so_far}{_step(snapshot)}"
        case "finished":
            return "finished", f"{done} epochs{_time_taken(snapshot)}"
        case "stopped":
            return "stopped", so_far
        case "failed":
            return "failed", so_far
        case "interrupted":
            return "interrupted", so_far


def accuracy(snapshot: Snapshot, epoch: int, gain: str = "") -> str:
    """Return balanced accuracy at an epoch, counted from 1, in words; "" before the first.

    Args:
        snapshot: The run.
        epoch: The epoch.
        gain: The run's lead over another one, in words; "": none.
    """
    if not 1 <= epoch <= len(snapshot.epochs):
        return ""
    lead = f" ({gain})" if gain else ""
    return f"balanced {percent(snapshot.epochs[epoch - 1].accuracy)}{lead}"


def method_of(snapshot: Snapshot) -> str:
    """Return what a run's method is called, as it is configured."""
    return title_of(snapshot.config.method)


def scale_of(snapshot: Snapshot) -> WeightScale:
    """Return the scale of a run's weights: sigmoid where its method has no choice of it."""
    scale: WeightScale = getattr(snapshot.config.method, "weight_scale", "sigmoid")
    return scale


def _awaits_teachers(snapshot: Snapshot) -> bool:
    """Return whether another teacher may have to be trained after the last one that was."""
    fold, num_folds = snapshot.teacher_epochs[-1].fold, snapshot.config.num_fold_teachers
    return snapshot.state == "starting" and num_folds > 0 and fold != (num_folds, num_folds)


def _place(position: int | None) -> str:
    if position is None:
        return ""
    ending = "th" if 10 <= position % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(position % 10)
    return f" ({position}{ending or 'th'})"


def _speed(snapshot: Snapshot) -> str:
    if not snapshot.epochs:
        return ""
    last = [epoch.seconds for epoch in snapshot.epochs[-5:]]
    words = f" · {_short_seconds(sum(last) / len(last))}/epoch"
    if snapshot.seconds_left is not None:
        words += f" · {duration(snapshot.seconds_left)} left"
    return words


def _step(snapshot: Snapshot) -> str:
    step = snapshot.last_step
    if step is None or (snapshot.epochs and step.step <= snapshot.epochs[-1].step):
        return ""
    words = f" · step {step.step}: weighted loss {step.weighted_loss:.3f}"
    if step.outer_loss is not None:
        words += f", outer loss {step.outer_loss:.3f}"
    return words + (" · the weight net moved" if step.weight_step else "")


def _time_taken(snapshot: Snapshot) -> str:
    """Return how long training took, the teacher's too; "" if it may have been elsewhere."""
    if snapshot.is_imported:
        return ""
    words = f" in {duration(sum(epoch.seconds for epoch in snapshot.epochs))}"
    if snapshot.teacher_epochs:
        seconds = sum(epoch.seconds for epoch in snapshot.teacher_epochs)
        words += f", its teacher in {duration(seconds)}"
    return words


def _short_seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)


def duration(seconds: float) -> str:
    """Return seconds as people say them: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def summary(snapshot: Snapshot) -> str:
    """Return a run's main controls in one line."""
    if snapshot.config.is_recorded_elsewhere:
        return f"{snapshot.data_title} · {method_of(snapshot)} · recorded in its author's own loop"
    flat, resolved = snapshot.config.flat(), snapshot.resolved
    words = [flat["dataset"]]
    if flat["imbalance"] != "natural":
        words[0] += f" ×{flat['imbalance_factor']:g}"
    if flat["imbalance"] != "exponential":
        words[0] += f" {flat['imbalance']}"
    if flat["label_noise"]:
        words[0] += f", label noise {100 * flat['label_noise']:g} % {flat['label_noise_kind']}"
    facts = snapshot.config.method.facts
    words.append(method_of(snapshot))
    if facts.has_weight_net:
        words[-1] += f", k = {flat['inner_steps']}, meta {flat['meta_loss']}"
    has_teacher = resolved is not None and resolved.teacher
    words.append(f"{flat['teacher_model']} → {flat['student']}" if has_teacher else flat["student"])
    words.append(f"seed {flat['seed']}")
    if resolved is not None:
        words.append(_computing(resolved, names_format=flat["memory_format"] != "auto"))
    return " · ".join(words)


def _computing(resolved: RunStarted, *, names_format: bool) -> str:
    """Return what was chosen at Start: device, precision, memory format if asked for, estimator."""
    words = [resolved.device, resolved.precision]
    if names_format:
        words.append(resolved.memory_format.replace("_", " "))
    if resolved.estimator:
        words.append(resolved.estimator.replace("_", " "))
    if resolved.is_compiled:
        words.append("teacher compiled")
    return ", ".join(words)
