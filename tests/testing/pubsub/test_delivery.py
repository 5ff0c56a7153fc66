"""The fake Pub/Sub: ordering keys, exactly-once delivery, dead letters and streams."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as sdk
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.testing.fakes.pubsub import FakePubSub
from tests.testing.pubsub.support import (
    ONCE,
    SUBSCRIPTION,
    TOPIC,
    Client,
    Message,
    ack,
    bodies,
    modify,
    publish,
    pull,
    streaming,
    until,
)


class TestOrderingKeys:
    @pytest.fixture(autouse=True)
    def _ordered(self, subscribe: Callable[..., None]) -> None:
        subscribe(enable_message_ordering=True)

    def test_one_batch_of_a_key_is_out_at_a_time(self, publisher: Any, subscriber: Any) -> None:
        publish(publisher, b"1", b"2", b"3", key="a")
        publish(publisher, b"other", key="b")
        first = pull(subscriber, 2)
        assert bodies(first) == [b"1", b"2"]
        assert bodies(pull(subscriber)) == [b"other"]
        ack(subscriber, first[0])
        assert pull(subscriber) == []
        ack(subscriber, first[1])
        assert bodies(pull(subscriber)) == [b"3"]

    def test_messages_without_a_key_do_not_wait(self, publisher: Any, subscriber: Any) -> None:
        publish(publisher, b"1", b"2")
        assert bodies(pull(subscriber, 1)) == [b"1"]
        assert bodies(pull(subscriber, 1)) == [b"2"]

    def test_a_nack_brings_all_later_ones_again(self, publisher: Any, subscriber: Any) -> None:
        """Those that were acknowledged, too."""
        publish(publisher, b"1", b"2", b"3", b"4", key="a")
        first = pull(subscriber, 3)
        ack(subscriber, first[2])
        modify(subscriber, 0, first[0])
        assert bodies(pull(subscriber)) == [b"1", b"2", b"3", b"4"]

    def test_a_deadline_that_passes_does_so_too(
        self, server: FakePubSub, publisher: Any, subscriber: Any
    ) -> None:
        publish(publisher, b"1", b"2", key="a")
        first = pull(subscriber)
        modify(subscriber, 60, first[1])
        server.advance(10.1)
        assert bodies(pull(subscriber)) == [b"1", b"2"]

    def test_earlier_ones_that_are_out_hold_the_key(self, publisher: Any, subscriber: Any) -> None:
        publish(publisher, b"1", b"2", b"3", key="a")
        first = pull(subscriber)
        modify(subscriber, 0, first[1])
        assert pull(subscriber) == []
        ack(subscriber, first[0])
        assert bodies(pull(subscriber)) == [b"2", b"3"]


class TestExactlyOnce:
    @pytest.fixture(autouse=True)
    def _exact(self, subscribe: Callable[..., None]) -> None:
        subscribe(enable_exactly_once_delivery=True, enable_message_ordering=True)

    @pytest.mark.parametrize("how", ["ack", "extend", "nack"])
    def test_a_lease_that_was_lost_is_told_by_its_id(
        self, server: FakePubSub, publisher: Any, subscriber: Any, how: str
    ) -> None:
        publish(publisher, b"1", b"2")
        late, good = pull(subscriber)
        modify(subscriber, 60, good)
        server.advance(11)
        settle = {
            "ack": partial(ack, subscriber),
            "extend": partial(modify, subscriber, 60),
            "nack": partial(modify, subscriber, 0),
        }
        with pytest.raises(sdk.InvalidArgument) as refused:
            settle[how](late, good)
        assert refused.value.metadata == {late.ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
        if how == "ack":
            assert bodies(pull(subscriber)) == [late.message.data]

    def test_acks_of_a_key_are_in_order(self, publisher: Any, subscriber: Any) -> None:
        publish(publisher, b"1", b"2", key="a")
        first, second = pull(subscriber)
        with pytest.raises(sdk.InvalidArgument) as refused:
            ack(subscriber, second)
        assert refused.value.metadata == {second.ack_id: "TRANSIENT_FAILURE_UNORDERED_ACK_ID"}
        ack(subscriber, first, second)
        ack(subscriber, first, second)  # once more is fine

    def test_the_streaming_client_learns_what_became_of_its_acks(
        self, server: FakePubSub, publisher: Any, subscriber: Any
    ) -> None:
        publish(publisher, b"x")
        told: Future[Any] = Future()

        def handle(message: Message) -> None:
            told.set_result(message.ack_with_response().result(timeout=10))

        with streaming(subscriber, handle):
            answer = told.result(timeout=20)
        assert answer is pubsub_v1.subscriber.exceptions.AcknowledgeStatus.SUCCESS
        assert server.held(SUBSCRIPTION) == []


class TestDeadLetters:
    DEAD = "projects/testing/topics/jobs-dead"
    POLICY = {"dead_letter_topic": DEAD, "max_delivery_attempts": 5}  # noqa: RUF012

    def test_the_topic_must_be_there(self, subscribe: Callable[..., None]) -> None:
        with pytest.raises(sdk.NotFound):
            subscribe(dead_letter_policy=self.POLICY)

    def fail(self, subscriber: Any, times: int) -> list[int]:
        attempts = []
        for _ in range(times):
            (found,) = pull(subscriber)
            attempts.append(found.delivery_attempt)
            modify(subscriber, 0, found)
        return attempts

    def test_a_message_that_failed_too_often_is_forwarded(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        dead = "projects/testing/subscriptions/jobs-dead"
        publisher.create_topic(name=self.DEAD, **ONCE)
        subscriber.create_subscription(name=dead, topic=self.DEAD, **ONCE)
        subscribe(dead_letter_policy=self.POLICY)
        publish(publisher, b"x")
        assert self.fail(subscriber, 5) == [1, 2, 3, 4, 5]
        assert pull(subscriber) == []
        answer = subscriber.pull(subscription=dead, max_messages=5, **ONCE)
        (letter,) = answer.received_messages
        assert letter.message.data == b"x"
        assert letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
        assert letter.message.attributes["CloudPubSubDeadLetterSourceSubscription"] == "jobs"

    def test_without_the_permission_it_stays_and_is_counted(self) -> None:
        with (
            FakePubSub(forwards_dead_letters=False) as server,
            grpc.insecure_channel(server.host) as channel,
        ):
            publisher: Any = pubsub_v1.PublisherClient
            made = publisher(transport=PublisherGrpcTransport(channel=channel))
            subscriber = Client(transport=SubscriberGrpcTransport(channel=channel))
            for name in (TOPIC, self.DEAD):
                made.create_topic(name=name, **ONCE)
            about = {"name": SUBSCRIPTION, "topic": TOPIC, "dead_letter_policy": self.POLICY}
            subscriber.create_subscription(request=about, **ONCE)
            publish(made, b"x")
            assert self.fail(subscriber, 7) == [1, 2, 3, 4, 5, 6, 7]

    def test_attempts_are_counted_only_with_a_policy(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        assert self.fail(subscriber, 2) == [0, 0]


class TestStreamingPull:
    def test_the_subscriber_gets_and_settles_all(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, *(str(n).encode() for n in range(1000)))
        seen: list[bytes] = []

        def handle(message: Message) -> None:
            seen.append(message.data)
            message.ack()

        with streaming(subscriber, handle):
            until(lambda: len(seen) >= 500)
            publish(publisher, b"late")
            until(lambda: len(seen) == 1001 and not server.held(SUBSCRIPTION))
        assert sorted(seen) == sorted([*(str(n).encode() for n in range(1000)), b"late"])

    def test_a_nack_brings_the_message_again(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe(dead_letter_policy={"dead_letter_topic": TOPIC, "max_delivery_attempts": 50})
        publish(publisher, b"x")
        attempts: list[int] = []

        def handle(message: Message) -> None:
            attempts.append(message.delivery_attempt or 0)
            message.ack() if len(attempts) == 3 else message.nack()

        with streaming(subscriber, handle):
            until(lambda: len(attempts) == 3 and not server.held(SUBSCRIPTION))
        assert attempts == [1, 2, 3]

    def test_flow_control_bounds_what_is_out(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, *(b"x" for _ in range(20)))
        out: list[Message] = []
        control = pubsub_v1.types.FlowControl(max_messages=4)
        with streaming(subscriber, out.append, flow_control=control):
            until(lambda: len(out) == 4)
            time.sleep(0.1)
            assert len(out) == 4
            out[0].ack()
            until(lambda: len(out) == 5)

    def test_order_is_kept_within_a_key(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe(enable_message_ordering=True)
        for name in "ab":
            publish(publisher, *(f"{name}{n:02}".encode() for n in range(50)), key=name)
        seen: list[bytes] = []

        def handle(message: Message) -> None:
            seen.append(message.data)
            message.ack()

        with streaming(subscriber, handle):
            until(lambda: len(seen) >= 100)
        for key in b"ab":
            mine = [body for body in seen if body[0] == key]
            assert mine == sorted(mine)

    def test_the_stream_of_a_subscription_that_is_not_there_fails(self, subscriber: Any) -> None:
        future = subscriber.subscribe(SUBSCRIPTION, lambda _: None)
        with pytest.raises(sdk.NotFound):
            future.result(timeout=20)
