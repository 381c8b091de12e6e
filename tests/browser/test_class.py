"""A class in real browsers: a host and three followers, each in a profile of its own."""

import pytest
import segno

from bikd_core.places import Places
from tests.browser.test_axe import SCHEMES, faults_of, wait_for_figures
from tests.browser.test_lab import epoch_of, start, wait_for_epoch
from tests.browser.test_timeline import LAST

PHONE = {"viewport": {"width": 390, "height": 844}}
CHOSEN_VIEW = ".st-key-views [role=radio][aria-checked=true]"
#: Counts, at each change of a page, the bars of views and the sliders that can be seen.
COUNT_BARS = """() => {
  window.most_bars = {};
  const look = () => ['[class*=st-key-view_in_class]', '.bikd-timeline'].forEach(bar => {
    const seen = [...document.querySelectorAll(bar)].filter(it => it.checkVisibility()).length;
    window.most_bars[bar] = Math.max(window.most_bars[bar] ?? 0, seen);
  });
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
}"""


@pytest.fixture
def open_class(recorded_url, home, new_page):
    """Opens a class on the recorded run; returns the host's page and the class's link."""
    classes = []

    def opened(parameters: str = "", **options):
        key = Places.at(home).owner_key.read_text()
        host = new_page(f"{recorded_url}{parameters}&owner={key}", "Open a class", **options)
        wait_for_epoch(host, 1)
        host.get_by_role("button", name="Open a class").click()
        link = host.locator(".bikd-invitation").inner_text()
        classes.append((host, link[-5:]))
        return host, link

    yield opened
    for host, code in classes:
        if not host.is_closed() and host.get_by_text(f"Class {code}").count():
            host.get_by_role("button", name="End", exact=True).click()
            host.get_by_role("button", name=f"End class {code}").click()
            host.get_by_text(f"Class {code}").first.wait_for(state="detached")


def join(new_page, link: str, **options):
    page = new_page(link, "Follow the host live", **options)
    page.get_by_text("You see what the host shows").wait_for()
    return page


def wait_for_place(page, view: str, epoch: int) -> None:
    page.locator(CHOSEN_VIEW, has_text=view).wait_for()
    # While the page is drawn anew the slider of before may still be above the new one.
    epochs = page.locator(".bikd-timeline output")
    epochs.get_by_text(f"epoch {epoch} of {LAST}").last.wait_for()


def go(host, view: str, epoch_from_last: int) -> None:
    """Let the host choose a view, and an epoch by the keyboard."""
    host.get_by_role("radio", name=view).click()
    host.locator(CHOSEN_VIEW, has_text=view).wait_for()
    slider = host.get_by_role("slider", name="Epoch")
    slider.press("End")
    for _ in range(epoch_from_last):
        slider.press("ArrowLeft")
    assert epoch_of(host) == LAST - epoch_from_last


def live(page):
    return page.locator(".bikd-live")


@pytest.mark.slow
def test_who_has_just_clicked_never_sees_a_bar_twice_when_the_host_calls(open_class, new_page):
    host, link = open_class()
    ben = join(new_page, link, **PHONE)
    wait_for_place(ben, "Overview", LAST)
    ben.evaluate(COUNT_BARS)
    for view in ("Surface", "Accuracy"):
        ben.get_by_role("radio", name=view).click()
        ben.locator(CHOSEN_VIEW, has_text=view).wait_for()
        ben.get_by_role("slider", name="Epoch").press("ArrowLeft")
        wait_for_place(ben, view, LAST - 1)
        ben.get_by_role("radio", name=view).focus()
        host.get_by_role("button", name="Look here").click()
        wait_for_place(ben, "Overview", LAST)
    assert set(ben.evaluate("window.most_bars").values()) == {1}


