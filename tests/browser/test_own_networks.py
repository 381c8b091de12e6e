"""The name of a network of timm or torchvision is typed on a page; code is refused there."""

import re

import pytest

from bikd_core.places import ASSETS

WEIGHTS = ASSETS / "teachers" / "digits-digits_cnn_l-803da1.safetensors"


def type_into(page, label, name):
    box = page.get_by_role("combobox", name=re.compile(label)).first
    box.click()
    box.fill(name)
    box.press("Enter")


def test_a_network_is_typed_for_the_next_run(server_url, new_page):
    page = new_page(f"{server_url}/lab?method=kd")
    type_into(page, "Student model", "torchvision:resnet18")
    page.wait_for_url("**student=torchvision%3Aresnet18*")
    type_into(page, "Student model", "somebodys_code:net")
    page.get_by_text("code is imported only if it is typed on the command line").first.wait_for()
    type_into(page, "Student model", "no such network")
    page.get_by_text("or timm:NAME, torchvision:NAME or module:function").first.wait_for()
    type_into(page, "Student model", "digits_mlp")
    page.wait_for_url("**student=digits_mlp*")


@pytest.mark.slow
def test_an_upload_may_be_of_a_network_that_is_typed(server_url, new_page):
    page = new_page(f"{server_url}/teachers", re.compile("^Train "))
    page.get_by_role("button", name="Upload", exact=True).first.click()
    panel = page.locator("[data-testid=stPopoverBody]")
    panel.locator("input[type=file]").set_input_files(WEIGHTS)
    type_into(panel, "Architecture", "torchvision:resnet18")
    panel.get_by_placeholder(re.compile("digits-torchvision_resnet18_[0-9a-f]{4}-")).wait_for()
    panel.get_by_role("button", name="Check and store").click()
    refused = re.compile(r"is no torchvision:resnet18: it has no conv1\.weight, .* more; it fits")
    page.locator(".st-key-complaints").get_by_text(refused).wait_for()
