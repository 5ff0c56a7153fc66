"""Leases: one message, one holder, until the lease ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from portable.errors import InvalidArgument, InvalidType, LeaseLost, Unsupported
from portable.queue import Queue
from portable.testing.queues.base import QueueCases, let_pass, take, take_one, unhurried
from portable.testing.queues.harness import QueueHarness
from portable.testing.queues.quirks import quirk


class LeaseCases(QueueCases):
    """`ack`, `nack`, `extend`, and what happens without them."""

    def test_message_is_hidden_until_acked(self, queue: Queue, twin: Queue) -> None:
        """And gone afterwards; a second ack is no error."""
        id = queue.send({"n": 1})
        message = take_one(queue)
        assert (message.id, message.attempts, message.settled) == (id, 1, False)
        assert queue.receive() == twin.receive() == []
        assert not message.lease_lost
        assert message.ack() is True
        assert message.ack() is True
        assert message.settled
        assert not message.lease_lost
        assert queue.receive() == []

    def test_lease_says_when_it_ends(self, queue: Queue) -> None:
        """By this machine's clock; who sent it when is told as well."""
        queue.send(b"x")
        message = take_one(queue, lease=60)
        now = datetime.fromtimestamp(queue._connection.surroundings.now(), UTC)
        assert timedelta(seconds=20) < message.lease_until - now < timedelta(seconds=65)
        if message.sent_at is not None:
            assert abs(now - message.sent_at) < timedelta(minutes=5)

    def test_nack_hands_back_at_once(self, queue: Queue) -> None:
        """Each delivery counts, and has the same id."""
        id = queue.send(b"x")
        for attempt in (1, 2, 3):
            message = take_one(queue)
            assert (message.id, message.body) == (id, b"x")
            if queue.capabilities.counts_attempts:
                assert message.attempts == attempt
            message.nack()
            message.nack()
            assert not message.lease_lost
        take_one(queue).ack()

    def test_settled_message_is_not_settled_otherwise(self, queue: Queue) -> None:
        """Who acks what was handed back is told so."""
        queue.send_many([b"1", b"2"])
        one, two = take(queue, 2)
        one.ack()
        two.nack(60)
        for wrong in (one.nack, one.extend, two.ack, two.extend, lambda: two.dead_letter("x")):
            with pytest.raises(InvalidArgument, match="already"):
                wrong()

    def test_delayed_nack_and_extension_hold(
        self, queue: Queue, harness: QueueHarness, lease: float
    ) -> None:
        """One comes back when its delay is over, the other not while it is extended."""

        def hold(lease: float) -> None:
            queue.send_many([b"back", b"kept"])
            for message in take(queue, 2, lease=lease):
                if message.body == b"back":
                    message.nack(lease)
                else:
                    kept = message
            assert queue.receive() == []
            kept.extend(10 * lease)
            let_pass(harness, lease)
            again = take_one(queue)
            assert again.body == b"back"
            assert not kept.lease_lost
            assert queue.receive() == []
            assert kept.ack() is True
            again.ack()

        unhurried(queue, harness, lease, hold)

    def test_lease_that_ends_gives_the_message_to_the_next(
        self, queue: Queue, twin: Queue, harness: QueueHarness, lease: float
    ) -> None:
        """The first holder's ack removes nothing then, and never claims that it did."""
        id = queue.send(b"x")
        first = take_one(queue, lease=lease)
        let_pass(harness, lease)
        assert first.lease_lost
        second = take_one(twin)
        assert second.id == id
        if queue.capabilities.counts_attempts:
            assert second.attempts == 2
        assert first.ack() is False
        assert first.lease_lost
        with pytest.raises(LeaseLost):
            first.ack(strict=True)
        assert not second.lease_lost
        assert second.ack(strict=True) is True

    @quirk("old_receipt_acks")
    def test_late_ack_leaves_the_message_to_its_holder(
        self, queue: Queue, twin: Queue, harness: QueueHarness, lease: float
    ) -> None:
        """Handed back by the second holder, it is there for a third."""
        queue.send(b"x")
        first = take_one(queue, lease=lease)
        let_pass(harness, lease)
        second = take_one(twin)
        first.ack()
        second.nack()
        take_one(queue).ack()

    @quirk("old_receipt_extends")
    def test_late_nack_takes_nothing_from_its_holder(
        self, queue: Queue, twin: Queue, harness: QueueHarness, lease: float
    ) -> None:
        """The message stays hidden, and late extensions are refused where the server can tell."""
        queue.send(b"x")
        first, late = take_one(queue, lease=lease), None
        let_pass(harness, lease)
        second = take_one(twin, lease=60)
        if queue.capabilities.tells_lost_lease:
            with pytest.raises(LeaseLost):
                first.extend(30)
        first.nack()
        late = queue.receive()
        assert late == []
        assert second.ack() is True

    @pytest.mark.parametrize("lease", [-1, 0, float("nan"), float("inf"), "30", None, True])
    def test_impossible_times_are_refused(self, queue: Queue, lease: object) -> None:
        """In every place; nothing is sent."""
        queue.send(b"x")
        wrong = (InvalidArgument, InvalidType)
        if lease is not None:
            with pytest.raises(wrong, match="lease"):
                queue.receive(lease=lease)  # type: ignore[arg-type]
        if lease != 0:
            with pytest.raises(wrong, match="wait"):
                queue.receive(wait=lease)  # type: ignore[arg-type]
            message = take_one(queue)
            with pytest.raises(wrong, match="delay"):
                message.nack(lease)  # type: ignore[arg-type]
            assert not message.settled
            message.ack()

    def test_times_beyond_the_providers_are_refused(self, queue: Queue) -> None:
        """With what to do instead, and nothing happens."""
        queue.send(b"x")
        beyond = timedelta(seconds=queue.capabilities.lease_max + 1)
        with pytest.raises(Unsupported, match="consume"):
            queue.receive(lease=beyond)
        message = take_one(queue)
        with pytest.raises(Unsupported, match="handed back"):
            message.nack(beyond)
        with pytest.raises(Unsupported, match="lease"):
            message.extend(beyond)
        message.ack()

    def test_context_manager_acks_or_hands_back(self, queue: Queue) -> None:
        """And lets the exception out."""
        queue.send(b"x")
        with pytest.raises(ZeroDivisionError), take_one(queue):
            1 / 0  # noqa: B018
        with take_one(queue) as message:
            assert message.body == b"x"
        assert message.settled
        assert queue.receive() == []

    def test_waiting_ends_with_the_first_message_or_the_time(
        self, queue: Queue, twin: Queue
    ) -> None:
        """Also where the server doesn't wait by itself."""
        begun = time.monotonic()
        assert queue.receive(wait=timedelta(seconds=1)) == []
        waited = time.monotonic() - begun
        assert 0.9 <= waited < 6
        twin.send(b"x")
        begun = time.monotonic()
        assert len(queue.receive(10, wait=20)) == 1
        assert time.monotonic() - begun < 10
