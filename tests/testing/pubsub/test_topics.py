"""The fake Pub/Sub: the server, topics and subscriptions, and what may be published."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as sdk
from google.cloud import pubsub_v1
from google.pubsub_v1 import types as t
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.testing.fakes.pubsub import FakePubSub
from tests.testing.pubsub.support import ONCE, SUBSCRIPTION, TOPIC, bodies, publish, pull


class TestTheServer:
    def test_it_starts_and_stops_at_once_even_with_a_pull_that_waits(self) -> None:
        began = time.monotonic()
        with FakePubSub() as server, grpc.insecure_channel(server.host) as channel:
            publisher: Any = PublisherGrpcTransport(channel=channel)
            subscriber: Any = SubscriberGrpcTransport(channel=channel)
            publisher.create_topic(t.Topic(name=TOPIC), timeout=10)
            subscriber.create_subscription(
                t.Subscription(name=SUBSCRIPTION, topic=TOPIC), timeout=10
            )
            waiting = subscriber.pull.future(
                t.PullRequest(subscription=SUBSCRIPTION, max_messages=1), timeout=60
            )
            while not any(method == "Pull" for method, _ in server.requests):
                time.sleep(0.005)
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 15
        assert time.monotonic() - began < 30
        assert waiting.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

    def test_it_runs_as_a_process_and_ends_when_asked(self, tmp_path: Any) -> None:
        with FakePubSub() as free:
            port = free.host.rpartition(":")[2]
        process = subprocess.Popen(
            [sys.executable, "-m", "portable.testing.fakes.pubsub", port],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
                stub: Any = PublisherGrpcTransport(channel=channel)
                assert stub.create_topic(t.Topic(name=TOPIC), timeout=10).name == TOPIC
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
            process.wait()

    def test_the_client_finds_it_through_the_variable_of_the_emulator(
        self, server: FakePubSub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
        client: Any = pubsub_v1.PublisherClient
        made = client()
        made.create_topic(name=TOPIC)
        assert made.publish(TOPIC, b"x").result(timeout=10)
        made.stop()


class TestTopicsAndSubscriptions:
    def test_a_topic_is_made_once(self, publisher: Any) -> None:
        with pytest.raises(sdk.AlreadyExists):
            publisher.create_topic(name=TOPIC, **ONCE)

    @pytest.mark.parametrize("name", ["google", "1st", "ab", "a" * 256, "a/b", "a b"])
    def test_a_name_against_the_rules_is_refused(self, publisher: Any, name: str) -> None:
        with pytest.raises(sdk.InvalidArgument):
            publisher.create_topic(name=f"projects/testing/topics/{name}", **ONCE)

    def test_topics_are_listed_in_pages(self, publisher: Any) -> None:
        for number in range(5):
            publisher.create_topic(name=f"projects/testing/topics/more{number}", **ONCE)
        publisher.create_topic(name="projects/other/topics/theirs", **ONCE)
        request = {"project": "projects/testing", "page_size": 2}
        found = [each.name for each in publisher.list_topics(request=request, **ONCE)]
        assert found == [TOPIC, *(f"projects/testing/topics/more{n}" for n in range(5))]

    def test_a_topic_is_updated_by_its_mask(self, publisher: Any) -> None:
        topic = {"name": TOPIC, "labels": {"a": "b"}}
        request = {"topic": topic, "update_mask": {"paths": ["labels"]}}
        publisher.update_topic(request=request, **ONCE)
        assert publisher.get_topic(topic=TOPIC, **ONCE).labels == {"a": "b"}
        request = {"topic": topic, "update_mask": {"paths": ["name"]}}
        with pytest.raises(sdk.InvalidArgument):
            publisher.update_topic(request=request, **ONCE)

    def test_a_subscription_of_a_topic_that_is_not_there_is_refused(self, subscriber: Any) -> None:
        with pytest.raises(sdk.NotFound):
            subscriber.create_subscription(
                name=SUBSCRIPTION, topic="projects/testing/topics/none", **ONCE
            )

    def test_what_a_subscription_does_not_say_is_filled_in(
        self, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        found = subscriber.get_subscription(subscription=SUBSCRIPTION, **ONCE)
        assert found.ack_deadline_seconds == 10
        assert found.message_retention_duration == timedelta(days=7)
        assert found.expiration_policy.ttl == timedelta(days=31)

    @pytest.mark.parametrize(
        "about",
        [
            {"ack_deadline_seconds": 9},
            {"ack_deadline_seconds": 601},
            {"message_retention_duration": timedelta(seconds=599)},
            {"message_retention_duration": timedelta(days=32)},
            {"expiration_policy": {"ttl": timedelta(hours=23)}},
            {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}},
            {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 101}},
            {"retry_policy": {"minimum_backoff": timedelta(seconds=601)}},
        ],
        ids=lambda about: str(next(iter(about))),
    )
    def test_a_number_beyond_its_limits_is_refused(
        self, subscribe: Callable[..., None], about: dict[str, Any]
    ) -> None:
        with pytest.raises(sdk.InvalidArgument):
            subscribe(**about)

    def test_ordering_can_not_be_turned_on_later(
        self, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        wanted = {"name": SUBSCRIPTION, "topic": TOPIC, "enable_message_ordering": True}
        mask = {"paths": ["enable_message_ordering"]}
        with pytest.raises(sdk.InvalidArgument):
            subscriber.update_subscription(
                request={"subscription": wanted, "update_mask": mask}, **ONCE
            )

    def test_the_deadline_can_be_changed(
        self, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        wanted = {"name": SUBSCRIPTION, "topic": TOPIC, "ack_deadline_seconds": 60}
        mask = {"paths": ["ack_deadline_seconds"]}
        subscriber.update_subscription(
            request={"subscription": wanted, "update_mask": mask}, **ONCE
        )
        found = subscriber.get_subscription(subscription=SUBSCRIPTION, **ONCE)
        assert found.ack_deadline_seconds == 60

    def test_a_subscription_outlives_its_topic(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        publisher.delete_topic(topic=TOPIC, **ONCE)
        with pytest.raises(sdk.NotFound):
            publish(publisher, b"y")
        found = subscriber.get_subscription(subscription=SUBSCRIPTION, **ONCE)
        assert found.topic == "_deleted-topic_"
        assert bodies(pull(subscriber)) == [b"x"]

    def test_a_subscription_that_nobody_uses_expires(
        self, server: FakePubSub, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        server.advance(30 * 86400)
        subscriber.get_subscription(subscription=SUBSCRIPTION, **ONCE)  # used: its time begins anew
        server.advance(30 * 86400)
        pull(subscriber)
        server.advance(32 * 86400)
        with pytest.raises(sdk.NotFound):
            subscriber.get_subscription(subscription=SUBSCRIPTION, **ONCE)

    def test_a_policy_without_a_time_means_never(
        self, server: FakePubSub, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe(expiration_policy={})
        server.advance(400 * 86400)
        subscriber.get_subscription(subscription=SUBSCRIPTION, **ONCE)


class TestPublishing:
    @pytest.mark.parametrize(
        "messages",
        [
            [],
            [{}],
            [{"data": b"x"}] * 1001,
            [{"data": b"x" * 10_000_001}],
            [{"data": b"x" * 5_000_000}] * 2,
            [{"attributes": {f"a{n}": "x" for n in range(101)}}],
            [{"attributes": {"a" * 257: "x"}}],
            [{"attributes": {"a": "x" * 1025}}],
            [{"attributes": {"googly": "x"}}],
            [{"data": b"x", "ordering_key": "k" * 1025}],
            [{"data": b"x", "ordering_key": "a"}, {"data": b"x", "ordering_key": "b"}],
        ],
        ids=[
            "no messages",
            "an empty message",
            "1001 messages",
            "more than 10 MB of data",
            "more than 10 MB in all",
            "101 attributes",
            "a long key",
            "a long value",
            "a key of Google's",
            "a long ordering key",
            "two ordering keys",
        ],
    )
    def test_what_is_over_a_limit_is_refused(
        self, channel: Any, publisher: Any, messages: Any
    ) -> None:
        stub: Any = PublisherGrpcTransport(channel=channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.publish(t.PublishRequest(topic=TOPIC, messages=messages), timeout=10)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_what_is_at_its_limit_goes_through(
        self, channel: Any, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        stub: Any = PublisherGrpcTransport(channel=channel)
        attributes = {f"{n:<256}": "é" * 512 for n in range(100)}
        messages = [{"data": bytes(range(256)) * 38000, "attributes": attributes}]
        stub.publish(t.PublishRequest(topic=TOPIC, messages=messages), timeout=20)
        (found,) = pull(subscriber, wait=20)
        assert found.message.data == messages[0]["data"]
        assert dict(found.message.attributes) == attributes

    def test_the_clients_own_batches_arrive(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        sent = [publisher.publish(TOPIC, str(n).encode(), number=str(n)) for n in range(500)]
        ids = [future.result(timeout=10) for future in sent]
        found = pull(subscriber, 1000)
        assert {each.message.message_id for each in found} == set(ids)
        assert {each.message.attributes["number"] for each in found} == {str(n) for n in range(500)}

    def test_each_subscription_gets_all_and_one_made_later_nothing_of_before(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        publish(publisher, b"dropped")
        subscribe()
        other = "projects/testing/subscriptions/other"
        subscriber.create_subscription(name=other, topic=TOPIC, **ONCE)
        publish(publisher, b"x")
        assert bodies(pull(subscriber)) == [b"x"]
        answer = subscriber.pull(subscription=other, max_messages=5, **ONCE)
        assert bodies(list(answer.received_messages)) == [b"x"]
