"""What stands beside each card: figures of recorded runs before and after the reveal, and numbers.

Every number in a card's text, equation and answer is computed here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from app import figures
from app.figures.classes import Rows, are_level, rows_of
from app.figures.drawing import Drawing, percent
from app.figures.level import without_groups
from app.figures.step import Step, influence, outer_loss, recorded_step
from app.lesson.belief import (
    belief,
    mean_belief,
    pull_of_losses,
    pulls,
    raised_by_soft,
    softened,
)
from app.lesson.cards import LessonError
from app.lesson.gain import gain
from app.lesson.numbers import class_ends, mean_losses, mean_w_hard, rare_picture
from app.lesson.ratio import at_alpha, over_alpha
from app.lesson.scene import Knob, Scene
from app.shared.recorded import RecordedRun, recorded_runs, unpacked
from bikd_core.config import signed
from bikd_core.data.counts import max_imbalance_factor, planned_counts
from bikd_core.events import EpochDone
from bikd_core.places import ASSETS
from bikd_core.toy.tables import Beliefs, Biases, Ratios, T, TableError, read_table

BIKD, KD, BALANCED = "1-digits-bikd", "2-digits-kd", "3-digits-balanced"  # files in assets/runs
MAX_TEMPERATURE = 12
_STEP_HEIGHT = 360  # px: a figure that stands alone here


@st.cache_resource(show_spinner=False)
def scene(view: str) -> Scene:
    """Return the live view of a card by its name.

    Raises:
        KeyError: There is no such view.
        LessonError: The recorded run that it shows is missing.
    """
    return SCENES[view]()


def _run(stem: str) -> RecordedRun:
    for run in recorded_runs():
        if run.path.stem == stem:
            return run
    raise LessonError(f"The recorded run {stem}.zip is missing or cannot be read.")


def _rows(run: RecordedRun) -> Rows:
    return rows_of(run.started.class_names, run.started.class_counts)


def _counts(run: RecordedRun, factor: int | None = None) -> Drawing:
    """Return the class counts as a large figure: the run's, or those of another factor."""
    names, counts = run.started.class_names, run.started.class_counts
    if factor is not None:
        counts = planned_counts(run.config.data.model_copy(update={"imbalance_factor": factor}))
    drawn = figures.class_counts(names, counts)
    ticks = {
        "showticklabels": True,
        "tickmode": "array",
        "tickvals": list(range(len(counts))),
        "ticktext": list(rows_of(names, counts).names),
    }
    layout = drawn.layout | {
        "margin": {"l": 62, "r": 12, "t": 12, "b": 52},
        "xaxis": drawn.layout["xaxis"] | ticks,
        "yaxis": drawn.layout["yaxis"] | {"title": {"text": "training pictures", "standoff": 8}},
    }
    title = "How many training pictures does each class have?"
    data = drawn.data if not are_level(counts) else without_groups(drawn.data, "training pictures")
    return drawn._replace(title=title, data=data, layout=layout, height=360)


def _epochs(run: RecordedRun, draw: Callable[[int], Drawing]) -> Knob:
    """Return a figure of a run at any of its epochs, at first the last one."""
    last = run.epochs[-1].epoch
    return Knob("Epoch", 1, last, last, draw, is_epoch=True)


def _long_tail() -> Scene:
    run = _run(KD)
    last, rows, folder = run.epochs[-1], _rows(run), unpacked(run.path)
    matrix, tail, level = folder.frame(last.epoch).confusion, rows.labels[-1], _run(BALANCED)
    seen = int(matrix[tail].argmax())
    numbers = class_ends(run) | {
        "head_accuracy": percent(last.accuracy_per_class[rows.labels[0]]),
        "tail_accuracy": percent(last.accuracy_per_class[tail]),
        "seen": run.started.class_names[seen],
        "seen_count": str(run.started.class_counts[seen]),
        "taken": percent(float(matrix[tail, seen] / matrix[tail].sum())),
        "level_count": str(level.started.class_counts[tail]),
        "level_accuracy": percent(level.epochs[-1].accuracy_per_class[tail]),
    }
    factor = round(run.config.data.imbalance_factor)
    largest = max_imbalance_factor(run.config.data)
    before = Knob("Imbalance factor", 1, largest, factor, lambda value: _counts(run, value))
    after = _epochs(
        run,
        lambda epoch: figures.confusion(folder.frame(epoch).confusion, run.started, epoch),
    )
    return Scene(run, last.epoch, "Accuracy", before, after, numbers)


def _table(kind: type[T], name: str) -> T:
    try:
        return read_table(kind, ASSETS / "lesson" / name)
    except TableError as error:
        raise LessonError(str(error)) from error


def _beliefs() -> Beliefs:
    return _table(Beliefs, "beliefs.json")


