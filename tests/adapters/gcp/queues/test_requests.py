"""What is sent to Pub/Sub, and how much fits into it."""

from __future__ import annotations

import time
from contextlib import closing

import grpc
import pytest
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1 import types as t

from portable.errors import (
    Unavailable,
    Unsupported,
)
from portable.queue.driver import WireMessage
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.targets.pubsub import open_pubsub_queue
from portable_gcp.queue import PubSubQueue

from .support import SUBSCRIPTION, TOPIC, Open, methods, wire


class TestRequests:
    def test_connecting_sends_nothing(self, server: FakePubSub, open_driver: Open) -> None:
        open_driver()
        assert server.requests == []

    def test_each_call_is_one_request(self, server: FakePubSub, driver: PubSubQueue) -> None:
        server.clear()
        driver.send(wire(b"1", b"2", b"3"))
        found = driver.receive(10, wait=5, lease=30)
        receipts = [each.receipt for each in found]
        driver.extend(receipts, 60)
        driver.ack(receipts)
        driver.purge()
        assert methods(server) == ["Publish", "Pull", "ModifyAckDeadline", "Acknowledge", "Seek"]

    def test_another_lease_than_the_subscriptions_takes_a_second_request(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        driver.send(wire(b"1"))
        server.clear()
        (found,) = driver.receive(10, wait=5, lease=90.5)
        assert methods(server) == ["Pull", "ModifyAckDeadline"]
        assert server.requests[1][1].ack_deadline_seconds == 91
        server.advance(89)
        assert driver.receive(1, wait=0, lease=30) == []
        server.advance(3)
        (again,) = driver.receive(1, wait=5, lease=30)
        assert again.id == found.id

    def test_nothing_below_the_core_sends_again(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        server.clear()
        server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE, times=None))
        with pytest.raises(Unavailable):
            driver.send(wire(b"x"))
        assert methods(server) == ["Publish"]

    def test_without_a_wait_the_server_is_told_not_to(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        assert driver.receive(1, wait=0, lease=30) == []
        assert server.requests[-1][1].return_immediately
        began = time.monotonic()
        assert driver.receive(1, wait=0.3, lease=30) == []
        assert 0.25 < time.monotonic() - began < 15
        assert not server.requests[-1][1].return_immediately

    def test_a_request_that_hangs_ends_with_the_timeout(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(timeout=0.3)
        server.add(Fault("*", delay=20, times=None))
        began = time.monotonic()
        for call in (
            lambda: driver.send(wire(b"x")),
            lambda: driver.receive(1, wait=5, lease=30),
            lambda: driver.ack(["r"]),
            driver.create,
            driver.delete,
            driver.purge,
            driver.stats,
        ):
            with pytest.raises(Unavailable):
                call()
        assert time.monotonic() - began < 19

    def test_what_is_stored_is_what_the_message_says(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        (id,) = driver.send([WireMessage(body=bytes(range(256)), attributes={"k": "é"})])
        (found,) = server.held(SUBSCRIPTION)
        assert (found.data, dict(found.attributes)) == (bytes(range(256)), {"k": "é"})
        (mine,) = driver.receive(1, wait=5, lease=30)
        assert mine.id == id == found.message_id
        assert mine.sent_at == pytest.approx(server.clock(), abs=5)

    def test_the_native_clients_reach_the_same_queue(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        publisher = driver.native.publisher
        assert isinstance(publisher, PublisherClient)
        publisher.publish(topic=TOPIC, messages=[t.PubsubMessage(data=b"x")], timeout=10)
        (found,) = driver.receive(1, wait=5, lease=30)
        assert found.body == b"x"


class TestLimits:
    def test_the_largest_send_fits_into_a_request(self, driver: PubSubQueue) -> None:
        able = driver.capabilities
        (id,) = driver.send(wire(bytes(able.message_max - 2)))
        assert isinstance(id, str)
        many = [
            WireMessage(body=bytes(able.send_bytes_max // able.send_max - 460), attributes=about)
            for about in [{f"name-{n}": "value" for n in range(40)}] * able.send_max
        ]
        assert len(driver.send(many)) == able.send_max

    def test_the_largest_settlement_fits_into_a_request(self, driver: PubSubQueue) -> None:
        able = driver.capabilities
        driver.send(wire(*[b"x"] * able.receive_max))
        found = driver.receive(able.receive_max, wait=5, lease=30)
        assert len(found) == able.receive_max == able.settle_max
        receipts = [each.receipt for each in found]
        assert driver.extend(receipts, 600) == receipts
        assert driver.ack(receipts) == [None] * able.settle_max
        assert able.settle_max * 500 < 524_288  # ids may grow to that

    def test_a_delay_and_a_long_lease_are_refused(self, server: FakePubSub) -> None:
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            with pytest.raises(Unsupported, match="delay"):
                queue.send(b"x", delay=1)
            queue.send(b"x")
            with pytest.raises(Unsupported, match="600"):
                queue.receive(lease=601)

    def test_counts_are_unknown_and_never_0(self, driver: PubSubQueue) -> None:
        stats = driver.stats()
        assert stats.visible is stats.leased is stats.delayed is stats.oldest_age is None
