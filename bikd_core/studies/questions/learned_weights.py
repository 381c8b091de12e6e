"""What do learned weights add to each objective?"""

from __future__ import annotations

from bikd_core.config import METHOD_FACTS
from bikd_core.studies.evidence import claims, leads
from bikd_core.studies.questions.common import CIFAR10, DIGITS
from bikd_core.studies.results import Results
from bikd_core.studies.study import Cell, Study

ITSELF, LEARNED = "the objective", "learned weights over it"
_ON_CIFAR10 = ("kd", "balanced_softmax", "ltkd", "prior_kd")


def cells(dataset: str) -> list[Cell]:
    """Return each objective without a weight net, and relative weights over it."""
    plain = [name for name, facts in METHOD_FACTS.items() if not facts.has_weight_net]
    found = []
    for name in _ON_CIFAR10 if dataset == "cifar10" else plain:
        title, over = METHOD_FACTS[name].title, f"bikd:over={name},weight_scale=relative"
        found.append(Cell(title, name, ITSELF, title))
        found.append(Cell(f"BiKD over {title}", over, LEARNED, title))
    return found


def verdict(results: Results) -> str:
    """Return to which objectives learned weights add accuracy, over all classes and on the tail."""
    pairs = [
        (own.label, over, own)
        for own, over in zip(results.cells(ITSELF), results.cells(LEARNED), strict=True)
    ]
    return " ".join(
        claims(
            leads(results, pairs, measure),
            "learned weights add to",
            "they take from",
            about,
        )
        for measure, about in (
            ("accuracy", "Balanced accuracy: "),
            ("accuracy_few", "Accuracy on the few-shot classes: "),
        )
    )


STUDY = Study(
    name="learned_weights",
    title="What do learned weights add?",
    question="Does BiKD over an objective beat that objective itself, for each of them?",
    why="The paper weights one objective; whether the weights or the objective win is open.",
    designs={"digits": DIGITS, "cifar10": CIFAR10},
    cells=cells,
    verdict=verdict,
    x="Objective",
)
