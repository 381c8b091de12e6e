"""The view "Overview": the weights beside what they lead to."""

from app.lab.views.accuracy import ACCURACY_OVER_EPOCHS, CLASS_ACCURACY
from app.lab.views.view import View
from app.lab.views.weights import MEAN_WEIGHTS, W_HARD, W_SOFT

VIEW = View(
    "Overview",
    "Who gets weight, and does it help?",
    ((W_HARD, W_SOFT), (ACCURACY_OVER_EPOCHS, MEAN_WEIGHTS), (CLASS_ACCURACY,)),
)
