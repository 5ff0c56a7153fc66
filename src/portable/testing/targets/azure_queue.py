"""Queues of the azure provider, against Azurite on this machine."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from portable.queue import Queue
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.targets.memory import open_memory_bucket
from portable_azure.queue import StorageQueue
from portable_azure.settings import AzureQueueSettings

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from portable.testing.servers import AzuriteServer


class AzureQueueOracle(QueueOracle):
    """One queue through the SDK's own client."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client

    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        assert not attributes
        self._client.send_message(body.decode())

    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        message = self._client.receive_message()
        if message is None:
            return None
        self._client.delete_message(message)
        return message.content.encode(), {}


def _denied(settings: Any) -> StorageQueue:
    with mock.patch.dict(os.environ, AZURE_STORAGE_KEY="d3Jvbmc="):
        return StorageQueue(settings)


def open_azure_queue(
    name: str, *, make: Any = StorageQueue, payloads: str | None = None, **settings: Any
) -> Queue:
    """A queue with its large bodies in memory."""
    return Queue(
        make,
        AzureQueueSettings(name=name, **settings),
        provider="azure",
        payloads=partial(open_memory_bucket, payloads or name),
    )


def azure_queue_harness(server: AzuriteServer) -> QueueHarness:
    """A queue of a new name on *server*, whose key is in the environment."""
    from azure.core.exceptions import AzureError
    from azure.storage.queue import QueueClient

    name = f"q{uuid.uuid4().hex[:16]}"
    key = {"account_name": server.account, "account_key": server.key}
    opened = partial(open_azure_queue, name, endpoint=server.queue_endpoint)
    return QueueHarness(
        open_queue=opened,
        oracle=AzureQueueOracle(
            QueueClient(server.queue_endpoint, name, credential=key, retry_total=0)
        ),
        payloads=open_memory_bucket(name),
        denied_queue=partial(opened, make=_denied),
        sdk_errors=(AzureError,),
        many=30,
    )
