"""axe-core finds no serious fault on any page, in either theme."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from app.lab.views import VIEWS
from tests.browser.test_timeline import BIKD
from tests.studies.results_of import keep

DONE = re.compile("Nothing is missing")
OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},  # axe-core leaves it out
}
#: Less than serious to axe-core, but our own headings and names.
ALSO = ("heading-order",)
#: What is Streamlit's own and cannot be mended from here: by rule, the selector and the reason.
STREAMLITS_OWN: dict[str, dict[str, str]] = {}
SCHEMES = ("light", "dark")
#: Nothing fades in: what is half there has half its contrast.
SETTLED = """() => document.getAnimations().every(
    animation => animation.playState !== "running"
        || animation.effect.getComputedTiming().iterations === Infinity)"""


def faults_of(page) -> list[str]:
    """What axe-core finds serious on a page, apart from what is Streamlit's own."""
    page.wait_for_function(SETTLED)
    found = []
    for violation in Axe().run(page, options=OPTIONS).response["violations"]:
        rule = violation["id"]
        if violation["impact"] not in ("serious", "critical") and rule not in ALSO:
            continue
        for node in violation["nodes"]:
            [selector] = node["target"]
            allowed = ", ".join(STREAMLITS_OWN.get(rule, ()))
            if allowed and page.locator(selector).first.evaluate(
                "(element, allowed) => element.matches(allowed)", allowed
            ):
                continue
            found.append(f"{rule}: {node['html'][:160]} {node['failureSummary'][:200]}")
    return found


def wait_for_figures(page) -> None:
    """Wait until each figure in the page's main part is drawn or says why it is empty."""
    page.wait_for_function(
        """() => {
            const main = document.querySelector("[data-testid=stMain]");
            const plots = [...main.querySelectorAll(".bikd-plot")];
            return main.querySelector(".bikd-figure, .bikd-gallery") !== null
                && plots.every(plot => plot.textContent !== "Drawing …" && plot.childElementCount);
        }"""
    )
    page.wait_for_timeout(500)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_lab_has_no_serious_fault_in_any_view(server_url, recorded_url, new_page, scheme):
    page = new_page(server_url, color_scheme=scheme)
    page.get_by_role("button", name=BIKD).first.wait_for()
    faults = {"no run": faults_of(page)}
    for view in VIEWS:
        page.goto(f"{recorded_url}&epoch=40&view={view.name.replace(' ', '+')}")
        wait_for_figures(page)
        faults[view.name] = faults_of(page)
    page.goto(f"{recorded_url}&present=true")
    wait_for_figures(page)
    faults["presented"] = faults_of(page)
    page.goto(f"{recorded_url}&view=Pictures&picture=1")
    page.locator(".bikd-portrait").first.wait_for()
    faults["a picture"] = faults_of(page)
    assert {place: found for place, found in faults.items() if found} == {}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_runs_side_by_side_have_no_serious_fault(pair_url, new_page, scheme):
    page = new_page(pair_url, color_scheme=scheme)
    faults = {}
    for view in ("Overview", "Accuracy", "Pictures"):
        page.goto(f"{pair_url}&view={view}")
        wait_for_figures(page)
        faults[view] = faults_of(page)
    assert {place: found for place, found in faults.items() if found} == {}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_other_pages_have_no_serious_fault(home, server_url, compared, new_page, scheme):
    keep(home / "studies", "val_size", lambda cell, seed: 0.5, (0, 1))
    page = new_page(compared, DONE, color_scheme=scheme)
    wait_for_figures(page)
    faults = {"compare": faults_of(page)}
    page.get_by_text("What is known").click()
    page.locator(".st-key-figure_answer .nsewdrag").first.wait_for()
    faults["known"] = faults_of(page)
    page.goto(f"{server_url}/compare?seeds=7-9")
    page.get_by_role("button", name=re.compile("Quick comparison")).wait_for()
    faults["an empty comparison"] = faults_of(page)
    page.goto(f"{server_url}/teachers")
    page.get_by_role("button", name=re.compile("^Train ")).wait_for()
    wait_for_figures(page)
    faults["teachers"] = faults_of(page)
    page.goto(f"{server_url}/studies?study=val_size")
    page.get_by_role("button", name=re.compile("^Run it|^Go on")).wait_for()
    wait_for_figures(page)
    faults["studies"] = faults_of(page)
    page.goto(f"{server_url}/try")
    page.get_by_text("Open a finished run in the Lab").wait_for()
    faults["try it, without a run"] = faults_of(page)
    page.goto(server_url)
    page.get_by_role("button", name="Pause the recorded run").click()
    page.locator(".bikd-term").first.focus()
    faults["home"] = faults_of(page)
    page.goto(f"{server_url}/learn?lesson=3")
    page.locator(".bikd-choice").first.click()
    page.locator(".bikd-revealed").wait_for()
    wait_for_figures(page)
    faults["a card of the lesson"] = faults_of(page)
    page.goto(f"{server_url}/learn?lesson=5")
    page.locator(".bikd-choice").first.click()
    page.get_by_role("button", name="Listen to the weights").wait_for()
    wait_for_figures(page)
    faults["a card with a slider and a sound"] = faults_of(page)
    assert {place: found for place, found in faults.items() if found} == {}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["lab", "compare", "studies", "teachers"])
def test_no_button_is_named_by_its_icon(server_url, new_page, path):
    button = "Start" if path == "lab" else re.compile("^Start|^Train |^Run it|^Go on")
    page = new_page(f"{server_url}/{path}", button)
    page.wait_for_timeout(1000)
    names = page.locator("button").evaluate_all(
        """buttons => buttons.filter(button => {
            const words = button.cloneNode(true);
            words.querySelectorAll('[data-testid=stIconMaterial]').forEach(icon => icon.remove());
            return !(button.getAttribute('aria-label') || words.textContent.trim());
        }).map(button => button.outerHTML.slice(0, 200))"""
    )
    assert names == []
