"""Leases, attempts and groups on Pub/Sub."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import grpc
import pytest

from portable.errors import (
    InvalidArgument,
    LeaseLost,
    PortableError,
    Unavailable,
)
from portable.queue.driver import WireMessage
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.targets.pubsub import open_pubsub_queue
from portable_gcp.queue import PubSubQueue

from .support import SUBSCRIPTION, Open, methods, wire


class TestGroups:
    @pytest.fixture
    def ordered(self, open_driver: Open) -> PubSubQueue:
        driver = open_driver(fifo=True)
        driver.create()
        return driver

    def test_a_request_has_the_messages_of_one_group(
        self, server: FakePubSub, ordered: PubSubQueue
    ) -> None:
        messages = [
            WireMessage(body=f"{group}{n}".encode(), attributes={"a": "b"}, group=group)
            for n in range(3)
            for group in ("x", "y", None)
        ]
        server.clear()
        ids = ordered.send(messages)
        assert methods(server) == ["Publish"] * 3
        stored = {each.message_id: each.data for each in server.held(SUBSCRIPTION)}
        assert [stored[str(id)] for id in ids] == [each.body for each in messages]

    def test_a_group_that_fails_leaves_those_that_were_sent(
        self, server: FakePubSub, ordered: PubSubQueue
    ) -> None:
        def publish(group: str) -> list[WireMessage]:
            return wire(b"1", b"2", group=group)

        server.add(Fault("Publish", times=1))
        server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE))
        answers = ordered.send([*publish("x"), *publish("y"), *publish("z")])
        assert [isinstance(answer, str) for answer in answers] == [True] * 2 + [False] * 4
        assert all(isinstance(answer, Unavailable) for answer in answers[2:])

    def test_the_core_sends_the_rest_again(self, server: FakePubSub) -> None:
        with closing(open_pubsub_queue(server, "jobs", fifo=True)) as queue:
            queue.send(b"0", group="x")
            server.add(Fault("Publish", times=1))
            server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE))
            assert len(queue.send_many([b"1", b"2"], group="y")) == 2
            assert len(queue.send_many([b"3", b"4"], group="z")) == 2
        found = [each.data for each in server.held(SUBSCRIPTION)]
        assert found == [b"0", b"1", b"2", b"3", b"4"]

    def test_one_message_of_a_group_is_out_at_a_time(
        self, server: FakePubSub, ordered: PubSubQueue
    ) -> None:
        ordered.send(wire(b"1", b"2", group="x"))
        (first,) = ordered.receive(1, wait=5, lease=30)
        assert (first.body, first.group) == (b"1", "x")
        assert ordered.receive(1, wait=0, lease=30) == []
        ordered.extend([first.receipt], 0)
        (again,) = ordered.receive(1, wait=5, lease=30)
        assert (again.body, again.attempts) == (b"1", 2)
        ordered.ack([again.receipt])
        (second,) = ordered.receive(1, wait=5, lease=30)
        assert (second.body, second.attempts) == (b"2", 1)

    def test_a_receive_of_several_has_one_of_each_group(self, server: FakePubSub) -> None:
        """Though a pull may answer with several of a key."""
        with closing(open_pubsub_queue(server, "jobs", fifo=True)) as queue:
            for group in "xy":
                queue.send_many([1, 2, 3], group=group)
            messages = queue.receive(10, wait=5)
            assert sorted(str(message.group) for message in messages) == ["x", "y"]
            assert [message.body for message in messages] == [1, 1]


class TestLeases:
    def test_attempts_are_counted_by_the_service_whoever_asks(
        self, server: FakePubSub, open_driver: Open, driver: PubSubQueue
    ) -> None:
        driver.send(wire(b"x"))
        attempts = []
        for handed_back in (True, False, True):
            (found,) = open_driver().receive(1, wait=5, lease=30)
            attempts.append(found.attempts)
            if handed_back:
                driver.extend([found.receipt], 0)
            else:
                server.advance(31)
        assert attempts == [1, 2, 3]

    def test_a_lost_lease_is_told_where_acks_are_exact(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(exactly_once=True)
        assert driver.capabilities.tells_lost_lease
        driver.create()
        driver.send(wire(b"1", b"2"))
        late, good = driver.receive(2, wait=5, lease=30)
        assert driver.extend([good.receipt], 60) == [good.receipt]
        server.advance(31)
        for answers in (
            driver.extend([late.receipt, good.receipt], 60),
            driver.ack([late.receipt, good.receipt]),
        ):
            assert isinstance(answers[0], LeaseLost)
            assert not isinstance(answers[1], PortableError)
        assert [each.data for each in server.held(SUBSCRIPTION)] == [late.body]

    def test_it_is_not_told_elsewhere_and_nothing_claims_so(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        assert not driver.capabilities.tells_lost_lease
        driver.send(wire(b"x"))
        (late,) = driver.receive(1, wait=5, lease=30)
        server.advance(31)
        assert driver.ack([late.receipt]) == [None]
        assert len(server.held(SUBSCRIPTION)) == 1

    def test_a_message_whose_lease_was_lost_before_it_is_handed_out_is_not(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(exactly_once=True)
        driver.create()
        driver.send(wire(b"x"))
        pulled = driver._pull(1, 5)
        driver._subscription.ack_deadline_seconds = 20  # as another one was made
        server.advance(31)
        driver._pull = lambda limit, wait: pulled  # type: ignore[method-assign]
        assert driver.receive(1, wait=5, lease=60) == []

    def test_an_ack_of_a_group_out_of_order_may_succeed_later(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(exactly_once=True, fifo=True)
        driver.create()
        driver.send(wire(b"1", b"2", group="x"))
        first, second = (each.ack_id for each in driver._pull(2, 5))
        (answer,) = driver.ack([second])
        assert isinstance(answer, Unavailable)
        assert answer.retryable
        assert driver.ack([first, second]) == [None, None]

    def test_a_receipt_of_nobodys_is_an_invalid_argument(self, driver: PubSubQueue) -> None:
        with pytest.raises(InvalidArgument):
            driver.ack(["nonsense"])

    def test_the_dead_letters_of_the_service_and_ours_are_one_queue(
        self, server: FakePubSub
    ) -> None:
        """Where its account may, Pub/Sub moves what a crashing consumer leaves 100 times."""
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            queue.send(b"x")
            driver: Any = queue._connection.driver
            for _ in range(100):
                (found,) = driver.receive(1, wait=5, lease=30)
                driver.extend([found.receipt], 0)
            dead = queue.dead_letters
            assert dead is not None
            (letter,) = dead.receive(wait=5)
            assert letter.body == b"x"
            assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "100"
