"""How large must D_val be? The same training images, with 1 to 50 of each class in D_val."""

from __future__ import annotations

from statistics import fmean

from bikd_core.studies.evidence import claims, leads
from bikd_core.studies.questions.common import CIFAR10, DIGITS, FORMS
from bikd_core.studies.results import Results
from bikd_core.studies.study import Cell, Study

SIZES = {"digits": (1, 2, 5, 10, 20, 50), "cifar10": (1, 5, 20, 100)}


def cells(dataset: str) -> list[Cell]:
    """Return each form at each size of D_val, and the objective that it stands over.

    All sizes leave the images of the largest one aside, so that all have the same training images.
    """
    sizes = SIZES.get(dataset, SIZES["digits"])
    found = []
    for form, (entry, over) in FORMS.items():
        for size in sizes:
            controls = {"val_per_class": size, "val_reserve": max(sizes)}
            found.append(Cell(f"{form}, {size} a class", entry, form, size, controls))
        own = f"{form}: its objective"
        found.append(Cell(own, over, own, max(sizes), {"val_per_class": max(sizes)}))
    return found


def verdict(results: Results) -> str:
    """Return at which sizes each form loses, where it beats its objective, and D_val's optimism."""
    against_largest, against_objective = [], []
    for form in FORMS:
        ordered = sorted(results.cells(form), key=lambda cell: float(cell.x))
        objective = results.cell(f"{form}: its objective")
        against_largest += [(cell.label, cell, ordered[-1]) for cell in ordered[:-1]]
        against_objective += [(cell.label, cell, objective) for cell in ordered]
    found = leads(results, against_largest)
    ahead = leads(results, against_objective)
    return " ".join(
        [
            claims(
                found, "Better than with the largest D_val:", "worse than with the largest D_val:"
            ),
            claims(ahead, "above it:", "below it:", "Against its objective: "),
            *(_gap(results, form) for form in FORMS),
        ]
    )


def _gap(results: Results, form: str) -> str:
    """Return how far D_val's loss lies below the test's, at the smallest and the largest size."""
    parts = []
    ordered = sorted(results.cells(form), key=lambda cell: float(cell.x))
    for cell in (ordered[0], ordered[-1]):
        val, test = (results.values(cell, name) for name in ("val_loss", "test_loss"))
        gaps = [test[seed] - val[seed] for seed in test if seed in val]
        if gaps:
            parts.append(f"{fmean(gaps):.2f} nats at {cell.x} a class")
    return f"{form}'s test loss lies above D_val's by {', '.join(parts)}." if parts else ""


STUDY = Study(
    name="val_size",
    title="How large must D_val be?",
    question="How does accuracy fall as D_val shrinks to one image of each class, and does the "
    "weight net overfit to it?",
    why="Reviewers asked how sensitive the method is to the size of D_val, which is scarce for "
    "exactly the rare classes.",
    designs={"digits": DIGITS, "cifar10": CIFAR10},
    cells=cells,
    verdict=verdict,
    x="Images of each class in D_val",
)
