"""Every input of a page is acted on, to the end, before the page takes the next one.

Streamlit (1.67) looks for the next input whenever a script reads the session or draws: also in a
callback, which it then breaks off, and between the moment at which it takes an input and the one at
which it calls the callbacks. A click that another one follows at once does nothing then, or half
of what it should: a run is started, but its key never reaches the browser that started it. The
option `runner.fastReruns` (app/.streamlit/config.toml) adds a third way: a new input ends the
script, with those that wait for it.
"""

from __future__ import annotations

from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx


class WholeInputs(ScriptRunner):
    """Runs a page's script, and lets nothing interrupt it before all callbacks have ended."""

    def _maybe_handle_execution_control_request(self) -> None:
        context = get_script_run_ctx(suppress_warning=True)
        if context is None or context.has_script_started:
            super()._maybe_handle_execution_control_request()


def act_on_each() -> None:
    """Let all pages of this server take their inputs like this."""
    app_session.ScriptRunner = WholeInputs  # type: ignore[misc]
