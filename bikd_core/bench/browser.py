"""Serves the app on loopback and opens a headless Chromium, for benchmarks and tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bikd_core.places import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

START_LIMIT_S = 60.0
HEADLINE = ".st-key-headline"  # holds the state of the open run; lists of runs show states too


class Server(NamedTuple):
    """A running server of the app."""

    url: str
    pid: int


@contextmanager
def served_app(home: Path, log: Path, data_dir: Path | None = None) -> Iterator[str]:
    """Serve the app and yield its address; stop it on leaving.

    Args:
        home: Folder of its runs.
        log: File for the output of the server.
        data_dir: Folder of the data sets; else one under `home`.

    Raises:
        RuntimeError: The server did not answer within a minute; its output is in `log`.
    """
    with app_server(home, log, data_dir) as server:
        yield server.url


@contextmanager
def app_server(
    home: Path,
    log: Path,
    data_dir: Path | None = None,
    port: int | None = None,
    script: Path = ROOT / "app" / "main.py",
) -> Iterator[Server]:
    """Serve the app as `served_app` does, at a port of one's own or a free one.

    A test may pass another script; Streamlit reads its settings from beside it.
    """
    port = port or free_port()
    folders = {"BIKD_HOME": str(home), "BIKD_DATA": str(data_dir or home / "data")}
    server = _start_server(script, port, log, folders)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", server, log)
        yield Server(address, server.pid)
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_server(
    script: Path, port: int, log: Path, folders: dict[str, str]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = os.environ | folders
    with log.open("wb") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.05)
    raise RuntimeError(f"The app did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def chromium_path() -> str | None:
    """Return the Chromium on the PATH, None without one.

    The headless shell comes first: the whole browser also paints the parts of its own window.
    """
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start this machine's Chromium without a window, and close it on leaving.

    Raises:
        RuntimeError: No Chromium is on the PATH.
    """
    from playwright.sync_api import sync_playwright

    executable = chromium_path()
    if executable is None:
        raise RuntimeError(
            "There is no Chromium on the PATH; on Debian: apt-get install chromium-headless-shell."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()
