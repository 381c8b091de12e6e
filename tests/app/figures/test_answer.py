"""The figure of an answer."""

import pytest

from app.figures.answer import answer
from bikd_core.answer.summary import recorded, recorded_names


@pytest.mark.parametrize("name", recorded_names())
def test_each_line_is_one_mark_at_its_accuracy_in_the_row_of_its_objective(name):
    summary = recorded(name)
    drawing = answer(summary)
    rows = [note["text"] for note in drawing.layout["annotations"] if note["x"] == 0]
    best = [line.balanced for line in summary.first.lines]
    assert best == sorted(best, reverse=True)
    marks = {}
    for trace in drawing.data:
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            marks[text.split(":")[0]] = (x, y, trace["marker"]["symbol"])
    assert len(marks) == len(summary.first.lines)
    for line in summary.first.lines:
        x, y, symbol = marks[line.title]
        assert x == pytest.approx(100 * line.balanced, abs=0.01)
        assert rows[round(-y)] == f"<b>{line.objective}</b>"
        assert symbol.startswith("diamond") == line.is_weighted
        assert symbol.endswith("open") != line.has_biases


def test_its_words_for_those_who_do_not_see_it_name_every_line():
    summary = recorded("digits-league1")
    alt = answer(summary).alt
    assert all(f"{line.title}: " in alt for line in summary.first.lines)
