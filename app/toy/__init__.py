"""The toy: points on a plane on which teacher and student train while a visitor moves them."""

from app.toy.digit import drawing
from app.toy.show import Preset, toy, warm_up

__all__ = ["Preset", "drawing", "toy", "warm_up"]
