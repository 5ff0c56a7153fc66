"""Delays: as long as asked for, or refused, or held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portable.errors import InvalidArgument, InvalidType, Unsupported
from portable.queue import Queue
from portable.testing.queues.base import QueueCases, let_pass, take_one, unhurried
from portable.testing.queues.harness import QueueHarness
from portable.testing.queues.quirks import quirk


class DelayCases(QueueCases):
    """`send(delay=…)`."""

    def test_delayed_message_comes_when_it_is_time(
        self, queue: Queue, harness: QueueHarness
    ) -> None:
        """Not before; others pass it."""
        if not queue.capabilities.delay_max:
            pytest.skip("capability delay_max is 0: only its refusal can be tested")

        def come(delay: float) -> None:
            queue.send(b"later", delay=timedelta(seconds=delay))
            queue.send(b"now")
            take_one(queue).ack()
            assert queue.receive() == []
            let_pass(harness, delay)
            message = take_one(queue)
            assert message.body == b"later"
            assert message.attempts == 1

        unhurried(queue, harness, 2, come)

    def test_longer_delays_than_the_providers_are_refused(self, queue: Queue) -> None:
        """Never clamped; the text says what to do. Nothing is sent, of many neither."""
        beyond = queue.capabilities.delay_max + 1
        with pytest.raises(Unsupported, match="long_delays"):
            queue.send(b"x", delay=beyond)
        with pytest.raises(Unsupported, match="delay"):
            queue.send_many([b"x"], delay=beyond)
        assert queue.receive() == []

    @pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), "1", True])
    def test_impossible_delays_are_refused(self, queue: Queue, delay: object) -> None:
        """Nothing is sent."""
        with pytest.raises((InvalidArgument, InvalidType), match="delay"):
            queue.send(b"x", delay=delay)  # type: ignore[arg-type]

    @quirk("age_limits_leases")
    def test_long_delay_is_held(self, harness: QueueHarness) -> None:
        """Handed out by the provider, given back by us, until it is time; its attempts start at 1."""
        if harness.advance is None:
            pytest.skip("the provider's clock can't be moved, and its longest delay is long")
        queue = harness.open_queue(long_delays="hold")
        able = queue.capabilities
        delay = able.delay_max + 1.5 * able.lease_max
        queue.send(b"x", delay=delay)
        assert queue.receive() == []
        passed = 0.0
        for step in (able.delay_max, able.lease_max, 0.4 * able.lease_max):
            harness.advance(step + 0.01)
            passed += step
            assert queue.receive() == [], f"after {passed} of {delay} s"
        harness.advance(delay - passed + 1)
        message = take_one(queue)
        assert (message.body, message.attempts) == (b"x", 1)
        assert message.attributes == {}
        message.ack()
        queue.close()
