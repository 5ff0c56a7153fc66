"""When a consumer acks, and what becomes of what it can't ack."""

from __future__ import annotations

import threading
import time

import pytest

from portable.queue import QueueEvent
from portable.queue.consuming import acks
from tests.queue.faulty import Stage, refused


def test_acks_are_batched_under_load_and_prompt_when_idle(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many in one request; a single one without a tick."""
    queue = on.open()
    queue.send_many(range(200))
    assert queue.consume(lambda _: time.sleep(0.001), concurrency=20, max_messages=200).handled
    sizes = on.script.sizes("ack")
    assert sum(sizes) == 200
    assert len(sizes) < 100
    acked: list[float] = []
    handled: list[float] = []

    def event(event: QueueEvent) -> None:
        if event.kind == "acked":
            acked.append(time.monotonic())
        if event.kind == "handled":
            handled.append(time.monotonic())

    monkeypatch.setattr(acks, "TICK_SECONDS", 60.0)
    queue.send("one")
    queue.consume(lambda _: None, concurrency=4, max_messages=1, on_event=event)
    assert acked[0] - handled[0] < 10


def test_an_ack_that_fails_does_not_end_the_loop(on: Stage) -> None:
    """Its message comes again."""
    queue = on.open(attempts=1, lease=0.5)
    queue.send_many(range(3))
    on.script.before["ack"] = [refused()]
    report = queue.consume(lambda _: None, idle_timeout=1.2)
    assert report.handled == 3
    assert 1 <= report.acks_failed <= 3  # as many as were in that request
    assert queue.stats().total == 0


def test_no_ack_waits_for_others_when_nobody_is_at_work(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acks, "TICK_SECONDS", 60.0)
    queue = on.open()
    queue.send_many(range(3))
    stop = threading.Event()
    acked: list[QueueEvent] = []

    def event(event: QueueEvent) -> None:
        if event.kind == "acked":
            acked.append(event)
        if len(acked) == 3:
            stop.set()

    give_up = threading.Timer(20, stop.set)
    give_up.start()
    begun = time.monotonic()
    queue.consume(lambda _: None, stop=stop, on_event=event)
    give_up.cancel()
    assert time.monotonic() - begun < 20
