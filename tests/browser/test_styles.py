"""A page has its styles from its first moment."""

import re

import pytest

#: The opacity of the first caption at each frame since it is there: Streamlit's own is 0.6.
WATCH = """() => {
    window.seen = new Set();
    const look = () => {
        const caption = document.querySelector("[data-testid=stCaptionContainer]");
        if (caption) window.seen.add(getComputedStyle(caption).opacity);
        requestAnimationFrame(look);
    };
    look();
}"""


@pytest.mark.parametrize("address", ["lab", "learn", "no-such-page"])
def test_text_is_never_paler_than_it_ends(server_url, new_page, address):
    page = new_page(server_url)
    page.add_init_script(f"addEventListener('DOMContentLoaded', {WATCH})")
    page.goto(f"{server_url}/{address}")
    page.wait_for_function("window.seen?.size > 0")
    page.wait_for_timeout(1000)
    assert page.evaluate("[...window.seen]") == ["1"]


def contrast(colours) -> float:
    """The contrast of two colours as the browser writes them, by WCAG 2's formula."""
    lights = []
    for colour in colours:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    low, high = sorted(lights)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_main_button_can_be_read_under_the_pointer(server_url, new_page, scheme):
    page = new_page(server_url, color_scheme=scheme)
    button = page.get_by_role("button", name="Start", exact=True)
    button.hover()
    page.wait_for_timeout(500)
    colours = button.evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    assert contrast(colours) >= 4.5
