"""Stopping a call that runs in another thread, between two of its requests.

Who starts the call sets an `Interruption` in its context; the core asks `check` before each
request and between pieces of a body. Where nothing is set, that costs less than 0.1 µs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[Interruption | None] = ContextVar("portable-interruption", default=None)


class Interrupted(BaseException):
    """The call was asked to stop. No `Exception`: nothing may take it for a failure."""


class Interruption:
    """A wish, made in one thread, that a call in another one stops."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Let the call stop at its next `check`."""
        self._asked.set()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """In this block `check` and `sleep` listen."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def check(self) -> None:
        """Raise `Interrupted` when the call is to stop."""
        if self._asked.is_set():
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Sleep, but stop when asked to."""
        if self._asked.wait(seconds):
            raise Interrupted


def check() -> None:
    """Raise `Interrupted` when the running call is to stop."""
    current = _current.get()
    if current is not None:
        current.check()


def sleep(seconds: float) -> None:
    """`time.sleep` that ends early, with `Interrupted`, when the running call is to stop."""
    current = _current.get()
    if current is None:
        time.sleep(seconds)
    else:
        current.sleep(seconds)


@contextmanager
def deaf() -> Iterator[None]:
    """In this block nothing is interrupted: for tidying up after an interruption."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)
