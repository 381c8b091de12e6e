"""What the Lab shows fits a projector and a phone, and answers beside the click."""

import re
from urllib.parse import urlencode

import pytest

from tests.browser.test_clicks import click_at
from tests.made_up import make_run

VIEWS = ("Overview", "Weights", "Pictures", "Surface", "Accuracy", "Outer loop", "One step")
PROJECTOR = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}
SETTLED_MS = 1500  # until figures that are drawn late have their height

IN_SIGHT = """(element) => {
    const {left, top, right, bottom} = element.getBoundingClientRect();
    return right > left && bottom > top && left >= 0 && top >= 0
        && right <= innerWidth && bottom <= innerHeight;
}"""


def open_view(new_page, url: str, view: str, **options):
    page = new_page(f"{url}&view={view.replace(' ', '+')}&epoch=40", **options)
    page.locator(".bikd-timeline output", has_text="epoch 40 of 60").wait_for()
    if view not in {"Pictures", "One step"}:
        page.locator(".js-plotly-plot .nsewdrag").last.wait_for()
    page.wait_for_timeout(SETTLED_MS)
    return page


def box(page, selector: str) -> dict[str, float]:
    return page.locator(selector).first.bounding_box()


def bottom_of_slider(page) -> float:
    slider = box(page, ".bikd-timeline")
    return slider["y"] + slider["height"]


# A projector -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_header_views_and_slider_take_at_most_150_px(
    home, server_url, recorded_url, pair_url, new_page
):
    page = open_view(new_page, recorded_url, "Overview", viewport=PROJECTOR)
    heights = {}
    for view in VIEWS:
        page.get_by_role("radio", name=view, exact=True).click()
        page.wait_for_url(f"**view={view.replace(' ', '+')}*" if view != "Overview" else "**")
        page.wait_for_timeout(SETTLED_MS)
        heights[view] = bottom_of_slider(page)
    pair = open_view(new_page, pair_url, "Weights", viewport=PROJECTOR)
    heights["two runs"] = bottom_of_slider(pair)
    many = make_run(home / "runs", dataset="cifar100", imbalance_factor=100.0).run_id
    classes = new_page(f"{server_url}/lab?run={many}&view=Weights", viewport=PROJECTOR)
    classes.get_by_role("radio", name="by groups").wait_for()
    heights["many classes"] = bottom_of_slider(classes)
    assert {name: height for name, height in heights.items() if height > 150} == {}
    for name in ("BiKD lifts the tail's weights", "plain distillation, same seed"):
        assert pair.get_by_text(name).first.evaluate(IN_SIGHT)


@pytest.mark.slow
def test_words_for_screen_readers_take_no_room_before_their_code_is_there_either(
    home, server_url, new_page
):
    many = make_run(home / "runs", dataset="cifar100", imbalance_factor=100.0).run_id
    page, held = new_page(server_url, viewport=PROJECTOR), []
    page.route("**/Html.*.js", lambda route: held.append(route))
    page.goto(f"{server_url}/lab?run={many}&view=Weights")
    page.get_by_role("radio", name="by groups").wait_for()
    page.locator(".st-key-over_time_of [role=combobox]").wait_for()
    page.locator(".bikd-timeline").wait_for()
    assert held
    before = bottom_of_slider(page)
    for route in held:
        route.continue_()
    page.locator(".st-key-views h2").wait_for(state="attached")
    assert before == bottom_of_slider(page) <= 150


CLICKS = {
    ("Weights", "w_hard"): """plot => {
        const {x0, dx, y} = plot.data.find(trace => trace.uid === "ridge-1");
        const peak = y.indexOf(Math.max(...y));
        return [x0 + peak * dx, y[peak] - 0.1];
    }""",
    ("Weights", "over_time"): "() => [50, 0.8]",
    ("Surface", "surface_soft"): """plot => {
        const points = plot.data.find(trace => trace.uid === "images-8");
        return [points.x[0], points.y[0]];
    }""",
    ("Accuracy", "confusion"): '() => ["1", "0"]',
    ("Accuracy", "accuracy"): 'plot => [50, plot.data.find(t => t.uid === "many").y[49]]',
}


