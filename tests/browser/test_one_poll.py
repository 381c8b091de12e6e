"""What a poll draws: words and plot together, under a header that keeps its height."""

from bikd_core.bench.browser import served_app
from tests.made_up import make_run

HEADER = "document.querySelector('.st-key-headline').getBoundingClientRect()"


def test_a_plot_that_is_not_drawn_yet_has_a_placeholder_and_no_sentence(server_url, new_page):
    page = new_page(server_url)
    page.get_by_role("button", name="BiKD lifts the tail").first.click()
    page.wait_for_url("**run=*")
    address = page.url
    held = []
    page.route("**/plotly-cartesian.min.js*", lambda route: held.append(route))
    page.goto(address)
    figure = page.locator(".st-key-figure_w_hard figure")
    figure.get_by_text("Drawing …").wait_for()
    assert figure.locator("figcaption").inner_text() == ""
    while not held:
        page.wait_for_timeout(100)
    held[0].continue_()
    figure.locator("figcaption").filter(has_text="At epoch 60").wait_for()
    assert figure.get_by_text("Drawing …").count() == 0
    assert figure.locator(".bar, .scatterlayer").count()


def test_a_warning_that_comes_and_goes_moves_nothing(tmp_path, new_page):
    run = make_run(tmp_path / "runs", done=3, warned=2)
    with served_app(tmp_path, tmp_path / "server.log") as url:
        page = new_page(f"{url}?run={run.run_id}&epoch=1")
        page.get_by_text("At epoch 1 few-shot").first.wait_for()
        without = page.evaluate(f"[{HEADER}.height, {HEADER}.bottom]")
        page.goto(f"{url}?run={run.run_id}&epoch=2")
        page.get_by_text("At epoch 2 few-shot").first.wait_for()
        page.get_by_text("nothing moves").wait_for()
        assert page.evaluate(f"[{HEADER}.height, {HEADER}.bottom]") == without
        assert without[0] > 20


def test_the_header_stays_where_it_was_first_seen_while_the_rest_is_fetched(server_url, new_page):
    page = new_page(server_url)
    page.get_by_role("button", name="BiKD lifts the tail").first.click()
    page.wait_for_url("**run=*")
    address = page.url
    slow = page.context.new_cdp_session(page)
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 4})  # each step is a frame then
    page.add_init_script(f"""
        window.bottoms = [];
        (function look() {{
            if (document.querySelector(".st-key-headline")) bottoms.push({HEADER}.bottom);
            requestAnimationFrame(look);
        }})();
    """)
    page.goto(address)
    page.locator(".st-key-figure_w_hard .nsewdrag").first.wait_for()
    page.get_by_role("button", name="Earlier runs").wait_for()
    bottoms = page.evaluate("bottoms")
    assert set(bottoms) == {bottoms[0]}
