"""The fake Pub/Sub: what Google's own client, unchanged, finds there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as sdk
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient as Generated
from google.pubsub_v1 import types as t
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.fakes.pubsub.clock import Clock

TOPIC = "projects/testing/topics/jobs"
SUBSCRIPTION = "projects/testing/subscriptions/jobs"
ONCE: dict[str, Any] = {"retry": None, "timeout": 10}
Client: Any = pubsub_v1.SubscriberClient
Message = Any  # pubsub_v1.subscriber.message.Message


@pytest.fixture
def server() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        yield server


@pytest.fixture
def channel(server: FakePubSub) -> Iterator[Any]:
    options = [("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(server.host, options=options)
    yield channel
    channel.close()


@pytest.fixture
def publisher(channel: Any) -> Any:
    """With its topic."""
    ordering = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
    client = pubsub_v1.PublisherClient(
        publisher_options=ordering, transport=PublisherGrpcTransport(channel=channel)
    )
    client.create_topic(name=TOPIC, **ONCE)
    return client


@pytest.fixture
def subscriber(channel: Any, publisher: Any) -> Any:
    return Client(transport=SubscriberGrpcTransport(channel=channel))


@pytest.fixture
def subscribe(subscriber: Any) -> Callable[..., None]:
    def make(**about: Any) -> None:
        request = {"name": SUBSCRIPTION, "topic": TOPIC, **about}
        subscriber.create_subscription(request=request, **ONCE)

    return make


def publish(publisher: Any, *bodies: bytes, key: str = "") -> list[str]:
    messages = [{"data": body, "ordering_key": key} for body in bodies]
    # The client's own `publish` makes batches; this is the one request below it.
    answer = Generated.publish(publisher, request={"topic": TOPIC, "messages": messages}, **ONCE)
    return list(answer.message_ids)


def pull(subscriber: Any, limit: int = 100, *, wait: float = 0.2) -> list[Any]:
    try:
        answer = subscriber.pull(
            subscription=SUBSCRIPTION, max_messages=limit, retry=None, timeout=wait
        )
    except sdk.DeadlineExceeded:
        return []
    return list(answer.received_messages)


def bodies(received: list[Any]) -> list[bytes]:
    return [each.message.data for each in received]


def ack(subscriber: Any, *received: Any) -> None:
    ids = [each.ack_id for each in received]
    subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=ids, **ONCE)


def modify(subscriber: Any, seconds: int, *received: Any) -> None:
    subscriber.modify_ack_deadline(
        subscription=SUBSCRIPTION,
        ack_ids=[each.ack_id for each in received],
        ack_deadline_seconds=seconds,
        **ONCE,
    )


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
        assert time.monotonic() - stopping < 1
        assert time.monotonic() - began < 5
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


class TestPulling:
    def test_a_pull_waits_for_a_message(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.extend(pull(subscriber, wait=20)))
        thread.start()
        time.sleep(0.1)
        began = time.monotonic()
        publish(publisher, b"x")
        thread.join(timeout=10)
        assert bodies(found) == [b"x"]
        assert time.monotonic() - began < 2

    def test_an_empty_pull_ends_with_its_deadline(
        self, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        with pytest.raises(sdk.DeadlineExceeded):
            subscriber.pull(subscription=SUBSCRIPTION, max_messages=1, retry=None, timeout=0.1)

    def test_a_pull_that_must_not_wait_answers_at_once(
        self, channel: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        stub: Any = SubscriberGrpcTransport(channel=channel)
        request = t.PullRequest(subscription=SUBSCRIPTION, max_messages=1, return_immediately=True)
        assert not stub.pull(request, timeout=10).received_messages

    def test_who_gave_up_gets_no_lease(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        assert pull(subscriber, wait=0.05) == []
        publish(publisher, b"x")
        assert bodies(pull(subscriber)) == [b"x"]

    def test_a_message_is_hidden_until_its_deadline(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        (first,) = pull(subscriber)
        server.advance(9.5)
        assert pull(subscriber) == []
        server.advance(0.6)
        (second,) = pull(subscriber)
        assert second.message.message_id == first.message.message_id
        assert second.ack_id != first.ack_id

    def test_a_deadline_that_passes_wakes_a_pull_that_waits(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        modify(subscriber, 1, *pull(subscriber))
        assert bodies(pull(subscriber, wait=10)) == [b"x"]

    @pytest.mark.parametrize("seconds", [1, 30, 600])
    def test_a_deadline_can_be_moved(
        self,
        server: FakePubSub,
        publisher: Any,
        subscriber: Any,
        subscribe: Callable[..., None],
        seconds: int,
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        found = pull(subscriber)
        stopped = server.clock()
        server.clock = server._state.clock = Clock(lambda: stopped)
        modify(subscriber, seconds, *found)
        server.advance(seconds - 0.1)
        assert pull(subscriber, wait=0.1) == []
        server.advance(0.1)
        assert bodies(pull(subscriber)) == [b"x"]

    def test_a_deadline_of_0_hands_the_message_back(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        modify(subscriber, 0, *pull(subscriber))
        assert bodies(pull(subscriber)) == [b"x"]

    @pytest.mark.parametrize("seconds", [-1, 601])
    def test_a_deadline_beyond_the_limits_is_refused(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None], seconds: int
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        with pytest.raises(sdk.InvalidArgument):
            modify(subscriber, seconds, *pull(subscriber))

    def test_a_late_ack_is_taken_and_does_nothing(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        """Which is why such a subscription tells nobody of a lost lease."""
        subscribe()
        publish(publisher, b"x")
        late = pull(subscriber)
        server.advance(11)
        ack(subscriber, *late)
        modify(subscriber, 60, *late)
        assert bodies(pull(subscriber)) == [b"x"]

    def test_an_ack_is_for_good_and_may_be_repeated(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        found = pull(subscriber)
        ack(subscriber, *found)
        ack(subscriber, *found)
        server.advance(60)
        assert pull(subscriber) == []

    def test_an_ack_id_of_nobodys_is_refused(
        self, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        with pytest.raises(sdk.InvalidArgument, match="invalid ack ID"):
            subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=["nonsense"], **ONCE)

    def test_a_request_with_too_many_ack_ids_is_refused(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        (found,) = pull(subscriber)
        with pytest.raises(sdk.InvalidArgument, match="524288"):
            subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[found.ack_id] * 3000, **ONCE)

    def test_a_message_that_is_too_old_is_gone(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe(message_retention_duration=timedelta(seconds=600))
        publish(publisher, b"old")
        server.advance(500)
        publish(publisher, b"new")
        server.advance(101)
        assert bodies(pull(subscriber)) == [b"new"]

    def test_back_off_holds_a_message_that_failed(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe(retry_policy={"minimum_backoff": timedelta(seconds=20)})
        publish(publisher, b"x")
        modify(subscriber, 0, *pull(subscriber))
        server.advance(19)
        assert pull(subscriber, wait=0.1) == []
        server.advance(1.1)
        assert bodies(pull(subscriber)) == [b"x"]

    def test_a_message_can_come_twice_while_it_is_leased(
        self, server: FakePubSub, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"x")
        (first,) = pull(subscriber)
        assert server.deliver_again(SUBSCRIPTION) == 1
        (second,) = pull(subscriber)
        assert second.message.message_id == first.message.message_id
        ack(subscriber, first)
        assert server.held(SUBSCRIPTION) == []
        ack(subscriber, second)


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


@contextlib.contextmanager
def streaming(subscriber: Any, handle: Callable[[Message], None], **how: Any) -> Iterator[None]:
    future = subscriber.subscribe(SUBSCRIPTION, handle, **how)
    try:
        yield
    finally:
        future.cancel()
        future.result(timeout=10)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


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


class TestSeek:
    def seek(self, subscriber: Any, moment: datetime) -> None:
        subscriber.seek(request={"subscription": SUBSCRIPTION, "time": moment}, **ONCE)

    def test_to_now_everything_is_settled(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        publish(publisher, b"1", b"2")
        (leased,) = pull(subscriber, 1)
        self.seek(subscriber, datetime.now(UTC))
        modify(subscriber, 0, leased)
        assert pull(subscriber) == []
        publish(publisher, b"3")
        assert bodies(pull(subscriber)) == [b"3"]

    def test_to_the_past_what_was_kept_comes_again(
        self, publisher: Any, subscriber: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe(retain_acked_messages=True)
        before = datetime.now(UTC)
        publish(publisher, b"1", b"2")
        ack(subscriber, *pull(subscriber))
        self.seek(subscriber, before)
        assert bodies(pull(subscriber)) == [b"1", b"2"]


class TestFaults:
    @pytest.mark.parametrize("status", list(grpc.StatusCode)[1:])
    def test_a_status_is_answered_as_often_as_wished(
        self, server: FakePubSub, publisher: Any, status: grpc.StatusCode
    ) -> None:
        server.add(Fault("GetTopic", status, times=2))
        for _ in range(2):
            with pytest.raises(sdk.GoogleAPICallError) as refused:
                publisher.get_topic(topic=TOPIC, **ONCE)
            assert refused.value.grpc_status_code is status
        assert publisher.get_topic(topic=TOPIC, **ONCE).name == TOPIC

    def test_an_answer_can_be_lost_with_the_work_done(
        self, server: FakePubSub, publisher: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE, after=True))
        with pytest.raises(sdk.ServiceUnavailable):
            publish(publisher, b"x")
        assert [message.data for message in server.held(SUBSCRIPTION)] == [b"x"]

    def test_an_answer_can_come_late(self, server: FakePubSub, publisher: Any) -> None:
        server.add(Fault("GetTopic", delay=20))
        began = time.monotonic()
        with pytest.raises(sdk.DeadlineExceeded):
            publisher.get_topic(topic=TOPIC, retry=None, timeout=0.1)
        assert time.monotonic() - began < 5
        assert publisher.get_topic(topic=TOPIC, **ONCE).name == TOPIC

    def test_faults_are_forgotten_when_cleared(self, server: FakePubSub, publisher: Any) -> None:
        server.add(Fault("*", grpc.StatusCode.INTERNAL, times=None))
        with pytest.raises(sdk.InternalServerError):
            publisher.get_topic(topic=TOPIC, **ONCE)
        server.clear()
        publisher.get_topic(topic=TOPIC, **ONCE)
        assert [method for method, _ in server.requests] == ["GetTopic"]
