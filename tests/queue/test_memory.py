"""Queues in memory conform."""

from __future__ import annotations

import pytest

from portable.queue.driver import WireMessage
from portable.testing import QueueConformance, QueueHarness
from portable.testing.targets.memory_queue import memory_queue_harness
from portable_memory.clock import Clock
from portable_memory.queue import DEDUP_SECONDS, MemoryQueue
from portable_memory.settings import MemoryQueueSettings


class TestMemory(QueueConformance):
    """Messages in this process, and a clock that the suite moves."""

    @pytest.fixture
    def harness(self) -> QueueHarness:
        """A queue of a new name."""
        return memory_queue_harness()


def test_what_was_sent_long_ago_takes_no_memory() -> None:
    """Each send's token is kept for as long as the same message may be sent again."""
    clock = Clock(frozen=True)
    driver = MemoryQueue(MemoryQueueSettings(name="jobs"), clock)
    driver.create()

    def send(token: str) -> None:
        driver.send([WireMessage(body=b"x", attributes={}, token=token)])

    for token in ("a", "b", "a"):
        send(token)
    assert (driver.stats().total, len(driver._store.sent)) == (2, 2)
    clock.sleep(DEDUP_SECONDS)
    for token in ("a", "c"):
        send(token)
    assert (driver.stats().total, len(driver._store.sent)) == (4, 2)
