"""Queues of the memory provider."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from portable.queue import Queue
from portable.queue.driver import WireMessage
from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.targets.memory import open_memory_bucket
from portable_memory.clock import CLOCK, Clock
from portable_memory.queue import MemoryQueue
from portable_memory.settings import MemoryQueueSettings


class MemoryQueueOracle(QueueOracle):
    """The dictionary itself."""

    def __init__(self, name: str, clock: Clock = CLOCK) -> None:
        self._driver = MemoryQueue(MemoryQueueSettings(name=name), clock)

    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        self._driver.send([WireMessage(body=body, attributes=attributes)])

    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        for leased in self._driver.receive(1, wait=0, lease=60):
            self._driver.ack([leased.receipt])
            return leased.body, leased.attributes
        return None


def open_memory_queue(
    name: str, *, clock: Clock = CLOCK, payloads: str | None = None, **settings: Any
) -> Queue:
    """One of the process's queues, by the clock that is given."""
    make: Any = MemoryQueue if clock is CLOCK else partial(MemoryQueue, clock=clock)
    return Queue(
        make,
        MemoryQueueSettings(name=name, **settings),
        provider="memory",
        payloads=partial(open_memory_bucket, payloads or name),
        surroundings=Surroundings(clock=clock.now, sleep=clock.sleep, now=clock.now),
    )


def memory_queue_harness() -> QueueHarness:
    """A queue of a new name."""
    name = f"q{uuid.uuid4().hex[:16]}"
    return QueueHarness(
        open_queue=partial(open_memory_queue, name),
        oracle=MemoryQueueOracle(name),
        payloads=_bucket(name),
        advance=CLOCK.advance,
    )


def _bucket(name: str) -> Bucket:
    return open_memory_bucket(name)


def open_frozen_queue() -> tuple[Queue, Callable[[float], None]]:
    """A queue whose clock stands still, and how to move it: for `queue_state_machine`."""
    clock = Clock(frozen=True)
    queue = open_memory_queue(f"q{uuid.uuid4().hex[:16]}", clock=clock, max_attempts=1_000_000)
    return queue, clock.advance
