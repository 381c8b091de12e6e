"""Is D_val worth more as a guide or as training data, and from which size on?"""

from __future__ import annotations

from bikd_core.studies.evidence import claims, leads, together
from bikd_core.studies.questions.common import DIGITS, RELATIVE, with_options
from bikd_core.studies.results import Results
from bikd_core.studies.study import Cell, Study

SIZES = (1, 2, 5, 10, 20, 50)
GUIDE = "BiKD, D_val guides"
NO_D_VAL = "prior-shifted KD, no D_val"
#: By series: the entry in words. Prior-shifted KD is what BiKD's relative weights stand over.
SERIES = {
    GUIDE: RELATIVE,
    NO_D_VAL: "prior_kd",
    "prior-shifted KD, D_val mixed in": with_options("prior_kd", train_on_val="mixed"),
    "prior-shifted KD, a D_val batch a step": with_options("prior_kd", train_on_val="batch"),
    "BiKD, D_val guides and is a batch a step": with_options(RELATIVE, train_on_val="batch"),
}


def cells(dataset: str) -> list[Cell]:
    """Return each use of D_val at each size, with the same other training images."""
    return [
        Cell(
            f"{series}, {size} a class",
            entry,
            series,
            size,
            {"val_per_class": size, "val_reserve": max(SIZES)},
        )
        for series, entry in SERIES.items()
        for size in ((max(SIZES),) if series == NO_D_VAL else SIZES)
    ]


def verdict(results: Results) -> str:
    """Return where a guiding D_val beats one that is trained on, and where it does not."""
    sentences = []
    for series in SERIES:
        rivals = {cell.x: cell for cell in results.cells(series)}
        pairs = [
            (f"{cell.x} a class", cell, rivals.get(cell.x, rivals[max(SIZES)]))
            for cell in results.cells(GUIDE)
        ]
        if series != GUIDE:
            about = f"{GUIDE}, against {series}: "
            sentences.append(claims(leads(results, pairs), "better with", "worse with", about))
    return together(sentences)


STUDY = Study(
    name="val_as_training_data",
    title="Guide or training data?",
    question="From which size of D_val on is BiKD better than just training on D_val?",
    why="Every other method of a comparison could train on the images that only BiKD sees.",
    designs={"digits": DIGITS},
    cells=cells,
    verdict=verdict,
    x="Images of each class in D_val",
)
