"""The built wheel, installed into an environment of its own that borrows the dependencies."""

import csv
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bikd_core.bench.browser import HEADLINE
from bikd_core.events import EpochDone
from bikd_core.store import list_runs
from tests.patience import PATIENCE_S

CHECKOUT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """An unrelated folder. Names of modules in it must not disturb."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("app", "assets", "plotly"):
        (folder / name).mkdir()
    for name in ("app.py", "main.py"):
        (folder / name).write_text("raise SystemExit('a file of the working folder')")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel alone; what it depends on is that of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=CHECKOUT, check=True, timeout=PATIENCE_S)
    (wheel,) = folder.glob("*.whl")
    home = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = next(path for path in home.glob("*/python*") if path.stem == "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True, timeout=PATIENCE_S)
    (site,) = home.rglob("site-packages")
    # A path in a .pth file is only added: the .pth files there, a checkout's among them, are not.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return site, python.parent


def environment(home):
    """A home of the test's own, and no way to the checkout."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"BIKD_HOME": str(home), "BIKD_RUNS": "", "BIKD_DATA": ""}


@contextmanager
def opened(command, cwd, home):
    """The address of the page that a command serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--address", "127.0.0.1", "--headless"],
            cwd=cwd,
            env=environment(home),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and server.poll() is None:
            try:
                fetch(f"{url}/_stcore/health")
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        assert server.poll() is None, log.read_text()
        yield url
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_S)


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def test_the_wheel_installs_no_top_level_package_but_its_own(installed):
    site, _ = installed
    (record,) = site.glob("bikd-*.dist-info/RECORD")
    with record.open(newline="", encoding="utf-8") as lines:
        paths = [Path(path) for path, *_ in csv.reader(lines)]
    names = {path.parts[0] for path in paths} - {record.parent.name, ".."}
    assert names == {"bikd_core"}
    assert Path("bikd_core/py.typed") in paths


# `python -m` puts the working folder first, where an app.py would hide the page.
@pytest.mark.parametrize("program", [["bikd"], ["python", "-m", "bikd_core.cli"]])
def test_the_page_opens_from_any_folder(installed, elsewhere, tmp_path, program):
    _, scripts = installed
    command = [scripts / program[0], *program[1:], "app"]
    with opened(command, elsewhere, tmp_path) as url:
        assert len(fetch(f"{url}/app/static/plotly/plotly-cartesian.min.js")) > 1_000_000


def test_a_checkouts_page_opens_from_any_folder(elsewhere, tmp_path):
    program = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from bikd_core.cli import main; "
    command = [sys.executable, "-P", "-c", program + "sys.exit(main())", "app"]
    with opened(command, elsewhere, tmp_path) as url:
        # Served only where app/.streamlit/config.toml was read.
        assert b"Plotly" in fetch(f"{url}/app/static/live_plot.js")


@pytest.fixture
def as_another_user(installed):
    """A command that runs another one as a user who may not write into the installed package."""
    site, _ = installed
    folders = [site, *(path for path in site.rglob("*") if path.is_dir() or path.is_file())]
    modes = {path: path.stat().st_mode for path in folders if not path.is_symlink()}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    prefix = []
    if os.geteuid() == 0:  # root writes all the same, unless it gives up that power
        if shutil.which("setpriv") is None:
            pytest.skip("no setpriv: that nothing is written into the package was NOT tested")
        prefix = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    yield prefix
    for path, mode in modes.items():
        path.chmod(mode)


@pytest.mark.browser
def test_a_wheel_of_another_user_shows_its_pages(
    installed, as_another_user, elsewhere, tmp_path, browser
):
    site, scripts = installed
    refused = subprocess.run([*as_another_user, "touch", site / "bikd_core" / "new"], check=False)
    assert refused.returncode != 0
    with (
        opened([*as_another_user, scripts / "bikd", "app"], elsewhere, tmp_path) as url,
        closing(browser.new_page()) as page,
    ):
        page.goto(f"{url}/teachers")
        page.locator(".st-key-figure_teacher_accuracy .nsewdrag").first.wait_for()


@pytest.mark.browser
def test_a_recorded_run_opens_and_a_new_one_trains(installed, elsewhere, tmp_path, browser):
    _, scripts = installed
    with (
        opened([scripts / "bikd", "app"], elsewhere, tmp_path) as url,
        closing(browser.new_page(color_scheme="dark")) as page,
    ):
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/lab")
        start = page.get_by_role("button", name="Start", exact=True)
        start.wait_for()
        background = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
        assert page.evaluate(background) == "rgb(17, 22, 29)"  # the theme of our config.toml
        page.get_by_role("button", name="BiKD lifts the tail").click()
        page.locator(".st-key-figure_w_hard .js-plotly-plot .nsewdrag").first.wait_for()
        page.goto(f"{url}/?epochs=2")
        start.click()
        page.locator(HEADLINE).get_by_text("finished", exact=True).wait_for()
        assert not errors
    runs = list_runs(tmp_path / "runs")
    epochs = [sum(isinstance(event, EpochDone) for event in run.events()) for run in runs]
    assert sorted(epochs) == [2, 60]  # the one that was trained, the recorded one


def test_a_run_trains_from_the_command_line(installed, elsewhere, tmp_path):
    _, scripts = installed
    done = subprocess.run(
        [scripts / "bikd", "run", "--epochs", "1"],
        cwd=elsewhere,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Finished after epoch 1")