def _teacher() -> Scene:
    run, beliefs = _run(KD), _beliefs()
    rows, accuracy = _rows(run), run.started.teacher_accuracy_per_class
    given, fair = beliefs.mean_belief[rows.labels[-1]], 1 / len(rows.labels)
    numbers = class_ends(run) | {
        "teacher_head": percent(accuracy[rows.labels[0]]),
        "teacher_tail": percent(accuracy[rows.labels[-1]]),
        "said": percent(given),
        "fair": percent(fair),
        "bias": f"{given / fair:.2f}",
    }
    before = Knob(
        "A picture of class",
        0,
        len(rows.labels) - 1,
        len(rows.labels) - 1,
        lambda row: belief(beliefs.pictures[rows.labels[row]], rows, 1),
        words=rows.names,
    )
    source = "A recorded run's teacher, asked about test pictures."
    last = run.epochs[-1].epoch
    return Scene(run, last, "Accuracy", before, mean_belief(beliefs, rows), numbers, source)


def _step(run: RecordedRun) -> Step:
    """Return the last recorded step of a run."""
    folder = unpacked(run.path)
    trace = folder.trace(max(folder.traces()))
    return recorded_step(trace, folder.panel(), run.started, run.config, run.epochs)


def _two_losses() -> Scene:
    run, beliefs = _run(BIKD), _beliefs()
    rows = _rows(run)
    picture = beliefs.pictures[rows.labels[-1]]
    start = round(run.config.flat()["temperature"])
    pushed = pulls(picture, start)
    also = raised_by_soft(pushed, picture.label)

    def at(temperature: int) -> dict[str, str]:
        scores = np.array(picture.teacher) / temperature
        return {
            "temperature": str(temperature),
            "soft_target": f"{softened(picture.teacher, temperature)[picture.label]:.3f}",
            "powers": f"{np.exp(scores).sum():.2f}",
        }

    numbers = at(start) | {
        "label": rows.names[-1],
        "tail_name": rows.names[-1],
        "score": f"{picture.teacher[picture.label]:.2f}",
        "also": rows.names[rows.labels.index(also[0])] if also else "none",
        "push": signed(pushed[1, also[0]], 2) if also else "0",
        "raises": "2" if also else "4",
    }

    def knob(draw: Callable[[int], Drawing]) -> Knob:
        return Knob("Temperature", 1, MAX_TEMPERATURE, start, draw, numbers=at)

    before = knob(lambda temperature: belief(picture, rows, temperature, shows_label=True))
    after = knob(lambda temperature: pull_of_losses(picture, rows, temperature))
    source = "A recorded run's student and teacher, asked about a test picture."
    last = run.epochs[-1].epoch
    return Scene(run, last, "One step", before, after, numbers, source)


def _ratios() -> Ratios:
    return _table(Ratios, "ratios.json")


def _one_ratio() -> Scene:
    run, ratios = _run(KD), _ratios()
    last, alpha = run.epochs[-1], run.constant_weight or 0.0
    clean, noisy = ratios.conditions
    numbers = mean_losses(last) | {
        "alpha": f"{alpha:.2f}",
        "noise": f"{100 * noisy.label_noise:.0f} %",
        "alpha_clean": f"{clean.alphas[clean.best('few')]:g}",
        "alpha_noisy": f"{noisy.alphas[noisy.best('few')]:g}",
    }
    before = Knob(
        "KD alpha, α",
        0,
        len(clean.alphas) - 1,
        clean.alphas.index(alpha),
        lambda index: at_alpha(clean, index),
        words=tuple(f"{each:g}" for each in clean.alphas),
    )
    num_runs = sum(len(each.seeds) * len(each.alphas) for each in ratios.conditions)
    source = f"{num_runs} runs of KD on digits, {ratios.epochs} epochs each."
    return Scene(run, last.epoch, "Accuracy", before, over_alpha(ratios), numbers, source)


def _weights_at(run: RecordedRun, epoch: EpochDone) -> Drawing:
    histograms = unpacked(run.path).frame(epoch.epoch).histograms
    assert histograms is not None
    return figures.weight_distribution(histograms, epoch, run.started, "hard")


def _own_weight() -> Scene:
    run = _run(BIKD)
    first, last = run.epochs[0], run.epochs[-1]
    few, many = (round(mean_w_hard(run, last, group), 2) for group in ("few", "many"))
    numbers = (
        class_ends(run)
        | rare_picture(_step(run))
        | {
            "first": str(first.epoch),
            "few_start": f"{mean_w_hard(run, first, 'few'):.2f}",
            "many_start": f"{mean_w_hard(run, first, 'many'):.2f}",
            "few": f"{few:.2f}",
            "many": f"{many:.2f}",
            "heavier": "3" if few == many else "2" if few > many else "1",
        }
    )

    def at_epoch(epoch: int) -> Drawing:
        return _weights_at(run, run.epochs[epoch - 1])

    before, after = at_epoch(first.epoch), _epochs(run, at_epoch)
    return Scene(run, last.epoch, "Weights", before, after, numbers, has_sound=True)