@pytest.mark.slow
def test_a_class_follows_its_host_looks_alone_and_answers(open_class, new_page):
    host, link = open_class()
    code = link[-5:]
    assert host.locator(".bikd-qr").get_attribute("src") == segno.make(
        link, error="m"
    ).png_data_uri(scale=8, border=3)
    anna, ben = join(new_page, link), join(new_page, link, **PHONE)
    host.get_by_text(f"Class {code} · 2 here").wait_for()
    assert not anna.locator("[data-testid=stSidebar]").is_visible()
    for words in ("Start", "Pause", "Stop", "Earlier runs", "Look here"):
        assert not anna.get_by_role("button", name=words, exact=True).count()

    # They are where the host is.
    go(host, "Accuracy", 3)
    for page in (anna, ben):
        wait_for_place(page, "Accuracy", LAST - 3)

    # Anna looks alone: another view, another epoch; the host goes on without her.
    anna.get_by_role("radio", name="Surface").click()
    slider = anna.get_by_role("slider", name="Epoch")
    for _ in range(2):
        slider.press("ArrowLeft")
    wait_for_place(anna, "Surface", LAST - 5)
    assert live(anna).get_attribute("aria-pressed") == "false"
    go(host, "Weights", 1)
    wait_for_place(ben, "Weights", LAST - 1)
    wait_for_place(anna, "Surface", LAST - 5)
    live(anna).click()
    wait_for_place(anna, "Weights", LAST - 1)
    assert live(anna).get_attribute("aria-pressed") == "true"

    # "Look here" brings back who looks alone, once, and locks nobody.
    ben.get_by_role("radio", name="Outer loop").click()
    ben.locator(CHOSEN_VIEW, has_text="Outer loop").wait_for()
    host.get_by_role("button", name="Look here").click()
    wait_for_place(ben, "Weights", LAST - 1)
    ben.get_by_role("radio", name="Surface").click()
    wait_for_place(ben, "Surface", LAST - 1)

    # A question; Carl joins late.
    host.get_by_role("button", name="Ask", exact=True).click()
    host.get_by_label("Question", exact=True).fill("Who gets <i>more</i> **weight**?")
    for number, choice in enumerate(("head", "tail"), start=1):
        host.get_by_label(f"Choice {number}").fill(choice)
    host.get_by_role("button", name="Put it to the class").click()
    host.get_by_text("0 of 2 have answered").wait_for()
    carl = join(new_page, link)
    wait_for_place(carl, "Weights", LAST - 1)
    for page, choice in ((anna, "tail"), (ben, "tail"), (carl, "head")):
        page.get_by_text("Who gets <i>more</i> **weight**?").wait_for()
        page.get_by_role("button", name=choice, exact=True).click()
        page.get_by_text("Your answer is in").wait_for()
        assert not page.get_by_role("button", name=choice, exact=True).count()
    host.get_by_text("3 of 3 have answered").wait_for()
    assert host.locator(".bikd-count").all_inner_texts() == ["1 (33 %)", "2 (67 %)"]
    assert not anna.locator(".bikd-count").count()

    # Who opens the page again has answered already.
    carl.reload()
    carl.get_by_text("Your answer is in").wait_for()

    # A host who reloads still is the host.
    host.reload()
    host.get_by_text("3 of 3 have answered").wait_for()
    host.get_by_role("button", name="Show the answers to the class").click()
    for page in (anna, ben, carl):
        page.get_by_text("Answers: 3.").wait_for()
        assert page.locator(".bikd-count").all_inner_texts() == ["1 (33 %)", "2 (67 %)"]
    host.get_by_role("button", name="Take the question away").click()
    anna.locator(".bikd-asks").wait_for(state="detached")

    # It ends.
    host.get_by_role("button", name="End", exact=True).click()
    host.get_by_role("button", name=f"End class {code}").click()
    for page in (anna, ben, carl):
        page.get_by_text(f"Class {code} has ended.").wait_for()
        page.get_by_text("Learn by yourself").wait_for()


@pytest.mark.slow
def test_a_class_follows_a_run_that_trains_and_then_the_next(server_url, new_page):
    host = new_page(f"{server_url}/lab?epochs=12&seed=5")
    start(host)
    host.get_by_role("button", name="Open a class").click()
    link = host.locator(".bikd-invitation").inner_text()
    anna = join(new_page, link)
    wait_for_epoch(anna, 12)
    anna.locator(".st-key-headline").get_by_text("finished", exact=True).wait_for()
    first = host.url
    host.goto(f"{server_url}/lab?epochs=3&seed=6")
    host.get_by_text(link[-5:]).first.wait_for()  # its browser still is the host's
    start(host)
    anna.locator(".bikd-timeline output").get_by_text("of 3").wait_for()
    wait_for_epoch(anna, 3)
    assert host.url != first


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_neither_side_has_a_serious_fault_and_nothing_is_cut(open_class, new_page, scheme):
    host, link = open_class("&view=Accuracy", color_scheme=scheme)
    faults = {"invitation": faults_of(host)}
    host.get_by_role("button", name="Ask", exact=True).click()
    host.get_by_label("Question", exact=True).fill("Who?")
    for number in (1, 2, 3, 4):
        host.get_by_label(f"Choice {number}").fill(f"a rather long choice, number {number}")
    faults["ask"] = faults_of(host)
    host.get_by_role("button", name="Put it to the class").click()
    host.locator(".bikd-asks").wait_for()
    faults["tally"] = faults_of(host)
    page = join(new_page, link, color_scheme=scheme, **PHONE)
    wait_for_figures(page)
    faults["question"] = faults_of(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="number 2").click()
    page.get_by_text("Your answer is in").wait_for()
    host.get_by_role("button", name="Show the answers to the class").click()
    page.get_by_text("Answers: 1.").wait_for()
    faults["answers"] = faults_of(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{link[:-5]}22222")
    page.get_by_text("There is no class").wait_for()
    faults["no class"] = faults_of(page)
    found = {where: found for where, found in faults.items() if found}
    assert not found, found
