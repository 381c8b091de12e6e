"""The log of a server: a file of its own beside the runs, which is cut off before it grows."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import streamlit as st

from bikd_core.places import Places
from bikd_core.store import StoreError
from bikd_core.store.files import writing

log = logging.getLogger(__name__)
MAX_BYTES = 1_000_000
OLDER_FILES = 3
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OWN = ("app", "bikd_core")
_LIBRARIES = ("streamlit", "uvicorn")  # their loggers do not pass on to the root
_REQUESTS = "uvicorn.access"  # its lines hold the keys of links


def log_path() -> Path:
    """Return the file of this server's log."""
    return Places.from_environment().logs / f"server-{st.get_option('server.port')}.log"


def log_to_file() -> None:
    """Let what is logged go to the file too; where it cannot be written, the console has it."""
    path = log_path()
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = RotatingFileHandler(
                path, maxBytes=MAX_BYTES, backupCount=OLDER_FILES, encoding="utf-8"
            )
    except StoreError as error:
        log.warning("There is no log file: %s", error)
        return
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_is_of_interest)
    logging.getLogger().addHandler(handler)
    for name in _OWN:
        logging.getLogger(name).setLevel(logging.INFO)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.split(".")[0] not in _LIBRARIES or name == _REQUESTS:
            continue
        if isinstance(logger, logging.Logger) and not logger.propagate:
            logger.addHandler(handler)
    log.info("The server starts on port %s.", st.get_option("server.port"))


def _is_of_interest(record: logging.LogRecord) -> bool:
    """Return whether a line is a warning, or our own: libraries tell of each browser."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in _OWN
