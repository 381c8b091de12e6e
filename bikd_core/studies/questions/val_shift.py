"""What if D_val is not like the test set? Corrupted pictures, wrong labels, an imbalance."""

from __future__ import annotations

from bikd_core.studies.evidence import claims, leads
from bikd_core.studies.questions.common import DIGITS, FORMS
from bikd_core.studies.results import Results
from bikd_core.studies.study import Cell, Study

CLEAN = "clean D_val"


def _shifts() -> dict[tuple[str, float], dict[str, object]]:
    """Return the controls of each kind of shift and its size."""
    found: dict[tuple[str, float], dict[str, object]] = {}
    for kind in ("noise", "blur"):
        for strength in (0.25, 0.5, 1.0):
            found[kind, strength] = {
                "val_corruption": kind,
                "val_corruption_strength": strength,
            }
    for share in (0.1, 0.3, 0.6):
        found["wrong labels", share] = {"val_label_noise": share}
    for factor in (2.0, 5.0, 10.0):
        found["imbalance factor", factor] = {"val_imbalance_factor": factor}
    return found


def cells(dataset: str) -> list[Cell]:
    """Return each form with each shift, without any, and the objective that needs no D_val."""
    found = []
    for form, (entry, over) in FORMS.items():
        found.append(Cell(f"{form}, {CLEAN}", entry, f"{form}, {CLEAN}", 0.0))
        found.append(Cell(f"{form}: its objective", over, f"{form}: its objective", 0.0))
        for (kind, size), controls in _shifts().items():
            label = f"{form}, {kind} {size:g}"
            found.append(Cell(label, entry, f"{form}, {kind}", size, controls))
    return found


def verdict(results: Results) -> str:
    """Return which shifts cost accuracy, and which make BiKD worse than its objective."""
    costs, harms = [], []
    for form in FORMS:
        clean, objective = (
            results.cell(label) for label in (f"{form}, {CLEAN}", f"{form}: its objective")
        )
        shifted = [cell for cell in results.cells() if cell.controls and cell.entry == clean.entry]
        costs += [(cell.label, cell, clean) for cell in shifted]
        harms += [(cell.label, cell, objective) for cell in shifted]
    worse = [lead.label for lead in leads(results, harms) if lead.claim < 0]
    below = (
        f"Below its objective, which needs no D_val: {', '.join(worse)}."
        if worse
        else ("No shift is shown to bring it below its objective, which needs no D_val.")
    )
    found = leads(results, costs)
    costly = claims(found, "Better than with a clean D_val:", "worse than with a clean D_val:")
    return f"{costly} {below}"


STUDY = Study(
    name="val_shift",
    title="What if D_val is not like the test set?",
    question="How much do blurred or noisy pictures, wrong labels, or an imbalance of its own in "
    "D_val cost?",
    why="Reviewers asked for shifts between D_val and the test set: whoever can gather a D_val "
    "rarely gathers a perfect one.",
    designs={"digits": DIGITS},
    cells=cells,
    verdict=verdict,
    x="Strength of the shift",
)
