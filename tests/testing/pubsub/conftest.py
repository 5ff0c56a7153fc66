"""A server, and Google's own client, unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.testing.fakes.pubsub import FakePubSub
from tests.testing.pubsub.support import ONCE, SUBSCRIPTION, TOPIC, Client


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