@pytest.mark.slow
@pytest.mark.parametrize(("view", "figure"), CLICKS)
def test_what_a_click_selects_appears_beside_it_and_nothing_moves(
    recorded_url, new_page, view, figure
):
    page = open_view(new_page, recorded_url, view, viewport=PROJECTOR)
    chart = page.locator(f".st-key-figure_{figure} .js-plotly-plot")
    chart.locator(".nsewdrag").first.wait_for()
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(SETTLED_MS)
    before = chart.bounding_box()
    page.evaluate(
        "() => addEventListener('click', ({x, y}) => { window.clickedAt = [x, y]; }, true)"
    )
    click_at(page, figure, CLICKS[view, figure])
    drawer = page.locator(".st-key-drawer_strip_drawer")
    drawer.get_by_text("Which pictures are these?").wait_for()
    page.wait_for_timeout(SETTLED_MS)
    assert drawer.evaluate(IN_SIGHT)
    assert chart.bounding_box() == before
    x, y = page.evaluate("window.clickedAt")
    over = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('[class*=st-key-]').className", [x, y]
    )
    assert f"st-key-figure_{figure}" in over
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    assert chart.bounding_box() == before


def pick(page, gallery: str, number: int):
    """Click on a picture of a gallery; return it, and where it was."""
    picture = page.locator(f".st-key-{gallery} .bikd-picture").nth(number)
    picture.locator("img").wait_for()
    before = picture.bounding_box()
    picture.click()
    return picture, before


@pytest.mark.slow
def test_an_open_picture_is_whole_beside_the_gallery(recorded_url, new_page):
    page = open_view(new_page, recorded_url, "Pictures", viewport=PROJECTOR)
    picture, before = pick(page, "gallery", 9)
    page.locator(".bikd-portrait").wait_for()
    for figure in ("weights", "losses", "influence"):
        page.get_by_role("radio", name=figure, exact=True).click()
        shown = page.locator(f".st-key-figure_picture_{figure}")
        shown.locator(".nsewdrag").first.wait_for()
        page.wait_for_timeout(SETTLED_MS)
        assert shown.locator("figcaption").evaluate(IN_SIGHT), figure
    assert page.locator(".bikd-portrait").evaluate(IN_SIGHT)
    assert picture.bounding_box() == before


@pytest.mark.slow
def test_a_picture_of_two_runs_is_shown_for_both_beside_its_gallery(pair_url, new_page):
    page = open_view(new_page, pair_url, "Pictures", viewport=PROJECTOR)
    picture, before = pick(page, "gallery_B", 2)
    drawer = page.locator(".st-key-drawer_picture_drawer")
    drawer.locator(".bikd-portrait").nth(1).wait_for()
    page.wait_for_timeout(SETTLED_MS)
    assert drawer.evaluate(IN_SIGHT)
    assert picture.bounding_box() == before
    assert drawer.bounding_box()["x"] + drawer.bounding_box()["width"] <= before["x"]
    drawer.get_by_role("button", name="Close", exact=True).click()
    drawer.wait_for(state="hidden")


@pytest.mark.slow
def test_each_phase_of_a_step_is_in_sight(recorded_url, new_page):
    page = open_view(new_page, recorded_url, "One step", viewport=PROJECTOR)
    figures = page.locator("[class*='st-key-figure_step_']")
    figures.first.locator(".nsewdrag").first.wait_for()
    for phase in page.locator(".bikd-phase").all():
        phase.click()
        page.wait_for_timeout(SETTLED_MS)
        top = figures.first.locator(".bikd-plot")
        assert top.evaluate(IN_SIGHT), phase.inner_text()


# Toolbars ----------------------------------------------------------------------------------------

WORDS_UNDER_TOOLBARS = """() => {
    const words = [...document.querySelectorAll(
        ".bikd-figure svg text, .bikd-title, .bikd-sentence, .bikd-figure foreignObject")];
    const met = [];
    for (const bar of document.querySelectorAll(".bikd-figure .modebar-btn")) {
        const a = bar.getBoundingClientRect();
        for (const word of words) {
            const b = word.getBoundingClientRect();
            const isMet = Math.min(a.right, b.right) > Math.max(a.left, b.left)
                && Math.min(a.bottom, b.bottom) > Math.max(a.top, b.top);
            if (isMet) met.push(word.textContent);
        }
    }
    return met;
}"""


@pytest.mark.slow
def test_toolbars_cover_no_words(recorded_url, new_page):
    page = open_view(new_page, recorded_url, "Overview", viewport=PROJECTOR)
    for view in VIEWS:
        page.get_by_role("radio", name=view, exact=True).click()
        page.wait_for_timeout(2 * SETTLED_MS)
        assert page.locator(".modebar-btn").count() > 0
        assert page.evaluate(WORDS_UNDER_TOOLBARS) == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= PROJECTOR["width"]


# A phone -----------------------------------------------------------------------------------------

