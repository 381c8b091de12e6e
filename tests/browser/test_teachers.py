"""Teachers in a real browser: uploaded, refused, trained, used in the Lab, deleted."""

import re

import pytest

from bikd_core.places import ASSETS

WEIGHTS = ASSETS / "teachers" / "digits-digits_cnn_l-803da1.safetensors"
TRAIN = re.compile("^Train ")


def upload(page, name: str, content: bytes, model: str = "digits_cnn_l") -> None:
    page.get_by_role("button", name="Upload", exact=True).first.click()
    panel = page.locator("[data-testid=stPopoverBody]")
    panel.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    panel.get_by_text(name).wait_for()
    panel.get_by_role("combobox", name="Architecture").click()
    page.get_by_role("option", name=model, exact=True).click()
    panel.get_by_placeholder(f"digits-{model}-uploaded").wait_for()  # the choice has arrived
    panel.get_by_role("button", name="Check and store").click()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "model", "said"),
    [
        (b"no weights at all", "digits_cnn_l", "mine.safetensors is cut off or damaged"),
        (WEIGHTS.read_bytes(), "digits_mlp", "mine.safetensors is no digits_mlp"),
    ],
)
def test_an_unusable_file_is_refused_with_one_sentence(server_url, new_page, content, model, said):
    page = new_page(f"{server_url}/teachers", TRAIN)
    upload(page, "mine.safetensors", content, model)
    page.locator(".st-key-complaints").get_by_text(said).wait_for()


@pytest.mark.slow
def test_an_upload_is_shown_used_in_the_lab_and_deleted(server_url, new_page):
    page = new_page(f"{server_url}/teachers", TRAIN)
    upload(page, "mine.safetensors", WEIGHTS.read_bytes())
    page.wait_for_url("**shown=digits-digits_cnn_l-uploaded*")
    page.get_by_text("84.7 % balanced. How biased it is cannot be told").wait_for()
    page.get_by_text("unknown images").wait_for()
    link = page.url
    page.keyboard.press("Escape")  # the panel is still open
    page.get_by_role("button", name="Use it in the Lab").click()
    page.wait_for_url("**teacher=digits-digits_cnn_l-uploaded*")
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.goto(link)
    page.get_by_role("button", name="Delete").first.click()
    panel = page.locator("[data-testid=stPopoverBody]")
    panel.get_by_text("from the disk").click()
    panel.get_by_role("button", name="Delete").click()
    page.get_by_text("Biased towards the head by 42.0 points").wait_for()
    assert "shown=" not in page.url


@pytest.mark.slow
def test_a_teacher_is_trained_in_the_background_and_then_listed(server_url, new_page):
    page = new_page(f"{server_url}/teachers?epochs=2&imbalance_factor=20", TRAIN)
    page.get_by_role("button", name=TRAIN).click()
    page.get_by_text("Teacher digits-digits_cnn_l-20:").wait_for()
    page.get_by_text("Teacher digits-digits_cnn_l-20:").wait_for(state="detached")
    page.goto(f"{server_url}/teachers?shown=digits-digits_cnn_l-20")
    page.get_by_text("2 epochs, batch 64").wait_for()
    page.locator(".st-key-figure_teacher_accuracy .nsewdrag").first.wait_for()
