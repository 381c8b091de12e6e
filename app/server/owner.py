"""Who owns the server: the browser that has opened the link which the server printed.

An address grants nothing, since everybody who comes through a forwarder or a proxy seems to sit at
this machine. The link holds the owner's key. The first request exchanges it for a cookie, so that
it reaches neither the browser's history nor a link that is shared; no script can read the cookie.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from functools import cache
from urllib.parse import quote, urlencode

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bikd_core.places import Places
from bikd_core.store import StoreError, control_key
from bikd_core.store.files import writing

log = logging.getLogger(__name__)
PARAMETER = "owner"  # of the link
WRONG_KEY = (
    "owner = … is not the key of this server: you can look at all runs and start your own. Open "
    "the link that the server printed when it started."
)
METRICS = "_stcore/metrics"  # Streamlit's counts of sessions and cache; it has no option for them
_MIN_LENGTH = 16  # a shorter key is a file that was cut off
_COOKIE_S = 30 * 24 * 3600


@cache
def key() -> str:
    """Return the owner's key: the same at each start, from a file that only this user can read.

    Where it cannot be stored, it lasts until the server ends.
    """
    path = Places.from_environment().owner_key
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stored = control_key.make_key(path) or path.read_text(encoding="utf-8")
            if len(stored) < _MIN_LENGTH:
                path.unlink()
                stored = control_key.make_key(path) or ""
    except (StoreError, UnicodeDecodeError) as error:
        log.warning("The owner's link holds until this server ends. %s", error)
        stored = ""
    return stored if len(stored) >= _MIN_LENGTH else secrets.token_urlsafe(_MIN_LENGTH)


def link(url: str) -> str:
    """Return the link by which a browser becomes the owner's, for an address of the server."""
    return f"{url}/?{urlencode({PARAMETER: key()})}"


def is_owner() -> bool:
    """Return whether this session's browser is the owner's."""
    headers = st.context.headers
    return _is_same_origin(headers.get("Origin"), headers.get("Host")) and _has_cookie(
        st.context.cookies
    )


def _is_same_origin(origin: str | None, host: str | None) -> bool:
    """Return whether a page of this very server opened the connection.

    Streamlit also takes connections from pages that other ports of localhost serve, and a browser
    sends its cookies to all ports.
    """
    return origin is not None and origin.partition("//")[2] == host


def _is_key(claimed: str) -> bool:
    return hmac.compare_digest(key().encode(), claimed.encode("utf-8", "replace"))


def _has_cookie(cookies: Mapping[str, str]) -> bool:
    return _is_key(cookies.get(_cookie_name(), ""))


def _cookie_name() -> str:
    """Return a name of this server alone: a browser shares cookies between ports."""
    return f"bikd_owner_{st.get_option('server.port')}"


class OwnerGate:
    """Middleware that exchanges the key in a link for the cookie, and closes the metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is the gate's own; pass on any other."""
        answer = _answer(Request(scope)) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)


def _answer(request: Request) -> Response | None:
    """Return the gate's own answer to a request, if it has one."""
    path = request.url.path
    if request.method in {"GET", "HEAD"} and _is_key(request.query_params.get(PARAMETER, "")):
        return _exchange(request)
    if path.rstrip("/").endswith(METRICS) and not _has_cookie(request.cookies):
        return PlainTextResponse("Only the owner of this server may see this.", status_code=403)
    return None


def _exchange(request: Request) -> Response:
    """Send the browser to the same page without the key, with the cookie."""
    others = [
        (name, value) for name, value in request.query_params.multi_items() if name != PARAMETER
    ]
    page = quote(request.url.path.rpartition("/")[2])
    # Relative: a proxy may have cut the beginning off the path.
    answer = RedirectResponse(f"./{page}{'?' if others else ''}{urlencode(others)}", 303)
    answer.headers["Cache-Control"] = "no-store"
    answer.set_cookie(
        _cookie_name(),
        key(),
        max_age=_COOKIE_S,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer
