"""No input is lost when another one follows it at once, nor a file that is uploaded."""

import shutil
from collections import Counter

import pytest

from bikd_core.bench.browser import app_server
from bikd_core.places import ROOT

#: Draws for half a second; the callback of "slow" reads the session again after 0.3 s.
PAGE = """
import time
import streamlit as st
from app.shared import clicks
from app.shared.long_work import result_of

def note(name, seconds):
    st.session_state.setdefault("begun", []).append(name)
    time.sleep(seconds)
    st.session_state.setdefault("done", []).append(name)

def draw(words, count):
    for number in range(count):
        time.sleep(0.01)
        st.text(f"{words} {number}")

@st.fragment
def part():
    st.button("part", on_click=note, args=("part", 0))
    draw("line of the part", 10)

if __name__ == "__main__":
    st.button("slow", on_click=note, args=("slow", 0.3))
    st.button("fast", on_click=note, args=("fast", 0))
    st.button("idle")
    part()
    if clicks.button("work", key="work"):
        result_of(("work",), lambda: time.sleep(1.5))
        clicks.acted_on("work")
        note("work", 0)
    files = st.file_uploader("Files", accept_multiple_files=True)
    draw("line", 30)
    st.text(f"{len(files)} files")
    for name in ("begun", "done"):
        st.text(" ".join([f"{name}:", *st.session_state.get(name, [])]))
else:
    from app.server import inputs

    inputs.act_on_each()
    app = st.App(__file__)
"""
#: Clicks on buttons by their names, each so many milliseconds after the one before.
CLICK = """async (clicks) => {
    for (const [name, pause] of clicks) {
        if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
        [...document.querySelectorAll("button")].find((each) => each.innerText === name).click();
    }
}"""
#: Chooses a file, and clicks "idle" at once.
UPLOAD = """async (name) => {
    const input = document.querySelector("input[type=file]");
    const chosen = new DataTransfer();
    chosen.items.add(new File([name], name));
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
    [...document.querySelectorAll("button")].find((each) => each.innerText === "idle").click();
}"""
NUM_FILES = 20  # of which two or three were lost
#: Whether a list holds as many names.
ACTS = """([list, count]) => [...document.querySelectorAll("[data-testid=stText]")].some(
    ({innerText}) => innerText.startsWith(`${list}:`) && innerText.split(" ").length > count
)"""
#: What is clicked after what, with the pauses between.
HASTES = [
    ("slow fast", [0, 100]),  # breaks in on the callback
    ("slow idle", [0, 100]),
    ("idle slow fast", [0, 200, 20]),
    ("fast slow idle", [0, 0, 0]),
    ("slow fast part", [0, 0, 0]),
    ("part slow fast", [0, 40, 5]),
    ("part idle fast", [0, 5, 0]),
    ("fast part idle", [0, 80, 15]),
    ("work fast idle", [0, 600, 20]),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Serve the page as the app is served: with its settings, and with its way to take inputs."""
    folder = tmp_path_factory.mktemp("inputs")
    script = folder / "main.py"
    script.write_text(PAGE)
    shutil.copytree(ROOT / "app" / ".streamlit", folder / ".streamlit")
    with app_server(folder, folder / "server.log", script=script) as server:
        yield server.url


@pytest.mark.slow
def test_a_click_is_acted_on_while_the_page_waits_for_long_work(url, new_page):
    page = new_page(url, "idle")
    page.get_by_text("done:", exact=True).wait_for()
    page.evaluate(CLICK, [("work", 0), ("fast", 600)])
    page.get_by_text("done: fast work").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(("names", "pauses"), HASTES, ids=[names for names, _ in HASTES])
def test_every_click_is_acted_on_to_the_end(url, new_page, names, pauses):
    page = new_page(url, "idle")
    page.get_by_text("done:", exact=True).wait_for()
    clicks = names.split()
    page.evaluate(CLICK, list(zip(clicks, pauses, strict=True)))
    wanted = Counter(clicks) - Counter(["idle"])
    for list_ in ("begun", "done"):
        page.wait_for_function(ACTS, arg=[list_, wanted.total()])
        words = page.get_by_text(f"{list_}:").inner_text()
        assert Counter(words.split()[1:]) == wanted


@pytest.mark.slow
def test_every_file_arrives(url, new_page):
    page = new_page(url, "idle")
    page.get_by_text("done:", exact=True).wait_for()
    for number in range(NUM_FILES):
        page.evaluate(UPLOAD, f"picture {number}.zip")
        page.get_by_text(f"{number + 1} files").wait_for()
