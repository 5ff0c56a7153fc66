"""Queues of the gcp provider, on the fake Pub/Sub."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.queue import Queue
from portable.queue.driver import Leased
from portable.retry import Surroundings
from portable.testing.fakes.pubsub import FakePubSub
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.targets.memory import open_memory_bucket
from portable_gcp.queue import PubSubQueue
from portable_gcp.queue_settings import EMULATOR, PubSubSettings

if TYPE_CHECKING:
    import pytest

PROJECT = "testing"
ONCE: Mapping[str, Any] = {"retry": None, "timeout": 10}


class PubSubOracle(QueueOracle):
    """A topic and its subscription through Google's own clients."""

    def __init__(self, channel: Any, name: str) -> None:
        self._topic = f"projects/{PROJECT}/topics/{name}"
        self._subscription = f"projects/{PROJECT}/subscriptions/{name}"
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))

    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        message = PubsubMessage(data=body, attributes=dict(attributes))
        self._publisher.publish(topic=self._topic, messages=[message], **ONCE)

    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        asked = {"subscription": self._subscription, "max_messages": 1}
        try:
            answer = self._subscriber.pull(request=asked, retry=None, timeout=0.5)
        except DeadlineExceeded:
            return None
        for received in answer.received_messages:
            ids = [received.ack_id]
            self._subscriber.acknowledge(subscription=self._subscription, ack_ids=ids, **ONCE)
            return received.message.data, dict(received.message.attributes)
        return None


def open_pubsub_queue(
    server: FakePubSub, name: str, *, payloads: str | None = None, **settings: Any
) -> Queue:
    """A queue there, by the server's clock."""
    return Queue(
        partial(PubSubQueue, now=server.clock),
        PubSubSettings(
            **{"name": name, "project": PROJECT, "endpoint": server.endpoint, **settings}
        ),
        provider="gcp",
        payloads=partial(open_memory_bucket, payloads or name),
        surroundings=Surroundings(clock=server.clock, now=server.clock),
    )


def pubsub_queue_harness(
    server: FakePubSub, denying: FakePubSub, channel: Any, **settings: Any
) -> QueueHarness:
    """A queue of a new name.

    Args:
        denying: A server that refuses everything.
        channel: To *server*, for the oracle.
    """
    name = f"q{uuid.uuid4().hex[:16]}"
    return QueueHarness(
        open_queue=partial(open_pubsub_queue, server, name, **settings),
        oracle=PubSubOracle(channel, name),
        payloads=open_memory_bucket(name),
        advance=server.advance,
        ordered_queue=partial(
            open_pubsub_queue, server, f"{name}-fifo", **{**settings, "fifo": True}
        ),
        denied_queue=partial(open_pubsub_queue, denying, name, **settings),
        sdk_errors=(grpc.RpcError,),
    )


class _Patient(PubSubQueue):
    """Waits by moving the server's clock, which stands still."""

    def __init__(self, settings: PubSubSettings, *, server: FakePubSub) -> None:
        super().__init__(settings, now=server.clock)
        self._server = server

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        found = super().receive(limit, wait=0, lease=lease)
        if not found:
            self._server.advance(wait)
        return found

    def purge(self) -> None:
        self._server.advance(0.001)  # a seek leaves what was published at its very moment
        super().purge()


def open_frozen_pubsub_queue(server: FakePubSub) -> tuple[Queue, Callable[[float], None]]:
    """A new queue on a server whose clock stands still, and how to move it."""
    queue = Queue(
        partial(_Patient, server=server),
        PubSubSettings(
            name=f"q{uuid.uuid4().hex[:16]}",
            project=PROJECT,
            endpoint=server.endpoint,
            max_attempts=100,
        ),
        provider="gcp",
        payloads=None,
        surroundings=Surroundings(clock=server.clock, now=server.clock, sleep=server.advance),
    )
    return queue, server.advance


def isolate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no emulator of this machine's be taken for Google."""
    monkeypatch.delenv(EMULATOR, raising=False)
