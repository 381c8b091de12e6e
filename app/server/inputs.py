"""Every input of a page is acted on, to the end, before the page takes the next one.

Streamlit (1.67) looks for the next input whenever a script reads the session or draws: also in a
callback, which it then breaks off, and between the moment at which it takes an input and the one at
which it calls the callbacks. A click that another one follows at once does nothing then, or half
of what it should: a run is started, but its key never reaches the browser that started it. The
option `runner.fastReruns` (app/.streamlit/config.toml) adds a third way: a new input ends the
script, with those that wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx

_this_script = threading.local()


class WholeInputs(ScriptRunner):
    """Runs a page's script, and lets nothing interrupt it before all callbacks have ended."""

    def _maybe_handle_execution_control_request(self) -> None:
        context = get_script_run_ctx(suppress_warning=True)
        is_whole = getattr(_this_script, "is_uninterrupted", False)
        if not is_whole and (context is None or context.has_script_started):
            super()._maybe_handle_execution_control_request()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the next input wait until the script has left this block, which must not be nested."""
    _this_script.is_uninterrupted = True
    try:
        yield
    finally:
        _this_script.is_uninterrupted = False


def act_on_each() -> None:
    """Let all pages of this server take their inputs like this."""
    app_session.ScriptRunner = WholeInputs  # type: ignore[attr-defined]
