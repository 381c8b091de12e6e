"""The figures of a comparison of methods over seeds."""

from app.figures.comparison.ahead import claim, differences
from app.figures.comparison.by_class import class_differences
from app.figures.comparison.cost import cost
from app.figures.comparison.learned_weights import learned_weights
from app.figures.comparison.learning_rates import learning_rates
from app.figures.comparison.results import CALIBRATIONS, Results, plus_minus
from app.figures.comparison.who_wins import who_wins

__all__ = [
    "CALIBRATIONS",
    "Results",
    "claim",
    "class_differences",
    "cost",
    "differences",
    "learned_weights",
    "learning_rates",
    "plus_minus",
    "who_wins",
]
