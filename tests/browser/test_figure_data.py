"""The numbers of a figure, from its mode bar, as CSV and as Parquet."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from bikd_core.events import EpochDone, from_json
from bikd_core.places import ASSETS
from tests.browser.test_lab import wait_for_epoch
from tests.browser.test_timeline import LAST


@pytest.fixture(scope="module")
def epochs():
    """What the recorded run's log says of its epochs."""
    with zipfile.ZipFile(ASSETS / "runs" / "1-digits-bikd.zip") as run:
        events = [from_json(line) for line in run.read("events.jsonl").splitlines()]
    return [event for event in events if isinstance(event, EpochDone)]


def table(page, figure: str, kind: str, folder) -> pd.DataFrame:
    """Return a figure's data, downloaded through its mode bar."""
    plot = page.locator(f".st-key-figure_{figure} .js-plotly-plot")
    plot.locator(".nsewdrag").first.wait_for()
    plot.hover()
    with page.expect_download() as started:
        plot.locator(f"[data-title='Download data as {kind}']").click()
    ending = kind.lower()
    assert started.value.suggested_filename == f"figure-{figure.replace('_', '-')}.{ending}"
    path = folder / f"{figure}.{ending}"
    started.value.save_as(path)
    return pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)


@pytest.mark.slow
def test_the_files_hold_the_run_s_own_numbers(recorded_url, new_page, tmp_path, epochs):
    page = new_page(recorded_url)
    wait_for_epoch(page, LAST)
    csv = table(page, "accuracy", "CSV", tmp_path)
    groups = {name: csv[csv["series"] == name] for name in ("balanced", "many", "few")}
    for name, field in {"balanced": "accuracy", "few": "accuracy_few"}.items():
        assert groups[name]["epoch"].tolist() == [epoch.epoch for epoch in epochs]
        expected = [100 * getattr(epoch, field) for epoch in epochs]
        [column] = [c for c in csv.columns if "accuracy" in c]
        np.testing.assert_allclose(groups[name][column], expected, atol=0.06)
    parquet = table(page, "accuracy", "Parquet", tmp_path)
    pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)

    by_class = table(page, "class_accuracy", "CSV", tmp_path)
    student = by_class[by_class["series"] == "student"]
    [column] = [c for c in by_class.columns if "accuracy" in c]
    last = [100 * value for value in epochs[-1].accuracy_per_class]
    np.testing.assert_allclose(sorted(student[column]), sorted(last), atol=0.06)


@pytest.mark.slow
def test_a_matrix_has_a_row_for_each_of_its_cells(recorded_url, new_page, tmp_path, epochs):
    page = new_page(f"{recorded_url}&view=Accuracy")
    cells = table(page, "confusion", "CSV", tmp_path)
    assert len(cells) == 100
    assert cells.columns.tolist() == [
        "taken for",
        "true class (training images)",
        "% of row",
        "label",
    ]
    right = cells[cells["taken for"] == cells.iloc[:, 1].str.split().str[0].astype(int)]
    last = [100 * value for value in epochs[-1].accuracy_per_class]
    np.testing.assert_allclose(right["% of row"], last, atol=0.06)


@pytest.mark.slow
def test_a_file_that_cannot_be_made_says_why_beside_the_figure(recorded_url, new_page, tmp_path):
    page = new_page(recorded_url)
    page.route("**/figure.parquet", lambda route: route.abort())
    plot = page.locator(".st-key-figure_accuracy .js-plotly-plot")
    plot.locator(".nsewdrag").first.wait_for()
    plot.hover()
    plot.locator("[data-title='Download data as Parquet']").click()
    page.get_by_text("(No Parquet file: the server does not answer.)").wait_for()
