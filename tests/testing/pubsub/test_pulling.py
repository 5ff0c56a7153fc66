"""The fake Pub/Sub: pulls, deadlines and acknowledgements, and seeks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions as sdk
from google.pubsub_v1 import types as t
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.testing.fakes.pubsub import FakePubSub
from portable.testing.fakes.pubsub.clock import Clock
from tests.testing.pubsub.support import ONCE, SUBSCRIPTION, ack, bodies, modify, publish, pull


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
        thread.join(timeout=15)
        assert bodies(found) == [b"x"]
        assert time.monotonic() - began < 15

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
