"""Work of seconds to minutes that a page waits for, and still takes inputs meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import sleep
from typing import Any, TypeVar

from app.shared.session import session

_LOOK_S = 0.02
T = TypeVar("T")


def result_of(subject: tuple[object, ...], work: Callable[[], T]) -> T:
    """Do something in a thread of its own, and return what it returns or raise what it raises.

    An input ends the waiting, not the work: a page that asks again waits for what has begun.

    Args:
        subject: What the work is about; another subject is other work.
        work: Does it. It must not draw, nor use the session.
    """
    now = session()
    if now.work is None or now.work[0] != subject:
        now.work = (subject, _begun(work))
    _, future = now.work
    wait_until(future.done)
    now.work = None
    result: T = future.result()
    return result


def wait_until(is_over: Callable[[], bool]) -> None:
    """Wait, unless there is an input to act on: that ends the script."""
    while not is_over():
        sleep(_LOOK_S)
        session()  # Streamlit takes an input whenever the session is read


def _begun(work: Callable[[], T]) -> Future[Any]:
    future: Future[Any] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return future
