"""The panel "What works on my pictures?" in a real browser, with a result that was never made."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.recommend.record import base_of, path_for, write_record
from tests.browser.test_axe import SCHEMES, faults_of, wait_for_figures
from tests.made_up import make_run
from tests.recommend.made_up import done

BUTTON = "What works on my pictures?"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_panel_shows_its_result_without_a_serious_fault(home, server_url, new_page, scheme):
    base = base_of(RunConfig.from_flat({"dataset": "digits", "epochs": 9}).flat())
    run = make_run(home / "runs", method="ltkd", seed=0, epochs=3)
    write_record(path_for(base, home / "recommendations"), done(base, getattr(run, "run_id", run)))
    page = new_page(f"{server_url}/compare?epochs=9", BUTTON, color_scheme=scheme)
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_text("Recommended: LTKD.").wait_for()
    wait_for_figures(page)
    assert faults_of(page) == []
    page.get_by_role("button", name="Its run in the Lab").click()
    page.wait_for_url("**/lab?**")
