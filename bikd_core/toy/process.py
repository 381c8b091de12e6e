"""`python -m bikd_core.toy`: the child process that trains the toys of all visitors in turn.

`bikd_core.toy.pipe` has what passes between it and its server. It ends when its input closes, as
it does when the server is killed.
"""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import queue
import threading
from collections.abc import Callable
from functools import cache
from typing import BinaryIO

from bikd_core.places import ASSETS
from bikd_core.toy import pipe
from bikd_core.toy.turns import TooManyToys, Turns

log = logging.getLogger(__name__)


class Child:
    """The child's side of the two pipes.

    Args:
        commands: From the server.
        replies: To the server.
        turns: The toys.
        answer: Answers a question about a digit.
    """

    def __init__(
        self,
        commands: io.RawIOBase,
        replies: BinaryIO,
        turns: Turns,
        answer: Callable[[pipe.Question], pipe.Answer],
    ) -> None:
        self._commands, self._replies, self._turns = commands, replies, turns
        self._answer = answer
        self._waiting: queue.SimpleQueue[pipe.Command] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._commands:
                self._waiting.put(pipe.read_command(line))
        finally:  # the server is gone, or sends what cannot be understood
            os._exit(0)

    def serve(self) -> None:
        """Train whoever is looked at, for ever."""
        while True:
            next_turn = self._turns.next()
            try:
                if isinstance(next_turn, tuple):
                    self._train(next_turn[0])
                    self._take(self._waiting.get_nowait())
                else:
                    self._take(self._waiting.get(timeout=next_turn))
                while True:
                    self._take(self._waiting.get_nowait())
            except queue.Empty:
                pass

    def _take(self, command: pipe.Command) -> None:
        try:
            if isinstance(command, pipe.Question):
                self._reply(self._answer(command))
            else:
                self._turns.look(command.toy, command.task)
        except TooManyToys as error:
            self._reply(pipe.Refused(toy=command.toy, reason=str(error)))
        except Exception as error:
            self._fail(command.toy, error)

    def _train(self, toy_id: str) -> None:
        try:
            frame = self._turns.take_turn(toy_id)
        except Exception as error:
            self._fail(toy_id, error)
            return
        if frame is not None:
            self._reply(frame)

    def _fail(self, toy_id: str, error: Exception) -> None:
        """Drop what failed and say why: it must not end the others."""
        log.error("a toy or a question failed", exc_info=error)
        self._turns.drop(toy_id)
        reason = f"This failed, and begins again ({type(error).__name__}: {error})."
        self._reply(pipe.Refused(toy=toy_id, reason=reason))

    def _reply(self, reply: pipe.Reply) -> None:
        try:
            self._replies.write(pipe.to_line(reply))
            self._replies.flush()
        except BrokenPipeError:
            pass  # the server is gone: see `_listen`


def main() -> None:
    """Train toys over standard input and output; what libraries print goes where errors go."""
    faulthandler.enable()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    import torch

    from bikd_core.toy.digit_nets import DigitNets
    from bikd_core.toy.training import Toy

    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(10)  # from now on the page goes first; until now somebody waited for this

    @cache
    def nets() -> DigitNets:
        return DigitNets(ASSETS / "lesson" / "digits.safetensors")

    def answer(question: pipe.Question) -> pipe.Answer:
        return nets().answer(question)

    Child(io.FileIO(0, closefd=False), replies, Turns(Toy), answer).serve()
