"""The README fits one screen, leads where it says, and its line for testing is the one CI runs."""

import re
from pathlib import Path

from bikd_core.answer.summary import recorded
from bikd_core.studies.answer import in_percent

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_fits_one_screen():
    assert len(TEXT.split()) <= 600


def test_its_links_lead_to_files_of_the_project():
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(targets) >= 5
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_ci_finds_its_line_for_testing():
    [line] = re.findall(r"^python3 -m venv .* && \.venv/bin/pytest$", TEXT, flags=re.MULTILINE)
    assert '".[test]"' in line


def test_its_table_is_that_of_the_recorded_answer():
    summary = recorded("digits-league1")
    lines = {line.title: line for line in summary.first.lines}
    fresh = {line.title: line for line in summary.again.lines} if summary.again else {}
    rows = re.findall(
        r"^\| ([^|]+) \| ([\d.]+ ± [\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE
    )
    assert len(rows) >= 8
    for number, (title, *numbers) in enumerate(rows):
        line = (fresh if number == 0 else lines)[title]
        assert numbers == [in_percent(line.interval), f"{100 * line.few:.1f}", f"{line.cost:.1f}"]
    shown = {title for title, *_ in rows}
    best = sorted(
        (line for line in lines.values() if not line.is_weighted), key=lambda line: -line.balanced
    )
    assert {line.title for line in best[:4]} <= shown  # no rival is left out because it is strong
    assert summary.first.bikd in shown
    assert {"KD", "BiKD over its own losses"} <= shown


def test_what_it_says_of_league_2_is_the_second_test_there():
    part = recorded("digits-league2").again
    nearest, own = part.leads[0], part.own
    low, mean, high = (f"{100 * v:.1f}" for v in (nearest.low, nearest.mean, nearest.high))
    said = (
        f"{own.title} ({in_percent(own.interval)}) leads {nearest.over} by {mean} ({low} to {high})"
    )
    assert said in TEXT


def test_what_it_says_of_wrong_labels_is_the_first_test_there():
    part = recorded("digits_pairs-league1").first
    ahead, level = part.ahead_of, part.level_with
    assert len(ahead) + len(level) == len(part.leads)
    assert len(level) == 6
    assert all("with trust in labels" in lead.over for lead in level)
    choice = part.bikd.removesuffix(", with class biases")
    said = (
        f"{choice} and class biases, leads {len(ahead)} of {len(part.leads)} rivals; no difference "
        "from six with trust in labels"
    )
    assert said in " ".join(TEXT.split())
