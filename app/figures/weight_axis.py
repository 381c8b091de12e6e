"""How weights of a scale are drawn: their axis, bins, colours and words, for all figures of them.

"sigmoid": from 0 to 1, on a plain axis. "relative": multiples of the objective's own weight, on a
log axis. An axis' own units are weights or, on a log axis, their logarithms to the base 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import FONT_SIZE, THEME_TEXT, packed
from bikd_core.config import WeightScale
from bikd_core.evaluation import LARGEST_BIN, ONE_BIN, bin_centres
from bikd_core.events import SATURATED_ABOVE, SATURATED_BELOW, WEIGHT_BINS

Floats = NDArray[np.float64]
_MILLI = 1000  # a surface holds thousandths of a position: whole numbers are short to send
#: Of multiples of 1, on a log scale. Orange: less, blue: more; the grey in the middle is seen on
#: light and dark pages.
RATIO_COLOURS = [
    [0, "#7F3B08"],
    [0.25, "#E08214"],
    [0.5, "#EDEDED"],
    [0.75, "#5AA3CF"],
    [1, "#053061"],
]


class WeightAxis:
    """The sigmoid scale, and the base of the other one."""

    scale: WeightScale = "sigmoid"
    own_weight = ""  # what a weight is a multiple of, after it in a sentence
    limits_in_words = f"below {SATURATED_BELOW} or above {SATURATED_ABOVE}"  # of saturation
    ends: tuple[float, float] = (0.0, 1.0)  # of the histograms
    value_format = ".3f"  # of one weight in a hover text
    unit = ""  # directly after a weight
    at_surface = "%{z:.3f}"  # the part of a hover template that says the weight on a surface

    def title_of(self, what: str) -> str:
        """Return the title of an axis: "mean weight (0 … 1)"."""
        return f"{what} (0 … 1)"

    def title_of_kind(self, kind: str, *, is_whole: bool = True) -> str:
        """Return the title of an axis of one loss's weights; `is_whole`: of the whole scale."""
        title = f"w_{kind}, weight of the {kind} loss"
        return self.title_of(title) if is_whole else title

    def word(self, weight: float, digits: int = 2) -> str:
        """Return one weight as text."""
        return f"{weight:.{digits}f}"

    def short_word(self, weight: float) -> str:
        """Return one weight as text of at most four characters or so."""
        return self.word(weight)

    def bin_in_words(self, number: int) -> str:
        """Return the weights of a histogram's bin as text."""
        return f"{number / WEIGHT_BINS:.3f} to {(number + 1) / WEIGHT_BINS:.3f}"

    # Where weights are drawn

    def position(self, weights: NDArray[Any] | float) -> Floats:
        """Return where weights lie, in the axis' own units; the same shape."""
        return np.asarray(weights, dtype=np.float64)

    def weight_at(self, positions: NDArray[Any] | float) -> Floats:
        """Return the weights that lie at these positions; the same shape."""
        return np.asarray(positions, dtype=np.float64)

    def within(self, weights: NDArray[Any] | float) -> Floats:
        """Return weights as they are drawn: those beyond a log axis' ends stand at the ends."""
        return np.asarray(weights, dtype=np.float64)

    def bins(self, letter: str) -> dict[str, Any]:
        """Return a trace's coordinates along x or y, as `letter` says, of the histograms' bins."""
        return {f"{letter}0": 0.5 / WEIGHT_BINS, f"d{letter}": 1 / WEIGHT_BINS}

    def binned(self, room: float = 0.0) -> dict[str, Any]:
        """Return an axis of histograms: fixed, with some `room` at its ends."""
        return {
            "range": [-room, 1 + room],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "zeroline": False,
        }

    def at_bin(self, letter: str) -> str:
        """Return the part of a hover template that says the weight of a bin."""
        return f"near %{{{letter}:.2f}}"

    def over_epochs(self, values: Sequence[float]) -> dict[str, Any]:
        """Return the y axis of lines with these values."""
        return {"range": [0, 1.01], "zeroline": False}

    def zoomed(self, positions: Sequence[float]) -> dict[str, Any]:
        """Return an axis from the first to the second position."""
        return {"range": list(positions), "nticks": 6, "zeroline": False}

    def surface_values(self, weights: Floats) -> Any:
        """Return the values of a map of weights; [rows, columns]."""
        return np.round(weights, 3).tolist()

    def surface(self, kind: str) -> dict[str, Any]:
        """Return the colours and lines of a map of weights."""
        return {
            "zmin": 0,
            "zmax": 1,
            "colorscale": "Cividis",
            "contours": {
                "coloring": "heatmap",
                "start": 0.1,
                "end": 0.9,
                "size": 0.1,
                "showlabels": True,
                "labelfont": {"color": "#FFFFFF", "size": 12},
            },
            "line": {"color": "rgba(255, 255, 255, 0.55)", "width": 1},
            "colorbar": self._colour_bar(kind) | {"tickvals": [0, 0.25, 0.5, 0.75, 1]},
        }

    def _colour_bar(self, kind: str) -> dict[str, Any]:
        return {"title": {"text": f"w_{kind}", "font": {"size": FONT_SIZE}}, "thickness": 14}

    def line_at_one(self, letter: str, number: str = "") -> list[dict[str, Any]]:
        """Return the line at the objective's own weight, across the axis `letter` + `number`."""
        return []


def _edge(number: int) -> float:
    """Return the lower edge of a bin of relative weights."""
    return float(LARGEST_BIN ** ((number - 0.5 - ONE_BIN) / (ONE_BIN - 1)))


