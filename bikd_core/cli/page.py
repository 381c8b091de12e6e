"""`bikd app`: open the page in a browser, by Streamlit's own command line."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import RunsDir
from bikd_core.places import ROOT, Places

EVERY_ADDRESS = "0.0.0.0"


def open_page(
    *,
    port: Annotated[
        int | None,
        Parameter(validator=Number(gte=1, lte=65535), help="Port to serve it on; else 8501."),
    ] = None,
    address: Annotated[
        str | None,
        Parameter(help="Address to listen on; else localhost: only this machine can open it."),
    ] = None,
    share: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Let others in the network open it; prints their link with a QR code. They see "
            "all runs and start their own, and cannot steer yours.",
        ),
    ] = False,
    headless: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Do not open a browser.")
    ] = False,
    runs_dir: RunsDir = None,
    data_dir: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Folder that holds, or receives, the data sets; else BIKD_DATA.",
        ),
    ] = None,
    pictures_dir: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Folder below which the owner may open own pictures by their path; else "
            "BIKD_PICTURES, else none.",
        ),
    ] = None,
) -> None:
    """Open the page: train runs, watch them, compare methods. Ctrl-C ends it.

    It prints a link with the key of its owner, who may steer and delete every run. Streamlit's
    other settings are read from its environment variables, such as STREAMLIT_SERVER_BASE_URL_PATH.
    """
    if share and address is not None:
        raise ValueError(
            f"--share listens on all of this machine's addresses, --address {address} on one: give "
            "only one of them."
        )
    if pictures_dir is not None and not pictures_dir.is_dir():
        raise ValueError(f"--pictures-dir {pictures_dir} is not possible: there is no such folder.")
    folders = {"BIKD_RUNS": runs_dir, "BIKD_DATA": data_dir, "BIKD_PICTURES": pictures_dir}
    for variable, folder in folders.items():
        if folder is not None:
            os.environ[variable] = str(folder.absolute())
    places = Places.from_environment()
    if os.path.expanduser("~") == "~":  # Streamlit needs one
        os.environ["HOME"] = str(places.teachers.parent)
    options = {
        "server.port": port,
        "server.address": EVERY_ADDRESS if share else address,
        "server.headless": headless or None,
    }
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    sys.argv = ["streamlit", "run", str(ROOT / "app" / "main.py"), *given]
    # In this process, so that signals and exit codes need no forwarding.
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
