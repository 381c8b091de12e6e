"""Is the outer loop stable? The weight net's learning rate and its warm-up."""

from __future__ import annotations

from statistics import fmean, stdev

from bikd_core.studies.evidence import claims, leads
from bikd_core.studies.questions.common import DIGITS, with_options
from bikd_core.studies.results import Results
from bikd_core.studies.study import Cell, Study

RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
WARM_UPS = (0, 5, 20)
USUAL = (0.001, 0)  # as published


def _label(rate: float, warm_up: int) -> str:
    return f"rate {rate:g}, warm-up {warm_up}"


def cells(dataset: str) -> list[Cell]:
    """Return BiKD at each learning rate of the weight net with each warm-up."""
    return [
        Cell(
            _label(rate, warm_up),
            with_options("bikd", weight_net_learning_rate=rate, warm_up=warm_up),
            f"warm-up of {warm_up} epochs",
            rate,
        )
        for warm_up in WARM_UPS
        for rate in RATES
    ]


def verdict(results: Results) -> str:
    """Return the range of accuracies, the spread over seeds, and how steady the gradient is."""
    accuracies = {cell.label: [*results.values(cell).values()] for cell in results.cells()}
    means = {label: fmean(values) for label, values in accuracies.items() if values}
    spreads = [stdev(values) for values in accuracies.values() if len(values) > 1]
    low, high = (end(means, key=lambda label: means[label]) for end in (min, max))
    sentences = [
        f"Mean balanced accuracy lies between {100 * means[low]:.1f} ({low}) and "
        f"{100 * means[high]:.1f} ({high})"
    ]
    if spreads:
        ends = " to ".join(f"{100 * end(spreads):.1f}" for end in (min, max))
        sentences[0] += f", its standard deviation over seeds is {ends} points"
    sentences[0] += "."
    for measure, words in (
        ("hypergradient_cosine", "The cosine of successive hypergradients"),
        ("hypergradient_norm", "Their norm"),
    ):
        known = [v for cell in results.cells() for v in results.values(cell, measure).values()]
        if known:
            sentences.append(f"{words} is {min(known):.2g} to {max(known):.2g}, run by run.")
    usual = results.cell(_label(*USUAL))
    others = [(cell.label, cell, usual) for cell in results.cells() if cell != usual]
    found = leads(results, others)
    sentences.append(claims(found, "Better than as published:", "worse than as published:"))
    return " ".join(sentences)


STUDY = Study(
    name="stability",
    title="Is the outer loop stable?",
    question="How much do the weight net's learning rate and its warm-up decide, how large and how "
    "steady is its gradient, and how far do seeds differ?",
    why="Reviewers doubted that a bilevel loop with one step of look-ahead is stable.",
    designs={"digits": DIGITS},
    cells=cells,
    verdict=verdict,
    x="Learning rate of the weight net",
)
