"""What every case is given: a fresh queue, and ways to wait that are as short as can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from portable.errors import LeaseLost
from portable.queue import Message, Queue
from portable.testing.conformance.quirks import expect_known_faults
from portable.testing.queues.harness import QueueHarness
from portable.testing.queues.quirks import QUEUE_QUIRKS

PATIENCE_SECONDS = 15.0
SHORT_PATIENCE_SECONDS = 1.0  # for what a stand-in is known to lose
GRACE_SECONDS = 0.4  # how much later than told a real server may be
LONG_SECONDS = 20.0  # a pause of that length is none of a busy machine
LONGER = (4, 16)  # times a lease that was too short for a machine that stood still meanwhile


def take(
    queue: Queue, count: int = 1, *, lease: float | None = None, hold: bool = True
) -> list[Message]:
    """Receive *count* messages, one way or another; acked at once unless they are to be held."""
    found: list[Message] = []
    until = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < until:
        some = queue.receive(count - len(found), wait=1, lease=lease)
        if not hold:
            for message in some:
                message.ack()
        found += some
    assert len(found) == count, f"{len(found)} of {count} messages came"
    return found


def take_one(queue: Queue, *, lease: float | None = None) -> Message:
    """Receive one message."""
    return take(queue, 1, lease=lease)[0]


def check_empty(queue: Queue) -> None:
    """There is nothing, not even leased, as far as the provider tells."""
    assert queue.receive() == []
    stats = queue.stats()
    assert {stats.visible, stats.leased, stats.delayed, stats.total} <= {0, None}


class QueueCases:
    """Fixtures of every topic. A subclass of the suite brings `harness`."""

    @pytest.fixture(autouse=True)
    def _known_faults(
        self,
        request: pytest.FixtureRequest,
        harness: QueueHarness,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Expect the cases to fail that a stand-in is known to fail, and notice when they don't."""
        if expect_known_faults(request, harness.quirks, QUEUE_QUIRKS):
            monkeypatch.setattr(f"{__name__}.PATIENCE_SECONDS", SHORT_PATIENCE_SECONDS)

    @pytest.fixture
    def queue(self, harness: QueueHarness) -> Iterator[Queue]:
        """The queue under test, empty."""
        queue = harness.open_queue()
        yield queue
        queue.close()

    @pytest.fixture
    def twin(self, harness: QueueHarness, queue: Queue) -> Iterator[Queue]:
        """The same messages through another `Queue`."""
        twin = harness.open_queue()
        yield twin
        twin.close()

    @pytest.fixture
    def lease(self, harness: QueueHarness, queue: Queue) -> float:
        """A short lease."""
        return max(harness.lease, queue.capabilities.lease_min)

    @pytest.fixture
    def ordered(self, harness: QueueHarness, queue: Queue) -> Iterator[Queue]:
        """A queue with groups."""
        if harness.ordered_queue is not None:
            other = harness.ordered_queue()
            yield other
            other.close()
        elif queue.capabilities.groups:
            yield queue
        else:
            pytest.skip("capability groups is off: only its refusal can be tested")


def let_pass(harness: QueueHarness, seconds: float) -> None:
    """Let so much time pass, and a little more."""
    if harness.advance is not None:
        harness.advance(seconds + 0.001)
    else:
        time.sleep(seconds + GRACE_SECONDS)


def unhurried(
    queue: Queue, harness: QueueHarness, seconds: float, case: Callable[[float], None]
) -> None:
    """Run *case* with a lease or delay that no pause of this machine ends too early.

    Where the clock is moved, a long one costs nothing. Else *seconds* are tried first, and longer
    ones only if the case fails: a driver that is wrong is so with every length.
    """
    if harness.advance is not None:
        case(max(seconds, LONG_SECONDS))
        return
    for times in (1, *LONGER):
        try:
            case(times * seconds)
        except (AssertionError, LeaseLost):
            if times == LONGER[-1]:
                raise
            queue.purge()
        else:
            return