class _RelativeAxis(WeightAxis):
    scale = "relative"
    own_weight = " the objective's own weight"
    limits_in_words = "at the least or the most that the weight net can give"
    ends = (_edge(0), _edge(WEIGHT_BINS))
    value_format = ".3~g"
    unit = "×"
    at_surface = "%{customdata}×"

    _TICKS: ClassVar = {1 / 20: "1/20×", 1 / 5: "1/5×", 1: "1×", 5: "5×", 20: "20×"}
    _MORE_TICKS: ClassVar = {1 / 10: "1/10×", 1 / 2: "1/2×", 2: "2×", 10: "10×"}
    _NEAR = 5.0  # lines over epochs that stay within 1/5 and 5 get an axis of that length

    def title_of(self, what: str) -> str:
        return f"{what}, × the objective's own"

    def title_of_kind(self, kind: str, *, is_whole: bool = True) -> str:
        return f"w_{kind}, × the objective's own weight"

    def word(self, weight: float, digits: int = 2) -> str:
        rounded = f"{weight:.{digits}g}" if weight < 100 else f"{weight:.0f}"
        return f"{rounded}×"

    def short_word(self, weight: float) -> str:
        return self.word(weight, 1 if weight < 1 else 2)

    def bin_in_words(self, number: int) -> str:
        low, high = (self.word(_edge(edge), 3) for edge in (number, number + 1))
        if number == 0:
            return f"{high} and less"
        return f"{low} and more" if number == WEIGHT_BINS - 1 else f"{low} to {high}"

    def position(self, weights: NDArray[Any] | float) -> Floats:
        tiny = np.finfo(np.float32).tiny  # a weight of 0 has no logarithm
        return np.log10(np.maximum(np.asarray(weights, dtype=np.float64), tiny))

    def weight_at(self, positions: NDArray[Any] | float) -> Floats:
        return np.power(10.0, np.asarray(positions, dtype=np.float64))

    def within(self, weights: NDArray[Any] | float) -> Floats:
        low, high = self.ends
        return np.clip(np.asarray(weights, dtype=np.float64), low, high)

    def bins(self, letter: str) -> dict[str, Any]:
        return {letter: [float(f"{centre:.4g}") for centre in bin_centres("relative")]}

    def binned(self, room: float = 0.0) -> dict[str, Any]:
        low, high = (float(end) for end in self.position(np.array(self.ends)))
        # plotly.js shows a tick's text where the pointer is at it: so the outer bins say it too.
        first, last = bin_centres("relative")[[0, -1]]
        ticks = dict(self._TICKS)
        del ticks[1 / 20], ticks[20]
        ticks = {float(first): "≤ 1/20×"} | ticks | {float(last): "≥ 20×"}
        margin = room * (high - low)
        return self._log(ticks) | {"range": [round(low - margin, 4), round(high + margin, 4)]}

    def at_bin(self, letter: str) -> str:
        return f"%{{{letter}}}"

    def over_epochs(self, values: Sequence[float]) -> dict[str, Any]:
        is_near = all(1 / self._NEAR <= value <= self._NEAR for value in values)
        end = 1.02 * float(np.log10(self._NEAR if is_near else self.ends[1]))
        return self._log(self._TICKS | self._MORE_TICKS) | {"range": [-end, end]}

    def zoomed(self, positions: Sequence[float]) -> dict[str, Any]:
        return {
            "type": "log",
            "range": list(positions),
            "nticks": 6,
            "tickformat": ".3~g",
            "ticksuffix": "×",
            "zeroline": False,
        }

    def surface_values(self, weights: Floats) -> Any:
        return packed(np.round(_MILLI * self.position(self.within(weights))).astype(np.int16))

    def surface(self, kind: str) -> dict[str, Any]:
        end, five, doubling = (round(float(_MILLI * np.log10(x))) for x in (LARGEST_BIN, 5, 2))
        ticks = {"≤ 1/20×": -end, "1/5×": -five, "1×": 0, "5×": five, "≥ 20×": end}
        return {
            "zmin": -end,
            "zmax": end,
            "colorscale": RATIO_COLOURS,
            "contours": {
                "coloring": "heatmap",
                "start": -4 * doubling,
                "end": 4 * doubling,
                "size": doubling,
            },
            "line": {"color": "rgba(0, 0, 0, 0.45)", "width": 1},
            "colorbar": self._colour_bar(kind)
            | {"tickvals": list(ticks.values()), "ticktext": list(ticks)},
        }

    def line_at_one(self, letter: str, number: str = "") -> list[dict[str, Any]]:
        across = "y" if letter == "x" else "x"
        return [
            {
                "type": "line",
                f"{letter}ref": f"{letter}{number}",
                f"{letter}0": 1,
                f"{letter}1": 1,
                f"{across}ref": f"{across}{number} domain",
                f"{across}0": 0,
                f"{across}1": 1,
                "line": {"color": THEME_TEXT, "width": 1},
            }
        ]

    def _log(self, ticks: dict[float, str]) -> dict[str, Any]:
        return {
            "type": "log",
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "hoverformat": ".2~g",
            "ticksuffix": "×",
            "zeroline": False,
        }


_AXES: dict[WeightScale, WeightAxis] = {"sigmoid": WeightAxis(), "relative": _RelativeAxis()}


def weight_axis_of(scale: WeightScale) -> WeightAxis:
    """Return how weights of a scale are drawn."""
    return _AXES[scale]
