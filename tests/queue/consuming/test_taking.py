"""How many messages a consumer takes, and when it has had enough."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from portable.errors import (
    InvalidArgument,
    InvalidType,
)
from portable.queue import Message
from tests.queue.faulty import Stage


def test_no_message_is_taken_without_a_worker(on: Stage) -> None:
    """Others may have those that wait."""
    queue = on.open()
    queue.send_many(range(6))
    release, most = threading.Event(), []

    def handle(message: Message) -> None:
        most.append(queue.stats().leased)
        release.wait(0.1)

    report = queue.consume(handle, concurrency=2, max_messages=6)
    assert report.handled == 6
    assert max(n or 0 for n in most) <= 4  # two whose acks are under way
    assert max(on.script.sizes("receive")) == 2


def test_max_messages_are_never_exceeded(on: Stage) -> None:
    """Not even by what is leased."""
    queue = on.open()
    queue.send_many(range(9))
    report = queue.consume(lambda _: None, concurrency=4, max_messages=5)
    assert (report.handled, report.stopped_by) == (5, "max_messages")
    assert (queue.stats().visible, queue.stats().leased) == (4, 0)


def test_an_empty_queue_ends_a_consumer_that_is_not_to_idle(on: Stage) -> None:
    """With 0 it takes what is there."""
    queue = on.open()
    queue.send_many(range(3))
    assert queue.consume(lambda _: None, idle_timeout=0).handled == 3
    begun = time.monotonic()
    assert queue.consume(lambda _: None, idle_timeout=0.3).stopped_by == "idle_timeout"
    assert 0.25 < time.monotonic() - begun < 3


def test_a_long_handler_is_not_idle(on: Stage) -> None:
    """The time counts from its end."""
    queue = on.open()
    queue.send("first")

    def handle(message: Message) -> None:
        if message.body == "first":
            time.sleep(0.4)
            queue.send("second", delay=0.15)

    assert queue.consume(handle, concurrency=2, idle_timeout=0.3).handled == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"concurrency": "2"},
        {"max_messages": 0},
        {"idle_timeout": -1},
        {"lease": 0},
        {"drain": float("nan")},
    ],
)
def test_impossible_arguments_are_refused(on: Stage, wrong: dict[str, Any]) -> None:
    """Before anything is received."""
    with pytest.raises((InvalidArgument, InvalidType), match=next(iter(wrong))):
        on.open().consume(lambda _: None, **wrong)
    with pytest.raises(InvalidType, match="handler"):
        on.open().consume("print")  # type: ignore[arg-type]
    assert on.script.calls == []
