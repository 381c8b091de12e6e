"""The first page's picture comes with the page, before Streamlit's script."""

import json

from app.home.first_picture import as_text
from app.navigation import PAGES
from app.server import files, first_view
from app.server.first_view import FILE, with_first_view

PAGE = '<html><head><link href="./media/SourceSans.a1.woff2"></head><body>end</body></html>'


def test_the_file_is_that_of_the_recorded_runs():
    assert FILE.read_text(encoding="utf-8") == as_text()  # else run app.home.first_picture
    assert FILE.stat().st_size < 20_000


def test_the_page_brings_picture_script_and_style_along():
    html = with_first_view(PAGE, ("", "lab"))
    assert html.startswith(PAGE.split("<body>")[0])
    assert html.endswith("end</body></html>")
    assert json.loads(FILE.read_text(encoding="utf-8"))["sentence"].split("<")[0] in html
    assert 'src: url("./media/SourceSans.a1.woff2")' in html
    assert "function draw(component)" in html
    assert ".bikd-run-number" in html
    assert not [name for name in ("STYLE", "SCRIPT", "DATA", "FONT") if f"{name}\n" in html]
    assert 'inert aria-hidden="true"' in html


def test_it_names_the_pages_as_their_links_do():
    html = with_first_view(PAGE, tuple(name for name in files.PAGES if name not in files._UNLISTED))
    for page in PAGES.values():
        assert (f"<span>{page.title}</span>" in html) == page.is_listed


def test_nothing_in_the_data_can_end_the_script(monkeypatch, tmp_path):
    file = tmp_path / "picture.json"
    file.write_text('{"title": "</script><b>"}')
    monkeypatch.setattr(first_view, "FILE", file)
    first_view._view.cache_clear()
    assert "</script><b>" not in with_first_view(PAGE, ("", "lab"))
    first_view._view.cache_clear()


def test_without_a_picture_the_page_is_as_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(first_view, "FILE", tmp_path / "none.json")
    assert with_first_view(PAGE, ("", "lab")) == PAGE