CUT = """() => [...document.querySelectorAll("[data-testid=stMain] :is(button, h3)")]
    .filter(element => element.checkVisibility())
    .filter(element => {
        const {left, right, width} = element.getBoundingClientRect();
        return width > 0 && (left < 0 || right > innerWidth + 1);
    })
    .map(element => element.textContent)"""


@pytest.mark.slow
def test_nothing_is_cut_on_a_phone(recorded_url, new_page):
    page = open_view(new_page, recorded_url, "Overview", viewport=PHONE)
    for view in VIEWS:
        page.get_by_role("radio", name=view, exact=True).click()
        page.wait_for_timeout(2 * SETTLED_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], view
        assert page.evaluate(CUT) == [], view


@pytest.mark.slow
def test_a_phone_has_the_name_and_the_pages_on_top_and_a_wide_chart_of_the_classes(
    recorded_url, new_page
):
    page = open_view(new_page, recorded_url, "Overview", viewport=PHONE)
    main = page.get_by_test_id("stMainBlockContainer")
    assert main.get_by_text("Bilevel Distillation Lab").evaluate(IN_SIGHT)
    for name in ("Lab", "Compare", "Teachers"):
        assert main.get_by_role("link", name=name).evaluate(IN_SIGHT)
    page.get_by_test_id("stExpandSidebarButton").click()
    chart = page.locator(".st-key-class_counts .main-svg").first
    page.wait_for_timeout(2 * SETTLED_MS)
    assert chart.bounding_box()["width"] > 200
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    main.get_by_role("link", name="Teachers").click()
    page.get_by_role("button", name=re.compile("^Train ")).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.slow
def test_what_a_click_selects_is_in_sight_on_a_phone(recorded_url, new_page):
    page = open_view(new_page, recorded_url, "Accuracy", viewport=PHONE)
    click_at(page, "confusion", '() => ["0", "0"]')
    drawer = page.locator(".st-key-drawer_strip_drawer")
    drawer.get_by_text("Which pictures are these?").wait_for()
    page.wait_for_timeout(SETTLED_MS)
    assert drawer.evaluate(IN_SIGHT)


# Compare -----------------------------------------------------------------------------------------

LONG_NAMES = {
    "kd": {},
    "bikd:over=ltkd,weight_scale=relative": {"over": "ltkd", "weight_scale": "relative"},
    "bikd:weight_scale=relative,prior=both": {"weight_scale": "relative", "prior": "both"},
}


@pytest.mark.slow
def test_the_table_of_a_comparison_fits_with_long_names(home, server_url, new_page):
    for entry, controls in LONG_NAMES.items():
        for seed in (0, 1):
            method = entry.partition(":")[0]
            make_run(home / "runs", done=4, has_biases=True, method=method, seed=seed, **controls)
    asked = urlencode({"methods": ",".join(LONG_NAMES), "seeds": "0,1", "epochs": "4"})
    page = new_page(f"{server_url}/compare?{asked}", "Nothing is missing", viewport=PROJECTOR)
    page.get_by_text("All numbers").scroll_into_view_if_needed()
    table = page.get_by_test_id("stDataFrame").first.locator(".dvn-scroller")
    table.wait_for(state="attached")
    page.wait_for_timeout(SETTLED_MS)
    whole, shown = table.evaluate("({scrollWidth, clientWidth}) => [scrollWidth, clientWidth]")
    assert whole <= shown


# A large projector -------------------------------------------------------------------------------

#: The heights of a figure's tick labels, of the page's words, and what the page has too much to the
#: right, in px.
SIZES = """() => ({
    ticks: document.querySelector(".js-plotly-plot .xtick text").getBoundingClientRect().height,
    words: parseFloat(getComputedStyle(document.querySelector(".bikd-sentence")).fontSize),
    beyond: document.documentElement.scrollWidth - innerWidth,
})"""


@pytest.mark.slow
@pytest.mark.parametrize("view", ["Weights", "Surface"])
def test_a_large_projector_shows_everything_a_quarter_larger(recorded_url, new_page, view):
    small = open_view(new_page, recorded_url, view, viewport=PROJECTOR).evaluate(SIZES)
    page = open_view(new_page, recorded_url, view, viewport={"width": 1920, "height": 1080})
    large = page.evaluate(SIZES)
    assert large["beyond"] == 0
    for what in ("ticks", "words"):
        assert large[what] / small[what] == pytest.approx(1.25, abs=0.06), what
    page.set_viewport_size(PROJECTOR)
    page.wait_for_timeout(SETTLED_MS)
    assert page.evaluate(SIZES)["ticks"] == pytest.approx(small["ticks"], abs=1)
