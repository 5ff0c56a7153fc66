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
from portable.queue import Message, QueueEvent
from tests.queue.faulty import Stage


def test_no_message_is_taken_without_a_worker(on: Stage) -> None:
    """Others may have those that wait.

    One that was handled is still leased until its ack is carried out, and needs no worker: so it
    isn't counted how many are leased but how many were taken and not yet handled.
    """
    queue = on.open()
    queue.send_many(range(6))
    at_work, most = 0, []
    changed = threading.Lock()

    def count(change: int) -> None:
        nonlocal at_work
        with changed:
            at_work += change
            most.append(at_work)

    def handle(message: Message) -> None:
        time.sleep(0.05)
        count(-1)

    def observe(event: QueueEvent) -> None:
        if event.kind == "received":
            count(event.count)

    report = queue.consume(handle, concurrency=2, max_messages=6, on_event=observe)
    assert report.handled == 6
    assert max(most) == 2
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
    assert 0.25 < time.monotonic() - begun < 20


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
        {"stop": True},
        {"on_event": "print"},
    ],
)
def test_impossible_arguments_are_refused(on: Stage, wrong: dict[str, Any]) -> None:
    """Before anything is received."""
    with pytest.raises((InvalidArgument, InvalidType), match=next(iter(wrong))):
        on.open().consume(lambda _: None, **wrong)
    with pytest.raises(InvalidType, match="handler"):
        on.open().consume("print")  # type: ignore[arg-type]
    assert on.script.calls == []
