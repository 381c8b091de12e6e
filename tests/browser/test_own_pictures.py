"""Pictures of one's own from a zip to the first epochs, as somebody does it on the page."""

import pytest

from tests.runs.test_own_upload import zipped


@pytest.mark.slow
def test_a_zip_is_uploaded_looked_at_and_trained_on(server_url, new_page):
    page = new_page(f"{server_url}/lab?epochs=2&method=kd")
    page.get_by_role("button", name="Your own pictures").click()
    dialog = page.get_by_role("dialog")
    content = zipped({"<b>ant": 30, "bee": 12, "кот": 6}, channels=1).getvalue()
    dialog.locator("input[type=file]").set_input_files(
        {"name": "my pets.zip", "mimeType": "application/zip", "buffer": content}
    )
    dialog.get_by_text("my pets.zip").wait_for()
    size = dialog.get_by_label("Resized to (pixels)")
    size.fill("8")
    size.press("Enter")
    dialog.get_by_role("button", name="Look at them").click()
    dialog.get_by_text("48 grey pictures of 3 classes, resized to 8×8").wait_for()
    dialog.get_by_text("No picture is there twice, or nearly.").wait_for()
    dialog.get_by_role("button", name="Use them").click()
    page.wait_for_url("**dataset=own_my_pets_*")
    page.get_by_text("16 training images").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**run=own_my_pets_*")
