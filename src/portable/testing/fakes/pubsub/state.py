"""Topics and subscriptions by name, and what time does to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from google.pubsub_v1.types import PubsubMessage

from portable.testing.fakes.pubsub.clock import Clock
from portable.testing.fakes.pubsub.failures import missing
from portable.testing.fakes.pubsub.subscription import Held, Subscription

DELETED_TOPIC = "_deleted-topic_"
_Message = PubsubMessage.pb()


class State:
    """Everything there is; hold `changed` while looking at it or changing it."""

    def __init__(self, clock: Clock, *, forwards_dead_letters: bool) -> None:
        self.clock = clock
        self.changed = threading.Condition(threading.RLock())
        self.topics: dict[str, Any] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._forwards = forwards_dead_letters
        self._number = 0

    def topic(self, name: str) -> Any:
        """Its configuration."""
        if name not in self.topics:
            raise missing(name)
        return self.topics[name]

    def subscription(self, name: str) -> Subscription:
        """One that exists, and where all is done that time has brought."""
        self.pass_time()
        if name not in self.subscriptions:
            raise missing(name)
        found = self.subscriptions[name]
        found.active = self.clock()
        return found

    def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """Give each message its id, and a copy to each subscription."""
        now = self.clock()
        readers = [each for each in self.subscriptions.values() if each.config.topic == topic]
        ids = []
        for message in messages:
            self._number += 1
            stored = _Message()
            stored.CopyFrom(message)
            stored.message_id = f"{1_000_000_000_000_000 + self._number}"
            stored.publish_time.FromNanoseconds(int(now * 1e9))
            for reader in readers:
                if not reader.detached:
                    reader.add(stored, self._number, now)
            ids.append(stored.message_id)
        self.changed.notify_all()
        return ids

    def pass_time(self) -> None:
        """Deadlines, retention, dead letters, and subscriptions that nobody used."""
        now = self.clock()
        for name, each in list(self.subscriptions.items()):
            ttl = each.config.expiration_policy.ttl.seconds
            if ttl and now - each.active > ttl:
                del self.subscriptions[name]
                continue
            for held in each.pass_time(now):
                if self._forwards:
                    self._forward(name, each, held)

    def wait(self, until: float, is_over: Callable[[], bool]) -> bool:
        """Wait for a change, but no longer than to *until* (real seconds); False when over."""
        import time

        left = until - time.monotonic()
        if left <= 0 or is_over():
            return False
        due = [
            moment
            for each in self.subscriptions.values()
            if (moment := each.next_change()) is not None
        ]
        soon = min(due, default=self.clock() + left) - self.clock()
        self.changed.wait(min(left, max(soon, 0.001)))
        return not is_over()

    def _forward(self, name: str, source: Subscription, held: Held) -> None:
        """https://cloud.google.com/pubsub/docs/dead-letter-topics#track-delivery-attempts"""
        topic = source.config.dead_letter_policy.dead_letter_topic
        if topic not in self.topics:
            return
        _, project, _, subscription = name.split("/")
        letter = _Message()
        letter.CopyFrom(held.message)
        letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = str(held.failures)
        letter.attributes["CloudPubSubDeadLetterSourceSubscription"] = subscription
        letter.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = project
        letter.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = (
            held.message.publish_time.ToJsonString()
        )
        source.drop(held)
        self.publish(topic, [letter])
