"""A page has its styles from its first moment."""

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
