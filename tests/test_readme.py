"""The README fits one screen, leads where it says, and its line for testing is the one CI runs."""

import re
from pathlib import Path

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
