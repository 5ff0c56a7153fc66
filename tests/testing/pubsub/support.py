"""What the tests of the fake Pub/Sub do with Google's client."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from google.api_core import exceptions as sdk
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient as Generated

TOPIC = "projects/testing/topics/jobs"
SUBSCRIPTION = "projects/testing/subscriptions/jobs"
ONCE: dict[str, Any] = {"retry": None, "timeout": 10}
Client: Any = pubsub_v1.SubscriberClient
Message = Any  # pubsub_v1.subscriber.message.Message


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
