"""The HTML file of a run, opened from the disk without a network."""

import pytest

from bikd_core.cli import main

FIGURES = ("w_hard", "accuracy", "class_accuracy")
VALUES = """name => document.querySelector(`[id="figure-${name}"], .st-key-figure_${name}`)
    .querySelector(".js-plotly-plot").data
    .map(({x, y}) => [Array.from(x ?? []), Array.from(y ?? [])])"""


@pytest.mark.slow
def test_its_figures_at_an_epoch_are_the_page_s_by_value(
    tmp_path, home, recorded_url, new_page, browser
):
    run_id = recorded_url.partition("run=")[2]
    file = tmp_path / "run.html"
    assert (
        main(["export", run_id, f"--runs-dir={home / 'runs'}", f"--html={file}", "--pictures"]) == 0
    )
    page = new_page(f"{recorded_url}&epoch=40")
    page.locator(".bikd-timeline output", has_text="epoch 40 of 60").wait_for()
    page.get_by_text("At epoch 40 few-shot").first.wait_for()
    page.locator(".st-key-figure_class_accuracy .nsewdrag").wait_for()

    context = browser.new_context(offline=True)
    errors = []
    try:
        alone = context.new_page()
        alone.on("pageerror", lambda error: errors.append(error))  # playwright wants a function
        alone.goto(file.as_uri())
        alone.get_by_text("At epoch 60 few-shot").first.wait_for()
        slider = alone.get_by_role("slider", name="Epoch")
        slider.fill("40")
        alone.get_by_text("At epoch 40 few-shot").first.wait_for()
        alone.locator("#figure-class_accuracy .nsewdrag").wait_for()
        for name in FIGURES:
            alone.wait_for_timeout(200)
            assert alone.evaluate(VALUES, name) == page.evaluate(VALUES, name), name
        alone.get_by_role("button", name="Pictures", exact=True).click()
        alone.get_by_text("At epoch 40, of 190 training pictures").wait_for()
        assert alone.locator(".bikd-picture img").count() == 24
        alone.get_by_role("button", name="by w_soft").click()
        alone.get_by_role("heading", name="Which pictures get soft-loss weight?").wait_for()
        alone.get_by_role("button", name="One step").click()
        alone.get_by_role("button", name="4 Influence").click()
        alone.get_by_text("Whose hard loss does D_val want more of?").wait_for()
        assert errors == []
    finally:
        context.close()
