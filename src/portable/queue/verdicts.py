"""What a handler raises to say what becomes of its message."""

from __future__ import annotations

from datetime import timedelta


class DeadLetter(Exception):
    """Don't try this message again: move it to the dead letters now."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Retry(Exception):
    """Try this message again, in *delay* seconds, or when the usual back-off says."""

    def __init__(self, delay: float | timedelta | None = None) -> None:
        super().__init__("the handler asked for another try")
        self.delay = delay
