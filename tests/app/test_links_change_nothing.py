"""Opening a page by any link changes no run, no teacher and no file: it only shows."""

import random

import pytest

from bikd_core.config import choices, fields
from bikd_core.store import control_key
from tests.made_up import make_run
from tests.repeated import first_quick

ODD = ["", "0", "-1", "1e400", "nan", "../..", "\0", "<b>", "start", "stop", "delete", "x" * 3000]
PAGES = ("lab", "compare", "teachers", "learn", "toy", "class", "")
NAMES = [
    *fields(),
    "run",
    "with",
    "epoch",
    "view",
    "key",
    "owner",
    "start",
    "delete",
    "methods",
    "join",
]


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def any_link(draw, runs, keys):
    """Parameters that somebody may put in a link, the runs' own keys among them."""
    found = {}
    for name in draw.sample(NAMES, draw.randint(1, 5)):
        found[name] = draw.choice(
            [*(choices(name) if name in fields() else ()), *runs, *keys, *ODD]
        )
    if draw.random() < 0.7:
        found["run"] = draw.choice(runs)
    return {name: str(value) for name, value in found.items()}


@pytest.mark.parametrize("page", first_quick(PAGES))
def test_a_link_of_any_kind_only_shows(manager, as_stranger, open_page, page):
    states = ("running", "paused", "stopped", "failed", "finished")
    made = [make_run(manager.places.runs, state=state) for state in states]
    keys = [control_key.make_key(run) for run in made[:2]]
    before = files_of(manager.places.runs)
    draw = random.Random(page)
    for _ in range(4):
        shown = open_page(page, **any_link(draw, [run.run_id for run in made], keys))
        assert not shown.exception
    assert manager.asked == []
    assert files_of(manager.places.runs) == before
    assert [path.name for path in manager.places.runs.parent.iterdir()] == ["runs"]
