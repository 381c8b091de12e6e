"""Runs that earlier versions recorded open for ever, and say what they said then.

The zips in `tests/recorded` are never made anew: a version that changes what is recorded adds its
own to them.
"""

from pathlib import Path

import pytest

from bikd_core.events import Frame
from bikd_core.runs.history import History
from bikd_core.store.archive import import_run
from bikd_core.store.layouts import layouts

RECORDED = Path(__file__).parents[1] / "recorded"
#: What its version showed: balanced accuracy in three epochs and with class biases, and the sums
#: of the student's cross-entropies and of the weights in the last frame.
SHOWN = {
    "bikd": (0.343103, 0.746552, 198.477036, 308.847412),
    "kd-wrong-labels": (0.287931, 0.636207, 367.235718, None),
    "league2-held-out": (0.613793, 0.841379, 75.133143, None),
    "relative-shifts": (0.789655, 0.827586, 115.329926, 586.000977),
}


def test_each_recorded_run_is_known():
    assert {path.stem for path in RECORDED.glob("*.zip")} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_a_run_of_an_earlier_version_opens_and_says_what_it_said(name, tmp_path):
    accuracy, with_biases, cross_entropies, weights = SHOWN[name]
    folder = import_run(RECORDED / f"{name}.zip", tmp_path)
    run = History(folder).snapshot()
    assert (run.state, len(run.epochs), run.name) == ("finished", 3, name)
    assert run.epochs[-1].accuracy == pytest.approx(accuracy, abs=1e-6)
    assert run.class_biases.accuracy == pytest.approx(with_biases, abs=1e-6)
    assert folder.frames_available == (1, 2, 3)
    for epoch in folder.frames_available:
        folder.frame_arrays(epoch, *layouts(Frame))
    last = folder.frame(3)
    assert float(last.ce_student.astype("f8").sum()) == pytest.approx(cross_entropies, rel=1e-5)
    if weights is None:
        assert last.weights is None
    else:
        assert float(last.weights.astype("f8").sum()) == pytest.approx(weights, rel=1e-5)
    for step in folder.traces():
        assert folder.trace(step).losses is not None
    assert bool(folder.traces()) == (name == "bikd")
