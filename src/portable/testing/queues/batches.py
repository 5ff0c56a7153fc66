"""Many messages: split as the provider needs it, answered one by one."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from portable.errors import InvalidArgument, InvalidType
from portable.queue import Queue
from portable.testing.queues.base import QueueCases, check_empty, take
from portable.testing.queues.harness import QueueHarness
from portable.testing.queues.quirks import quirk


class BatchCases(QueueCases):
    """`send_many` and `receive` of several."""

    def test_many_messages_are_split(self, queue: Queue, harness: QueueHarness) -> None:
        """Each has an id, and comes once."""
        ids = queue.send_many({"n": n} for n in range(harness.many))
        assert len(set(ids)) == harness.many
        messages = take(queue, harness.many, lease=60 + queue.capabilities.lease_min)
        assert {message.id for message in messages} == set(ids)
        assert sorted(message.body["n"] for message in messages) == list(range(harness.many))
        assert queue.ack_many([*messages, messages[0]]) == [True] * (harness.many + 1)
        check_empty(queue)

    @pytest.mark.parametrize("more", [0, 1])
    def test_a_full_batch_and_one_more(self, queue: Queue, more: int) -> None:
        """Both edges of the provider's largest batch, as far as that is small."""
        count = min(queue.capabilities.send_max, 100) + more
        ids = queue.send_many([b"x"] * count, attributes={"a": "b"})
        messages = take(queue, count, lease=60 + queue.capabilities.lease_min)
        assert {message.id for message in messages} == set(ids)
        assert all(message.attributes == {"a": "b"} for message in messages)

    def test_batches_are_split_by_bytes_too(self, queue: Queue) -> None:
        """Several large messages are too much for one request."""
        able = queue.capabilities
        size = min(able.message_max // 2, 400_000)
        count = min(able.send_bytes_max // size + 2, 6)
        bodies = [bytes([65 + n]) * size for n in range(count)]
        queue.send_many(bodies)
        assert sorted(message.body for message in take(queue, count)) == bodies

    def test_nothing_is_sent_for_no_bodies(self, queue: Queue) -> None:
        """Nor when one of them can't be."""
        assert queue.send_many([]) == []
        with pytest.raises(InvalidArgument):
            queue.send_many([1, float("nan")])
        for single in ("text", 3):
            with pytest.raises(InvalidType, match="several"):
                queue.send_many(single)  # type: ignore[arg-type]
        assert queue.receive() == []

    def test_only_messages_are_acked(self, queue: Queue) -> None:
        """In a list, and all of them or none."""
        queue.send("x")
        (message,) = take(queue)
        with pytest.raises(InvalidType, match=r"several.*message\.ack"):
            queue.ack_many(message)  # type: ignore[arg-type]
        with pytest.raises(InvalidType, match="not a str"):
            queue.ack_many([message, "x"])  # type: ignore[list-item]
        assert message.ack()

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
    def test_impossible_counts_are_refused(self, queue: Queue, wrong: object) -> None:
        """Nothing is received."""
        with pytest.raises((InvalidArgument, InvalidType), match="max_messages"):
            queue.receive(wrong)  # type: ignore[arg-type]

    @quirk("unsafe_threads")
    def test_two_consumers_never_get_the_same_message(
        self, queue: Queue, twin: Queue, harness: QueueHarness
    ) -> None:
        """Several threads, two queues, each message once."""
        count = min(60, harness.many)
        queue.send_many(range(count))

        def work(which: Queue) -> list[int]:
            seen = []
            while messages := which.receive(5, wait=1, lease=60):
                for message in messages:
                    seen.append(message.body)
                    assert message.ack(strict=True)
            return seen

        with ThreadPoolExecutor(4) as pool:
            seen = Counter(n for each in pool.map(work, [queue, twin] * 2) for n in each)
        assert seen == Counter(range(count))
