"""One gRPC connection to Pub/Sub: Google's transports over it, nothing retried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from portable.errors import ConfigError
from portable_gcp import credentials
from portable_gcp.queue_settings import PubSubSettings

OPTIONS = (
    ("grpc.max_send_message_length", -1),  # the limits are the service's
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),  # who waits how long is the core's business
    ("grpc.enable_retries", 0),
    # Else a forked child finds its parent's connections, and waits for them.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Transports:
    """Google's own, over one connection; safe in threads.

    Attributes:
        publisher: Topics.
        subscriber: Subscriptions.
    """

    publisher: Any
    subscriber: Any
    channel: Any

    def close(self) -> None:
        """End the connection, and the requests under way."""
        self.channel.close()


def connected(settings: PubSubSettings) -> Transports:
    """Transports to the settings' server; nothing is sent.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: there are no credentials.
    """
    channel = _channel(settings)
    return Transports(
        PublisherGrpcTransport(channel=channel), SubscriberGrpcTransport(channel=channel), channel
    )


def _channel(settings: PubSubSettings) -> Any:
    server = settings.server
    parts = urlsplit(server)
    if parts.scheme == "http":  # no credentials go over that
        options = [*OPTIONS]
        if credentials.is_local(server):
            options.append(("grpc.enable_http_proxy", 0))
        return grpc.insecure_channel(parts.netloc, options=options)
    trusted = None if settings.ca_bundle is None else _authorities(settings.ca_bundle)
    return PublisherGrpcTransport.create_channel(
        parts.netloc if parts.port else f"{parts.netloc}:443",
        credentials=credentials.load(settings),
        ssl_credentials=grpc.ssl_channel_credentials(root_certificates=trusted),
        options=OPTIONS,
    )


def _authorities(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"'ca_bundle' {path!r} can't be read: {error}") from error
