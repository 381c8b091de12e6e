"""The toy in a real browser."""

import re

from tests.browser.test_axe import faults_of


def test_it_trains_without_a_click_and_follows_a_point_that_is_moved_by_key_and_by_hand(
    server_url, new_page
):
    page = new_page(f"{server_url}/toy", button="Restart")
    state = page.locator(".bikd-toy-state")
    state.filter(has_text=re.compile(r"^epoch [1-9]")).wait_for()
    canvas = page.get_by_role("application")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    status = page.locator(".bikd-toy > .unseen")
    before = status.inner_text()
    assert before.startswith("frequent point of D_val at ")
    page.keyboard.press("Shift+ArrowRight")
    assert status.inner_text() != before
    # A click on free ground adds a point of the chosen class; the server's frame counts it.
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.95})
    rare = page.get_by_role("row").filter(has=page.get_by_role("radio", name="rare"))
    rare.get_by_role("cell", name="7", exact=True).wait_for()
    moved = page.evaluate("() => document.querySelector('.bikd-toy canvas').toDataURL()")
    page.get_by_text("teacher", exact=True).first.click()
    page.wait_for_timeout(700)
    assert moved != page.evaluate("() => document.querySelector('.bikd-toy canvas').toDataURL()")
    page.get_by_role("button", name="Pause").click()
    state.filter(has_text="paused").wait_for()
    epoch = int(re.search(r"\d+", state.inner_text())[0])
    page.get_by_role("button", name="One epoch").click()
    state.filter(has_text=f"epoch {epoch + 1} · paused").wait_for()


def test_a_digit_that_is_drawn_is_recognised_and_an_empty_field_is_said(server_url, new_page):
    page = new_page(f"{server_url}/toy", button="Clear")
    pad = page.locator(".bikd-pad")
    said = page.locator(".bikd-drawing-sentence")
    said.filter(has_text="The student says").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.locator(".bikd-toy-state", has_text="paused").wait_for()  # nothing is polled any more
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("The drawing is empty").wait_for()
    # While a page is drawn anew, its last drawing may still be there.
    page.wait_for_function("() => document.querySelectorAll('.bikd-pad').length === 1")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    # A one: a short rise, then a line down.
    for step, (x, y) in enumerate([(0.42, 0.35), (0.55, 0.2), (0.55, 0.8)]):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    said.filter(has_text="the teacher 1.").wait_for()
    assert page.get_by_role("radio", name="1", exact=True).is_checked()
    page.wait_for_timeout(500)
    assert faults_of(page) == []
