"""What a handler raises to say what becomes of its message."""

from __future__ import annotations

from portable.errors import InvalidType
from portable.values import Seconds, seconds


class DeadLetter(Exception):
    """Don't try this message again: move it to the dead letters now.

    Raises:
        InvalidType: *reason* isn't text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = checked_reason(reason)


class Retry(Exception):
    """Try this message again, in *delay* seconds, or when the usual back-off says.

    Raises:
        InvalidArgument, InvalidType: *delay* is no time.
    """

    def __init__(self, delay: Seconds | None = None) -> None:
        super().__init__("the handler asked for another try")
        self.delay = None if delay is None else seconds(delay, "delay")


def checked_reason(reason: object) -> str:
    """Why a message is a dead letter.

    Raises:
        InvalidType: it isn't text.
    """
    if not isinstance(reason, str):
        raise InvalidType(
            f"the reason of a dead letter is text, not {type(reason).__name__}: str(…) makes it so"
        )
    return reason
