"""The view "Overview": the weights beside what they lead to."""

from __future__ import annotations

from app.lab.views.accuracy import ACCURACY_OVER_EPOCHS, CLASS_ACCURACY, show_paired_accuracy
from app.lab.views.moment import Moment
from app.lab.views.view import View
from app.lab.views.weights import MEAN_WEIGHTS, W_HARD, W_SOFT


class _Overview(View):
    def show_pair(self, first: Moment, second: Moment) -> None:
        """Draw what one run gets right that the other does not, then both runs side by side."""
        show_paired_accuracy(first, second)
        super().show_pair(first, second)


VIEW = _Overview(
    "Overview",
    "Who gets weight, and does it help?",
    ((W_HARD, W_SOFT), (ACCURACY_OVER_EPOCHS, MEAN_WEIGHTS), (CLASS_ACCURACY,)),
)
