"""The files of the site: a first page, the lesson, and a page for each recorded run."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from app.components.playing_run import data_of
from app.home.first_picture import first_picture
from app.lesson.beside import FIGURE_SCALE
from app.lesson.cards import ENGLISH, count, languages
from app.server.static_files import PLOTLY, STATIC
from app.shared.recorded import (
    RecordedRun,
    first_pair,
    numbers_of,
    recorded_runs,
    thumbnail,
    unpacked,
    what_it_shows,
)
from app.site.lesson import baked_card
from app.takeaway.bake import bake
from app.takeaway.file import BRAND, COMPONENTS, PLOT_SCRIPTS, PLOT_STYLES, as_html, document
from bikd_core.runs.history import Histories, Snapshot
from bikd_core.store.files import replace_text

HERE = Path(__file__).parent
COMMAND = "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/bikd app"
PAIR = "runs/a-pair.html"
_BRAND = f'<a href="../index.html">{BRAND}</a>'
_PLOTLY_OF_RUNS = f"../{PLOTLY.name}"


def write_site(folder: Path) -> Iterator[tuple[str, int]]:
    """Write all files into a folder, and yield name and bytes of each.

    The first page comes last, so that it leads nowhere that is not there yet. Other files in the
    folder stay as they are.

    Raises:
        OSError: A file cannot be written.
        LessonError: A card or a recorded run cannot be read.
    """
    runs = recorded_runs()
    for name in ("", "runs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in _files(runs):
        replace_text(folder / name, text)
        yield name, len(text.encode())


def _files(runs: tuple[RecordedRun, ...]) -> Iterator[tuple[str, str]]:
    yield PLOTLY.name, PLOTLY.read_text(encoding="utf-8")
    for run in runs:
        yield page_of(run), _run_page([snapshot_of(run)])
    pair = [run for run in first_pair() or () if run is not None]
    has_pair = len(pair) == 2
    if has_pair:
        yield PAIR, _run_page([snapshot_of(run) for run in pair])
    for language in languages():
        yield lesson_page(language), _lesson(language, has_pair=has_pair)
    yield "index.html", _home(runs, has_pair=has_pair)


def page_of(run: RecordedRun) -> str:
    """Return the address of a run's page."""
    return f"runs/{run.path.stem}.html"


def lesson_page(language: str) -> str:
    """Return the address of the lesson in a language."""
    return "learn.html" if language == ENGLISH else f"learn-{language}.html"


def snapshot_of(run: RecordedRun) -> Snapshot:
    """Return a recorded run as the views take it."""
    folder = unpacked(run.path)
    return Histories(folder.path.parent, lambda _: False).snapshot(folder.run_id)


def _run_page(runs: list[Snapshot]) -> str:
    return as_html(bake(runs), plotly=_PLOTLY_OF_RUNS, brand=_BRAND)


def _lesson(language: str, *, has_pair: bool) -> str:
    return document(
        "Lesson",
        body=(HERE / "lesson.html").read_text(encoding="utf-8"),
        styles=(
            *PLOT_STYLES,
            COMPONENTS / "lesson_card.css",
            COMPONENTS / "live_slider.css",
            STATIC / "run_sound.css",
            STATIC / "glossary_terms.css",
            HERE / "site.css",
        ),
        scripts=(
            *PLOT_SCRIPTS,
            STATIC / "run_sound.js",
            COMPONENTS / "lesson_card.js",
            COMPONENTS / "live_slider.js",
        ),
        data={
            "cards": [baked_card(number, language) for number in range(1, count() + 1)],
            "pair": PAIR if has_pair else "",
            "scale": FIGURE_SCALE,
        },
        player=HERE / "lesson.js",
        plotly=f'<script src="{PLOTLY.name}"></script>',
    )


def _home(runs: tuple[RecordedRun, ...], *, has_pair: bool) -> str:
    shown = first_picture()
    doors = [
        (lesson_page(ENGLISH), "Learn", "Ten cards, a question on each. About twenty minutes.")
    ]
    if runs:
        doors.append((page_of(runs[0]), "Look", "A recorded run: every view, every epoch."))
    if has_pair:
        doors.append((PAIR, "Compare", "Two runs on the same pictures, side by side."))
    body = (HERE / "home.html").read_text(encoding="utf-8")
    return document(
        "Start",
        body=body.format(
            doors="\n".join(map(_door, doors)), cards="\n".join(map(_card, runs)), command=COMMAND
        ),
        styles=(
            PLOT_STYLES[0],
            COMPONENTS / "playing_run.css",
            STATIC / "glossary_terms.css",
            HERE / "site.css",
        ),
        scripts=(STATIC / "glossary_terms.js", COMPONENTS / "playing_run.js"),
        data=None if shown is None else data_of(shown),
        player=HERE / "home.js",
    )


def _door(door: tuple[str, str, str]) -> str:
    address, name, words = door
    return f'<a href="{address}"><strong>{name}</strong>{words}</a>'


def _card(run: RecordedRun) -> str:
    lines = f"<strong>{html.escape(run.name)}</strong>"
    lines += "".join(
        f"<span>{html.escape(line)}</span>" for line in (what_it_shows(run), numbers_of(run))
    )
    picture = f'<img src="{html.escape(thumbnail(run.path))}" alt="">'
    return f'<a href="{page_of(run)}">{picture}{lines}</a>'