def _judge() -> Scene:
    run = _run(BIKD)
    last = run.epochs[-1]
    num_val = run.started.num_val
    numbers = class_ends(run) | {
        "num_val": str(num_val),
        "per_class": f"{num_val / len(run.started.class_counts):.0f}",
        "L_val": f"{last.val_loss:.3f}",
    }
    after = figures.mean_weights(
        run.epochs, run.started, last.epoch, run.config.training.epochs, "sigmoid"
    )
    return Scene(run, last.epoch, "Outer loop", _counts(run), after, numbers)


def _one_step() -> Scene:
    run = _run(BIKD)
    step = _step(run)
    assert step.trace.outer_losses is not None
    assert step.trace.influence is not None
    before, after = (round(float(loss), 5) for loss in step.trace.outer_losses)
    numbers = {
        "L_before": f"{before:.5f}",
        "L_after": f"{after:.5f}",
        "change": signed(after - before, 5),
        "direction": "1" if after < before else "2",
        "wanted": str(int(np.sum(step.trace.influence[:, 0] < 0))),
        "batch": str(step.size),
    }
    shown = influence(step, "hard")
    limit = 1.15 * float(np.abs(step.trace.influence[:, 0]).max())  # the soft loss is not shown
    axis = shown.layout["yaxis"] | {"range": [-limit, limit]}
    shown = shown._replace(layout=shown.layout | {"yaxis": axis}, height=_STEP_HEIGHT)
    outer = outer_loss(step)._replace(height=_STEP_HEIGHT)
    return Scene(run, step.trace.epoch, "One step", shown, outer, numbers)


def _surface() -> Scene:
    run = _run(BIKD)
    folder, last = unpacked(run.path), run.epochs[-1].epoch
    frame, panel = folder.frame(last), folder.panel()
    assert frame.surface is not None
    assert frame.ce_teacher is not None
    hard = frame.surface[0].astype(np.float64)  # [teacher, student]
    corners = [hard[0, 0], hard[0, -1], hard[-1, 0], hard[-1, -1]]
    row = int(np.argmin(np.array(run.started.class_counts)[panel.labels]))  # of the rarest class
    assert frame.weights is not None
    numbers = {
        "epochs": str(len(run.epochs)),
        "corner": str(int(np.argmax(corners)) + 1),
        "brightest": f"{max(corners):.2f}",
        "darkest": f"{min(corners):.2f}",
        "w_hard_i": f"{frame.weights[row, 0]:.2f}",
        "student_loss": f"{frame.ce_student[row]:.2f}",
        "teacher_loss": f"{frame.ce_teacher[row]:.2f}",
    }

    def at_epoch(epoch: int) -> Drawing:
        return figures.response_surface(folder.frame(epoch), panel, run.started, "hard")

    return Scene(run, last, "Surface", at_epoch(1), _epochs(run, at_epoch), numbers)


def _help() -> Scene:
    run, rival, table = _run(BIKD), _run(KD), _table(Biases, "biases.json")
    kd, bikd = (round(100 * table.without[method].mean, 1) for method in ("kd", "bikd"))
    numbers = {
        "accuracy": f"{bikd:.1f} %",
        "accuracy_kd": f"{kd:.1f} %",
        "gain": signed(bikd - kd),
        "num_seeds": str(len(table.seeds)),
        "kd_biases": percent(table.fitted["kd"].mean),
        "bikd_biases": percent(table.fitted["bikd"].mean),
    }
    last = run.epochs[-1].epoch
    before = figures.class_accuracy(rival.epochs[-1], rival.started)
    source = f"{len(table.without) * len(table.seeds)} runs on digits, {table.epochs} epochs each."
    return Scene(run, last, "Accuracy", before, gain(table), numbers, source)


def _when_not() -> Scene:
    run, tail = _run(BALANCED), _run(BIKD)
    last = run.epochs[-1]
    means, tail_means = last.w_hard_per_class, tail.epochs[-1].w_hard_per_class
    assert means is not None
    assert tail_means is not None
    largest, smallest = round(max(means), 3), round(min(means), 3)
    numbers = class_ends(run) | {
        "count": str(run.started.class_counts[0]),
        "largest": f"{largest:.3f}",
        "smallest": f"{smallest:.3f}",
        "spread": f"{largest - smallest:.3f}",
        "spread_tail": f"{max(tail_means) - min(tail_means):.3f}",
    }
    return Scene(run, last.epoch, "Weights", _counts(run), _weights_at(run, last), numbers)


#: By the name that a card gives in its field `view`.
SCENES: dict[str, Callable[[], Scene]] = {
    "long_tail": _long_tail,
    "teacher": _teacher,
    "two_losses": _two_losses,
    "one_ratio": _one_ratio,
    "own_weight": _own_weight,
    "judge": _judge,
    "one_step": _one_step,
    "surface": _surface,
    "help": _help,
    "when_not": _when_not,
}
