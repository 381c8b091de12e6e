"""What is each fault of the published protocol worth, and what does L_val ask for?"""

from __future__ import annotations

from bikd_core.config import METHOD_FACTS, as_text, listed
from bikd_core.studies.answer import in_percent, interval
from bikd_core.studies.evidence import claims, leads
from bikd_core.studies.faults import fault_controls
from bikd_core.studies.questions.common import CIFAR10, DIGITS, RELATIVE, with_options
from bikd_core.studies.results import Point, Results, point_of
from bikd_core.studies.study import Cell, Study

CHOSEN = "epoch chosen on the test set"
RECIPES = "unequal recipes"
META = "meta loss"
#: With them a window is left over at the end of an epoch, which a fault throws away.
_STEPS = 5
_FACTORS = (10.0, 50.0, 100.0)  # the larger, the more biased the teacher
_ON_CIFAR10 = ("kd", "balanced_softmax", "prior_kd", "bikd")


def cells(dataset: str) -> list[Cell]:
    """Return every method as it is, those that a fault changes, and the meta losses."""
    methods = _ON_CIFAR10 if dataset == "cifar10" else tuple(METHOD_FACTS)
    found = [Cell(METHOD_FACTS[name].title, name, CHOSEN, name) for name in methods]
    if dataset != "cifar10":
        found.append(Cell("Relative BiKD", RELATIVE, CHOSEN, "relative"))
    for name in methods:
        recipe = fault_controls(name, ("unequal_recipes",))
        if recipe:
            own = {key: as_text(value) for key, value in recipe.items()}
            label = f"{METHOD_FACTS[name].title}, {RECIPES}"
            found.append(Cell(label, with_options(name, **own), RECIPES, name))
    windows = with_options("bikd", inner_steps=_STEPS)
    found += [
        Cell("teacher in train mode", "bikd:teacher_batch_statistics=true", "switches", "teacher"),
        Cell(f"windows of {_STEPS} steps", windows, "switches", "windows"),
        Cell(
            "left-over windows dropped",
            with_options(windows, drop_window="true"),
            "switches",
            "drop",
        ),
    ]
    if dataset != "cifar10":
        found += [
            Cell(
                f"{META} {loss}, factor {factor:g}",
                with_options("bikd", meta_loss=loss),
                f"{META} {loss}",
                factor,
                {"imbalance_factor": factor},
            )
            for loss in ("hard", "soft", "mix")
            for factor in _FACTORS
        ]
    return found


def chosen_gains(results: Results, cell: Cell) -> dict[int, float]:
    """Return what the choice of the epoch by the test set adds to a cell's accuracy, by seed."""
    best, last = (results.values(cell, name) for name in ("accuracy_by_test", "accuracy"))
    return {seed: best[seed] - last[seed] for seed in best if seed in last}


def pairs(results: Results) -> list[tuple[Cell, Cell]]:
    """Return each cell with another fault or meta loss, and the one without it."""
    by_label = {cell.label: cell for cell in results.cells()}
    found = []
    for cell in results.cells():
        if cell.series == RECIPES:
            other = cell.label.removesuffix(f", {RECIPES}")
        elif cell.label == "teacher in train mode":
            other = METHOD_FACTS["bikd"].title
        elif cell.label == "left-over windows dropped":
            other = f"windows of {_STEPS} steps"
        elif cell.series in (f"{META} soft", f"{META} mix"):
            other = cell.label.replace(cell.series, f"{META} hard")
        else:
            continue
        found.append((cell, by_label[other]))
    return found


def points(results: Results) -> list[Point]:
    """Return what each fault adds to a method's accuracy, and each meta loss to that of "hard"."""
    worth = [(cell, chosen_gains(results, cell)) for cell in results.cells(CHOSEN)]
    for cell, other in pairs(results):
        own, plain = results.values(cell), results.values(other)
        worth.append((cell, {seed: own[seed] - plain[seed] for seed in own if seed in plain}))
    return [point_of(cell.series, cell.x, cell.label, values) for cell, values in worth if values]


def verdict(results: Results) -> str:
    """Return what each fault is worth in points, the choice by test accuracy first."""
    worth = {cell.label: [*chosen_gains(results, cell).values()] for cell in results.cells(CHOSEN)}
    known = sorted(
        ((label, interval(values)) for label, values in worth.items() if values),
        key=lambda pair: -pair[1].mean,
    )
    named = [f"{in_percent(value, signed=True)} for {label}" for label, value in known]
    chosen = f"To report the best epoch on the test set is worth {listed(named)} (points over the "
    sentences = [f"{chosen}last epoch)."] if named else []
    others = [(cell.label, cell, plain) for cell, plain in pairs(results)]
    losses = [pair for pair in others if pair[0].startswith(META)]
    faults = leads(results, [pair for pair in others if pair not in losses])
    sentences.append(claims(faults, "Of the other faults, accuracy rises by", "it falls by"))
    if losses:
        words = ("better than the hard meta loss:", "worse than the hard meta loss:")
        said = claims(leads(results, losses), *words)
        sentences.append(f"The longer the tail, the more biased the teacher: {said}")
    return " ".join(sentences)


STUDY = Study(
    name="faults",
    title="What is each fault of the published protocol worth?",
    question="How many points does it bring to choose the epoch on the test set, to tune only one "
    "side, or to break the teacher, and does L_val ask for the teacher's bias?",
    why="The published comparison chooses BiKD's epoch on the test set and its rivals' on D_val; "
    "others choose on the test set too.",
    designs={"digits": DIGITS, "cifar10": CIFAR10},
    cells=cells,
    verdict=verdict,
    x="Method",
    measure="gain in accuracy",
    points=points,
)
