"""The recipes that a recommendation tries: those that this project's comparisons found useful."""

from __future__ import annotations

from typing import NamedTuple

from bikd_core.answer.plans import TRUST
from bikd_core.studies.search_space import Range, Space


class Recipe(NamedTuple):
    """A method with the options that make the recipe; the trials draw the rest of `SPACE`."""

    entry: str  # as `bikd compare` takes it
    title: str
    is_guided: bool = False  # D_val guides it, so that it cannot be judged by the same pictures

    def judged_entries(self, entry: str) -> tuple[str, ...]:
        """Return the entries whose runs judge a trial: together they measure all of D_val once.

        Args:
            entry: The trial, this recipe with drawn options.
        """
        if not self.is_guided:
            return (entry,)
        halves = ("first", "second")
        return tuple(f"{entry},hold_out_half=true,measured_half={half}" for half in halves)


#: Plain KD, which the others are compared with, stands first.
RECIPES = (
    Recipe("kd", "KD"),
    Recipe("prior_kd", "KD with the class prior"),
    Recipe("ltkd", "LTKD"),
    Recipe(f"kd:{TRUST}", "KD with trust in labels"),
    Recipe(f"prior_kd:{TRUST}", "KD with the class prior and trust in labels"),
    Recipe(f"ltkd:{TRUST}", "LTKD with trust in labels"),
    Recipe("relative:over=prior_kd", "BiKD over KD with the class prior", is_guided=True),
    Recipe("relative:over=balanced_ltkd", "BiKD over Balanced LTKD", is_guided=True),
    Recipe(
        f"relative:over=prior_kd,{TRUST}",
        "BiKD over KD with the class prior, out-of-fold inputs and trust in labels",
        is_guided=True,
    ),
)
#: What is drawn: the learning rate moves every one of them by more than they differ.
SPACE: Space = {"learning_rate": Range(0.03, 0.6), "temperature": Range(2.0, 8.0)}
BIASES = ", with class biases"


def title_with(recipe: Recipe, calibration: str) -> str:
    """Return a recipe in words, without or with class biases."""
    return recipe.title + (BIASES if calibration == "class_biases" else "")
