"""Every input of a page is acted on, to the end, before the page takes the next one.

Streamlit (1.67) looks for the next input whenever a script reads the session or draws: also in a
callback, which it then breaks off, and between the moment at which it takes an input and the one at
which it calls the callbacks. A click that another one follows at once does nothing then, or half
of what it should: a run is started, but its key never reaches the browser that started it. The
option `runner.fastReruns` (app/.streamlit/config.toml) adds a third way: a new input ends the
script, with those that wait for it.

What a browser asks for it gets, too. When a script begins, Streamlit drops what has not been sent
yet, also the address that a browser asked for to upload a file to: the file never arrives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx

#: Messages that answer what a browser asked; no script sends them again.
ANSWERS = frozenset({"file_urls_response", "backend_operation_response", "heartbeat_ack"})

_this_script = threading.local()


class WholeInputs(ScriptRunner):
    """Runs a page's script, and lets nothing interrupt it before all callbacks have ended."""

    def _maybe_handle_execution_control_request(self) -> None:
        context = get_script_run_ctx(suppress_warning=True)
        is_whole = getattr(_this_script, "is_uninterrupted", False)
        if not is_whole and (context is None or context.has_script_started):
            super()._maybe_handle_execution_control_request()


class KeptAnswers(ForwardMsgQueue):
    """Holds what waits to be sent to a browser, and keeps answers when a script begins."""

    def clear(
        self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
    ) -> None:
        waiting: list[ForwardMsg] = self._queue
        super().clear(retain_lifecycle_msgs, fragment_ids_this_run)
        if retain_lifecycle_msgs:
            kept = {id(message) for message in self._queue}
            self._queue += [
                message
                for message in waiting
                if message.WhichOneof("type") in ANSWERS and id(message) not in kept
            ]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the next input wait until the script has left this block, which must not be nested."""
    _this_script.is_uninterrupted = True
    try:
        yield
    finally:
        _this_script.is_uninterrupted = False


def act_on_each() -> None:
    """Let all pages of this server take their inputs, and get their answers, like this."""
    app_session.ScriptRunner = WholeInputs  # type: ignore[attr-defined]
    app_session.ForwardMsgQueue = KeptAnswers  # type: ignore[attr-defined]
