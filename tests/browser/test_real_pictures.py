"""Some thousand real PNGs, some of them broken, go from a zip to a student in use on the page."""

import io
import re
import zipfile

import numpy as np
import pytest

from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.store import open_run
from tests.browser.test_axe import SCHEMES, faults_of, wait_for_figures
from tests.browser.test_lab import wait_for_the_end
from tests.data.own.own_pictures import encoded
from tests.data.own.real_pictures import BROKEN, COUNTS, break_some, unseen_picture, write_pictures

NETWORKS = "epochs=2&teacher_model=resnet8&student=resnet8"


def zipped(folder) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def uploaded(page, content: bytes) -> str:
    """Upload a zip, look at what is in it, use it; return the data set's name."""
    page.get_by_role("button", name="Your own pictures").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(
        {"name": "real.zip", "mimeType": "application/zip", "buffer": content}
    )
    dialog.get_by_text("real.zip").wait_for()
    size = dialog.get_by_label("Resized to (pixels)")
    size.fill("16")
    size.press("Enter")
    dialog.get_by_role("button", name="Look at them").click()
    total = f"{sum(COUNTS.values()):,} colour pictures of 4 classes, resized to 16×16"
    dialog.get_by_text(total).wait_for()
    dialog.get_by_text(f"{len(BROKEN)} files are left out").wait_for()
    dialog.get_by_role("button", name="Use them").click()
    page.wait_for_url("**dataset=own_real_*")
    return re.search(r"dataset=(\w+)", page.url)[1]


@pytest.mark.slow
def test_a_zip_becomes_an_onnx_and_answers_about_a_picture(server_url, home, new_page, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    folder = write_pictures(tmp_path / "real")
    break_some(folder)
    page = new_page(f"{server_url}/lab")
    dataset = uploaded(page, zipped(folder))

    train = re.compile("^Train resnet8")
    page.goto(f"{server_url}/teachers?dataset={dataset}&{NETWORKS}")
    page.get_by_role("button", name=train).click()
    page.get_by_text(f"Teacher {dataset}-resnet8-natural:").wait_for()
    page.get_by_text(f"Teacher {dataset}-resnet8-natural:").wait_for(state="detached")

    page.goto(f"{server_url}/lab?dataset={dataset}&{NETWORKS}&method=bikd")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(f"**run={dataset}*")
    wait_for_the_end(page)
    run = open_run(Places.at(home).runs, re.search("run=([^&]+)", page.url)[1])
    page.get_by_role("button", name="This run").click()
    panel = page.locator("[data-testid=stPopoverBody]")
    with page.expect_download() as started:
        panel.get_by_role("button", name="Student and its card (.onnx, zipped)").click()
    check_student(onnxruntime, started.value.path(), run, home)

    with page.expect_popup() as opened:
        panel.get_by_role("link", name="Try it on a picture").click()
    tried = opened.value
    try_pictures(tried)
    tried.mouse.move(0, 0)  # a button under the pointer is Streamlit's own in its colours
    for scheme in SCHEMES:
        tried.emulate_media(color_scheme=scheme)
        tried.wait_for_timeout(1000)
        assert faults_of(tried) == []


def check_student(onnxruntime, path, run, home) -> None:
    """Check the scores of a downloaded .onnx against what the run says it has on its test set."""
    with zipfile.ZipFile(path) as archive:
        assert "# student.onnx" in archive.read("student.md").decode()
        session = onnxruntime.InferenceSession(archive.read("student.onnx"))
    split = load_split(run.record().config.data, Places.at(home).data)
    [scores] = session.run(None, {"images": split.test.images.numpy().astype(np.float32) / 255})
    right = scores.argmax(axis=1) == split.test.labels.numpy()
    last = [event for event in run.events() if isinstance(event, EpochDone)][-1]
    found = [right[split.test.labels.numpy() == label].mean() for label in range(len(COUNTS))]
    np.testing.assert_allclose(found, last.accuracy_per_class)


def try_pictures(page) -> None:
    """Drop a picture, choose another label, drop what is no picture, take a test picture."""
    upload = page.locator("input[type=file]")
    picture = encoded(unseen_picture("ship"))
    upload.set_input_files({"name": "ship.png", "mimeType": "image/png", "buffer": picture})
    page.locator(".bikd-tried").nth(1).wait_for()
    said = page.locator(".st-key-figure_beliefs figcaption")
    said.get_by_text(re.compile("The student takes it for .* The teacher takes it for")).wait_for()
    page.get_by_text("w_soft", exact=True).first.wait_for()
    page.get_by_label("Were it a training picture, labelled").click()
    page.get_by_role("option", name="ship", exact=True).click()
    page.get_by_text("Labelled ship, it gets").wait_for()
    upload.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_text("The file is not a picture.").wait_for()
    page.get_by_text("A test picture", exact=True).click()
    page.get_by_role("button", name="Ask about it").click()
    page.get_by_text("A test picture: cat").wait_for()
    wait_for_figures(page)
