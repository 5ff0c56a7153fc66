"""What the tests of queues on Pub/Sub share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portable.queue.driver import WireMessage
from portable.testing.fakes.pubsub import FakePubSub
from portable_gcp.queue import PubSubQueue

TOPIC = "projects/testing/topics/jobs"
SUBSCRIPTION = "projects/testing/subscriptions/jobs"
Open = Callable[..., PubSubQueue]


def wire(*bodies: bytes, group: str | None = None) -> list[WireMessage]:
    return [WireMessage(body=body, attributes={"a": "b"}, group=group) for body in bodies]


def methods(server: FakePubSub) -> list[str]:
    return [method for method, _ in server.requests]


def make(driver: PubSubQueue, **about: Any) -> None:
    """A topic, and a subscription as another tool would make it."""
    driver.native.publisher.create_topic(name=TOPIC, timeout=10)
    request = {"name": SUBSCRIPTION, "topic": TOPIC, **about}
    driver.native.subscriber.create_subscription(request=request, timeout=10)
