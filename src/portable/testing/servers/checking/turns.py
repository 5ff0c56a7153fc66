"""Requests about SQS's messages take turns, since moto's aren't made for threads.

Two receives at once can both find a message free and take it, and a delete writes back the list
that it read, without what was sent meanwhile. A long poll has its turn again and again.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from moto.sqs.models import Message, SQSBackend

POLL_SECONDS = 0.05
CHANGES = (
    "send_message",
    "send_message_batch",
    "delete_message",
    "delete_message_batch",
    "change_message_visibility",
    "change_message_visibility_batch",
    "purge_queue",
)


def take_turns(backend: type[SQSBackend] = SQSBackend) -> None:
    """Make the methods of *backend* that change messages exclude each other, in this process."""
    turn = threading.RLock()  # a batch calls the method for one
    for name in CHANGES:
        setattr(backend, name, _alone(getattr(backend, name), turn))
    setattr(backend, "receive_message", _receiving(backend.receive_message, turn))  # noqa: B010


def _alone(method: Callable[..., Any], turn: threading.RLock) -> Callable[..., Any]:
    @functools.wraps(method)
    def alone(*arguments: Any, **named: Any) -> Any:
        with turn:
            return method(*arguments, **named)

    return alone


def _receiving(
    method: Callable[..., list[Message]], turn: threading.RLock
) -> Callable[..., list[Message]]:
    @functools.wraps(method)
    def receive_message(
        self: SQSBackend, queue: str, count: int, wait: float, *others: Any, **named: Any
    ) -> list[Message]:
        end = time.monotonic() + wait
        while True:
            with turn:
                found = method(self, queue, count, 0, *others, **named)
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(POLL_SECONDS, left))

    return receive_message
