"""The page about the answer has the numbers of the recorded one."""

import re
from pathlib import Path

from bikd_core.answer.summary import in_percent, lead_in_points, recorded

PAGE = Path(__file__).parents[2] / "docs" / "answer.md"


def rows_under(heading):
    """Return the cells of the table under a heading, without its head."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    found = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in found][1:]


def test_what_came_out_is_the_second_test():
    part = recorded("digits-league1").again
    lead_over = {lead.over: lead_in_points(lead) for lead in part.leads}
    assert rows_under("What came out") == [
        [line.title, in_percent(line), f"{100 * line.few:.1f}", lead_over.get(line.title, "")]
        for line in part.lines
    ]


def test_what_is_class_balance_is_that_of_the_answer():
    assert rows_under("Class balance, or more?") == [
        [
            gain.objective,
            gain.biases.in_points,
            gain.weights.in_points,
            gain.weights_beyond_biases.in_points,
        ]
        for gain in recorded("digits-league1").gains
    ]


def test_its_words_about_the_first_test_are_true():
    first = recorded("digits-league1").first
    assert first.bikd == "BiKD over BKD"
    level = [lead.over for lead in first.leads if not lead.is_claim]
    assert sorted(level) == [
        "BKD, with class biases",
        "DiVE, with class biases",
        "Prior-shifted KD, with class biases",
    ]
    assert sum(lead.is_claim and lead.mean > 0 for lead in first.leads) == 23
