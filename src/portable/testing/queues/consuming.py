"""`consume`: every message handled and settled, whatever handlers do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from portable.queue import DeadLetter, Message, Queue, Retry
from portable.queue.consuming import heartbeat
from portable.testing.queues import base
from portable.testing.queues.base import QueueCases, check_empty, take, unhurried
from portable.testing.queues.harness import QueueHarness
from portable.testing.queues.quirks import quirk

STEP_SECONDS = 0.1
BEAT_SECONDS = 0.3


@contextmanager
def time_goes_on(harness: QueueHarness) -> Iterator[None]:
    """A clock that is moved moves by itself meanwhile, so that delays end."""
    over = threading.Event()

    def run() -> None:
        while harness.advance is not None and not over.wait(STEP_SECONDS):
            harness.advance(STEP_SECONDS)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def outlive(message: Message, harness: QueueHarness, lease: float) -> None:
    """Let most of a lease pass; the half of it where a clock is moved, once it was renewed."""
    if harness.advance is None:
        time.sleep(0.85 * lease)
        return
    renewed = message.lease_until + timedelta(seconds=0.4 * lease)
    until = time.monotonic() + base.PATIENCE_SECONDS
    harness.advance(lease / 2)
    while message.lease_until < renewed and time.monotonic() < until:
        time.sleep(0.01)


class ConsumeCases(QueueCases):
    """The loop, its leases and its end."""

    @quirk("unsafe_threads")
    def test_consumer_settles_every_message(self, harness: QueueHarness) -> None:
        """Those that work, fail, ask for another try, are hopeless, large, or empty."""
        queue = harness.open_queue(max_attempts=2)
        large = b"\xff" * (queue.capabilities.message_max + 1)
        bodies = [large, b"", "fails", "hopeless", "again", *(f"n{n}" for n in range(12))]
        queue.send_many(bodies)
        seen: Counter[object] = Counter()
        lock = threading.Lock()

        def handle(message: Message) -> None:
            with lock:
                seen[message.body] += 1
            if message.body == "fails":
                raise ValueError("no")
            if message.body == "hopeless":
                raise DeadLetter("why")
            if message.body == "again" and message.attempts == 1:
                raise Retry(0)

        with time_goes_on(harness):
            report = queue.consume(handle, concurrency=4, idle_timeout=2.5)
        assert report.stopped_by == "idle_timeout"
        assert seen == Counter(bodies) + Counter(["fails", "again"])
        assert (report.handled, report.retried, report.dead) == (len(bodies) - 2, 2, 2)
        assert (report.returned, report.leases_lost, report.acks_failed) == (0, 0, 0)
        assert report.errors == {"ValueError": 2}
        assert list(harness.payloads.list()) == []
        dead = queue.dead_letters
        assert dead is not None
        letters = {letter.body: letter.attributes for letter in take(dead, 2)}
        assert letters["hopeless"]["dead-letter-reason"] == "why"
        assert letters["fails"]["dead-letter-error"] == "ValueError: no"
        check_empty(queue)
        queue.close()

    @quirk("unsafe_threads")
    def test_consumer_awaits_coroutines(self, queue: Queue, harness: QueueHarness) -> None:
        """On one event loop, as many at once as there may be."""
        queue.send_many(range(8))
        at_work, most = 0, 0

        async def handle(_: Message) -> None:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.3)
            at_work -= 1

        report = queue.consume(handle, concurrency=8, max_messages=8)
        assert (report.handled, report.stopped_by) == (8, "max_messages")
        assert 1 < most <= 8
        check_empty(queue)

    @quirk("unsafe_threads")
    def test_slow_handler_keeps_its_lease(
        self,
        queue: Queue,
        twin: Queue,
        harness: QueueHarness,
        lease: float,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """For longer than that is; nobody else gets the message."""

        def kept(lease: float) -> None:
            taken: list[Message] = []

            def handle(message: Message) -> None:
                for _ in range(3):
                    outlive(message, harness, lease)
                    taken.extend(twin.receive())

            if harness.advance is not None:  # hearts beat by the real time
                monkeypatch.setattr(heartbeat, "BEATS_PER_LEASE", lease / BEAT_SECONDS)
            queue.send(b"x")
            report = queue.consume(handle, max_messages=1, lease=lease)
            assert taken == []
            assert (report.handled, report.leases_lost) == (1, 0)
            check_empty(queue)

        unhurried(queue, harness, lease, kept)

    @quirk("unsafe_threads")
    def test_stopped_consumer_finishes_or_hands_back(self, queue: Queue) -> None:
        """Whoever ends in time is acked; of the others nothing is lost, and nothing stays leased."""
        queue.send_many(["quick", "slow", "later"])
        stop, release = threading.Event(), threading.Event()
        began = threading.Semaphore(0)

        def handle(message: Message) -> None:
            began.release()
            if message.body == "quick":
                stop.wait(20)
            else:
                release.wait(20)

        def stop_when_busy() -> None:
            for _ in range(3):
                began.acquire(timeout=20)
            stop.set()

        threading.Thread(target=stop_when_busy).start()
        report = queue.consume(handle, concurrency=3, drain=0.5, stop=stop, lease=60)
        release.set()
        assert report.stopped_by == "stop"
        assert (report.handled, report.returned) == (1, 2)
        back = take(queue, 2)
        assert {message.body for message in back} == {"slow", "later"}
        for message in back:
            message.ack()
