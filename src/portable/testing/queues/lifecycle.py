"""Queues that are made, missing, counted, emptied and removed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from portable.errors import (
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Unauthenticated,
    Unsupported,
)
from portable.queue import DeadLetter, Message, Queue, QueueStats
from portable.testing.descriptors import nothing_left_open
from portable.testing.queues.base import QueueCases, take, take_one
from portable.testing.queues.dead_letters import dead_letters_of
from portable.testing.queues.harness import QueueHarness

CALLS: dict[str, Callable[[Queue], object]] = {
    "send": lambda queue: queue.send(b"x"),
    "receive": lambda queue: queue.receive(),
    "stats": lambda queue: queue.stats(),
    "purge": lambda queue: queue.purge(),
}


def check_place(error: PortableError, queue: Queue, operation: str) -> None:
    """Check that *error* says what was done to what."""
    assert (error.provider, error.operation, error.resource) == (
        queue.provider,
        operation,
        queue.url,
    )
    assert error.message in str(error)


def _handle(message: Message) -> None:
    if message.body == "hopeless":
        raise DeadLetter("no")


class LifecycleCases(QueueCases):
    """`create`, `exists`, `delete`, `stats`, `purge`, `peek`, `close`."""

    @pytest.mark.parametrize("call", CALLS)
    def test_missing_queue_is_made_at_its_first_use(self, queue: Queue, call: str) -> None:
        """Whatever that is."""
        assert not queue.exists()
        CALLS[call](queue)
        assert queue.exists()

    @pytest.mark.parametrize("call", CALLS)
    def test_missing_queue_is_an_error_where_none_is_made(
        self, harness: QueueHarness, call: str
    ) -> None:
        """`QueueNotFound`, and there is still none."""
        queue = harness.open_queue(create=False)
        with pytest.raises(QueueNotFound) as caught:
            CALLS[call](queue)
        check_place(caught.value, queue, call)
        if harness.sdk_errors:
            assert isinstance(caught.value.__cause__, harness.sdk_errors)
        assert not queue.exists()
        queue.close()

    def test_closed_queue_leaves_nothing_open(self, queue: Queue, harness: QueueHarness) -> None:
        """Its dead letters' connections and a consumer's included."""

        def use() -> None:
            queue = harness.open_queue()
            queue.send_many(["a", "b", "hopeless"])
            report = queue.consume(_handle, max_messages=3)
            assert (report.handled, report.dead) == (2, 1)
            take_one(dead_letters_of(queue)).ack()
            queue.close()

        use()  # what a library opens once may stay
        with nothing_left_open():
            use()

    @pytest.mark.parametrize("call", CALLS)
    def test_denied_queue(self, harness: QueueHarness, call: str) -> None:
        """It is never `QueueNotFound`."""
        if harness.denied_queue is None:
            pytest.skip("nothing is ever denied here")
        queue = harness.denied_queue()
        with pytest.raises((PermissionDenied, Unauthenticated)) as caught:
            CALLS[call](queue)
        check_place(caught.value, queue, call)
        queue.close()

    def test_create_twice_is_fine_and_keeps_the_messages(self, queue: Queue, twin: Queue) -> None:
        """The dead letters are made along."""
        queue.create()
        queue.send(b"x")
        twin.create()
        assert queue.exists()
        dead = queue.dead_letters
        assert dead is not None
        assert dead.exists()
        take_one(queue).ack()

    def test_deleted_queue_is_gone(self, queue: Queue) -> None:
        """Twice is fine, its dead letters stay, and the next use makes an empty one."""
        queue.send(b"x")
        take_one(queue).dead_letter("no")
        queue.send(b"y")
        queue.delete()
        queue.delete()
        assert not queue.exists()
        dead = queue.dead_letters
        assert dead is not None
        take_one(dead).ack()
        queue.send(b"z")
        assert take_one(queue).body == b"z"

    def test_stats_count_what_the_provider_tells(self, queue: Queue) -> None:
        """An unknown figure is `None`, never 0; a known one is right."""
        assert queue.stats() in _possible(queue.stats(), visible=0, leased=0, delayed=0)
        queue.send_many([b"1", b"2", b"3"])
        if queue.capabilities.delay_max:
            queue.send(b"4", delay=60)
        held = take_one(queue, lease=60)
        delayed = 1 if queue.capabilities.delay_max else 0
        stats = queue.stats()
        assert stats in _possible(stats, visible=2, leased=1, delayed=delayed)
        if stats.oldest_age is not None:
            assert 0 <= stats.oldest_age < 60
        held.ack()
        stats = queue.stats()
        assert stats in _possible(stats, visible=2, leased=0, delayed=delayed)

    def test_purge_removes_everything(self, queue: Queue) -> None:
        """Leased and delayed ones too; the queue stays, and the dead letters."""
        queue.send_many([b"1", b"2"])
        if queue.capabilities.delay_max:
            queue.send(b"later", delay=1)
        one, _ = take(queue, 2, lease=60)
        queue.send(b"3")
        queue.purge()
        one.nack()
        assert queue.receive(wait=1) == []
        assert queue.exists()
        queue.send(b"4")
        assert take_one(queue).body == b"4"

    def test_peek_leases_nothing(self, queue: Queue) -> None:
        """And what was seen can't be acked; `Unsupported` where there is no way."""
        queue.send({"a": 1}, attributes={"b": "c"})
        if not queue.capabilities.peeks:
            with pytest.raises(Unsupported, match="receive"):
                queue.peek()
            return
        (seen,) = queue.peek(5)
        assert (seen.body, seen.attributes) == ({"a": 1}, {"b": "c"})
        with pytest.raises(PortableError, match="looked at"):
            seen.ack()
        message = take_one(queue)
        assert message.attempts == 1
        assert queue.peek(5) == []
        message.ack()

    def test_closed_queue_opens_again(self, queue: Queue) -> None:
        """And a message outlives the connection that it came by."""
        queue.send(b"x")
        message = take_one(queue)
        queue.close()
        queue.close()
        assert message.ack()
        queue.send(b"y")
        assert take_one(queue).body == b"y"

    def test_pickled_queue_is_the_same_queue(self, queue: Queue) -> None:
        """Used or not."""
        for n in range(2):
            copy = pickle.loads(pickle.dumps(queue))
            assert (copy.url, copy.name, copy.provider) == (queue.url, queue.name, queue.provider)
            copy.send(n)
            take_one(queue).ack()
            copy.close()

    def test_queue_says_what_it_is(self, queue: Queue) -> None:
        """Capabilities are constant and make sense."""
        able = queue.capabilities
        assert able == queue.capabilities
        with pytest.raises((FrozenInstanceError, AttributeError)):
            able.groups = True  # type: ignore[misc]
        assert min(able.send_max, able.receive_max, able.settle_max) >= 1
        assert able.message_max >= 16 * 1024
        assert able.send_bytes_max >= able.message_max
        assert 0 <= able.lease_min <= 30 <= able.lease_max
        assert able.delay_max >= 0
        assert 0 <= able.wait_max <= 60
        assert able.attributes_max == 0 or able.attributes_max >= 10
        assert queue.name in queue.url
        assert queue.url in repr(queue)
        assert queue.native is not None


def _possible(told: QueueStats, **figures: int) -> list[QueueStats]:
    """The right answer, as far as the provider tells."""
    figures["total"] = sum(figures.values())
    known = {name: n for name, n in figures.items() if getattr(told, name) is not None}
    return [QueueStats(**known, oldest_age=told.oldest_age)]
