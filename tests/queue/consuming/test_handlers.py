"""Handlers of all kinds, and hooks."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from portable.errors import InvalidArgument, InvalidType
from portable.queue import DeadLetter, Message, QueueEvent
from tests.queue.faulty import Stage

CHILD = """
import asyncio, os, signal, time
import portable

queue = portable.open_queue({url!r})
queue.send("x")
children = []

def work():
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        if {fails}:
            raise ValueError("in the child")
        return 0
    children.append(child)
    return 0.5

async def awaited(message):
    await asyncio.sleep(work())

signal.alarm(30)
handle = awaited if {is_async} else lambda message: time.sleep(work())
report = queue.consume(handle, max_messages=1)
_, status = os.waitpid(children[0], 0)
print(report.handled, queue.stats().total, os.waitstatus_to_exitcode(status))
"""


def test_coroutines_fail_and_retry_like_functions(on: Stage) -> None:
    """With large bodies, too."""
    queue = on.open(max_attempts=2)
    queue.send_many(["fails", "dead", b"\xff" * 1_100_000])

    async def handle(message: Message) -> None:
        if message.body == "fails":
            raise ValueError
        if message.body == "dead":
            raise DeadLetter("why")
        assert len(message.body) == 1_100_000

    report = queue.consume(handle, concurrency=2, idle_timeout=0.5)
    assert (report.handled, report.retried, report.dead) == (1, 1, 2)
    assert on.payload_keys() == []


def test_a_function_that_returns_a_coroutine_is_refused(on: Stage) -> None:
    """It would be acked without having run."""
    queue = on.open()
    queue.send("x")

    async def work() -> None:
        """Never runs."""

    with pytest.raises(InvalidType, match="async def"):
        queue.consume(lambda _: work())
    assert queue.stats().visible == 1


def test_handlers_see_the_context_of_the_caller(on: Stage) -> None:
    """The active profile is part of it."""
    queue = on.open()
    queue.send_many([1, 2])
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    variable.set("caller")
    seen: list[str] = []
    queue.consume(lambda _: seen.append(variable.get()), max_messages=1)

    async def handle(_: Message) -> None:
        seen.append(variable.get())

    queue.consume(handle, max_messages=1)
    assert seen == ["caller"] * 2


def test_a_hook_that_raises_disturbs_nothing(on: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""
    queue = on.open()

    def hook(event: QueueEvent) -> None:
        raise RuntimeError("metrics are down")

    queue.on_event = hook
    queue.send("x")
    assert queue.consume(lambda _: None, max_messages=1).handled == 1
    assert "metrics are down" in caplog.text


def test_a_handler_that_raises_is_logged_with_its_traceback(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """As a warning, which Python shows when nobody has set up any logging."""
    queue = on.open()
    queue.send(13)

    def handle(message: Message) -> None:
        raise ValueError("bad seed")

    queue.consume(handle, max_messages=1)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "attempt 1 of 5" in record.getMessage()
    assert "in handle" in caplog.text
    assert "ValueError: bad seed" in caplog.text


def test_a_hook_hears_what_a_queue_does(on: Stage) -> None:
    """Without a consumer, too."""
    queue = on.open()
    events: list[QueueEvent] = []
    queue.on_event = events.append
    queue.send("a")
    queue.send_many(["b", "c"])
    one, two, three = queue.receive(3)
    one.ack()
    two.nack()
    three.dead_letter("x")
    assert [(event.kind, event.count) for event in events] == [
        ("sent", 1),
        ("sent", 2),
        ("received", 3),
        ("acked", 1),
        ("retried", 1),
        ("dead", 1),
    ]
    assert {event.queue for event in events} == {queue.name}


def test_more_threads_than_there_can_be_are_refused(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is received, and those that were started end."""
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if thread.name == "portable-worker-3":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    queue = on.open()
    queue.send("x")
    with pytest.raises(InvalidArgument, match="concurrency is 9, and no more than 3 threads"):
        queue.consume(lambda _: None, concurrency=9)
    assert queue.stats().visible == 1


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_child_that_comes_back_from_the_handler_is_no_consumer(
    tmp_path: Path, is_async: bool, fails: bool
) -> None:
    """It ends, and the message is what the parent makes of it."""
    script = CHILD.format(url=f"sqlite://{tmp_path}/q.db?name=jobs", fails=fails, is_async=is_async)
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == ["1", "0", str(int(fails))], told.stderr
