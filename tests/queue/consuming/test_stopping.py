"""Stopping a consumer: in time, with nothing lost."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from portable import interrupt
from portable.interrupt import Interrupted
from portable.queue import ConsumeReport, Message, Queue
from portable.queue.consuming import acks, consumer
from tests.queue.faulty import Stage, refused


def test_messages_that_arrive_while_it_stops_are_handed_back(on: Stage) -> None:
    """At once; they aren't kept until their leases end."""
    queue = on.open()
    queue.send_many(range(3))
    stop = threading.Event()
    real = queue._connection.driver.receive

    def receive(limit: int, *, wait: float, lease: float) -> Any:
        found = real(limit, wait=wait, lease=lease)
        stop.set()
        with suppress(Interrupted):
            interrupt.sleep(20)  # until that is noticed
        return found

    queue._connection.driver.receive = receive  # type: ignore[method-assign]
    report = queue.consume(lambda _: None, concurrency=3, stop=stop)
    assert (report.handled, report.returned, report.stopped_by) == (0, 3, "stop")
    assert (queue.stats().visible, queue.stats().leased) == (3, 0)


def test_a_stop_ends_a_long_wait(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a server that waits."""
    monkeypatch.setattr(consumer, "POLL_SECONDS", 60.0)
    queue = on.open()
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    assert queue.consume(lambda _: None, stop=stop).stopped_by == "stop"
    assert time.monotonic() - begun < 20


def test_leases_beat_while_it_drains(on: Stage, lease: float) -> None:
    """A handler that needs its time to end keeps its message."""
    queue = on.open(lease=lease)
    queue.send("x")
    stop = threading.Event()

    def handle(message: Message) -> None:
        stop.set()
        on.outlive(message, lease)
        assert not message.lease_lost

    report = queue.consume(handle, stop=stop, drain=30)
    assert (report.handled, report.errors) == (1, {})


def test_coroutines_are_cancelled_when_the_time_is_over(on: Stage) -> None:
    """And their messages are handed back."""
    queue = on.open()
    queue.send_many(range(3))
    stop = threading.Event()
    cancelled: list[object] = []

    async def handle(message: Message) -> None:
        stop.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(message.body)
            raise

    report = queue.consume(handle, concurrency=3, stop=stop, drain=0.2)
    assert report.returned == 3
    assert sorted(cancelled) == [0, 1, 2]  # type: ignore[type-var]
    assert queue.stats().visible == 3


def stopped(queue: Queue, **arguments: Any) -> tuple[ConsumeReport, float]:
    """What a consumer did whose handler stops it, and how long it took to end after that."""
    stop = threading.Event()
    at = []

    def handle(_: Message) -> None:
        at.append(time.monotonic())
        stop.set()

    report = queue.consume(handle, stop=stop, **arguments)
    return report, time.monotonic() - at[0]


def test_last_acks_in_an_outage_take_no_longer_than_the_drain(on: Stage) -> None:
    queue = on.open(attempts=1000, deadline=60)
    queue.send("x")
    on.script.before["ack"] = [refused()] * 1000
    report, seconds = stopped(queue, drain=1.5)
    assert 1.2 < seconds < 20
    assert (report.acks_failed, report.handled, report.stopped_by) == (1, 0, "stop")
    assert queue.stats().leased == 1


def test_an_ack_that_hangs_is_left_alone(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes of it, the message isn't said to be handled."""
    monkeypatch.setattr(acks, "GIVE_UP_SECONDS", 0.1)
    queue = on.open()
    queue.send("x")
    release = threading.Event()

    def hang(answers: list[Any]) -> list[Any]:
        release.wait(30)
        return answers

    on.script.change["ack"] = hang
    report, seconds = stopped(queue, drain=0)
    release.set()
    assert seconds < 20
    assert (report.acks_failed, report.handled) == (1, 0)


def test_handing_back_in_an_outage_takes_no_longer_than_the_drain(on: Stage) -> None:
    queue = on.open(attempts=1000, deadline=60)
    queue.send_many(range(3))
    on.script.before["extend"] = [refused()] * 1000
    stop, release = threading.Event(), threading.Event()

    def handle(_: Message) -> None:
        stop.set()
        release.wait(30)

    begun = time.monotonic()
    report = queue.consume(handle, concurrency=3, stop=stop, drain=0)
    assert time.monotonic() - begun < 20
    release.set()
    assert (report.returned, report.handled) == (0, 0)


def test_acks_of_a_consumer_that_ends_by_itself_have_their_time(on: Stage) -> None:
    queue = on.open(attempts=1000, deadline=60)
    queue.send("x")
    on.script.before["ack"] = [refused()] * 6
    report = queue.consume(lambda _: None, max_messages=1, drain=0)
    assert sum(on.slept) > 1
    assert report.handled == 1
