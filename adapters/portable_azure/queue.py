"""A queue of Azure Queue Storage: one request a method, but for `stats`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from azure.storage.queue import QueueClient

from portable.errors import AlreadyExists, LeaseLost, PortableError, QueueNotFound
from portable.queue.driver import Leased, WireMessage
from portable.queue.types import QueueStats
from portable_azure.client import Client
from portable_azure.limits import PEEK_MAX, QUEUE
from portable_azure.queue_shapes import (
    leased_messages,
    new_message,
    peeked_messages,
    receipt_of,
    sent_id,
    statistics,
    taken_apart,
)
from portable_azure.settings import AzureQueueSettings

MESSAGES = "messages"


class StorageQueue:
    """`QueueDriver` over one queue."""

    capabilities = QUEUE

    def __init__(self, settings: AzureQueueSettings) -> None:
        self._client = Client(settings, settings.name, QueueClient)

    @property
    def native(self) -> QueueClient:
        return cast("QueueClient", self._client.native)

    def create(self) -> None:
        try:
            self._client.send("PUT", None, (201, 204), body=b"")
        except AlreadyExists:  # with other metadata, which nothing here depends on
            return

    def delete(self) -> None:
        try:
            self._client.send("DELETE", None, 204)
        except QueueNotFound:
            return

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        (message,) = messages
        query = {"messagettl": "-1"}  # it never expires; without this, after 7 days
        if message.delay:
            query["visibilitytimeout"] = _seconds(message.delay)
        headers = {"content-type": "application/xml"}
        answer = self._client.send(
            "POST", MESSAGES, 201, query=query, headers=headers, body=new_message(message.body)
        )
        return [sent_id(answer.body)]

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        query = {"numofmessages": str(limit), "visibilitytimeout": _seconds(lease)}
        return leased_messages(self._client.send("GET", MESSAGES, 200, query=query).body)

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        (receipt,) = receipts
        message, pop = taken_apart(receipt)
        try:
            self._client.send("DELETE", f"{MESSAGES}/{message}", 204, query={"popreceipt": pop})
        except LeaseLost as error:
            return [error]
        return [None]

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        (receipt,) = receipts
        message, pop = taken_apart(receipt)
        query = {"popreceipt": pop, "visibilitytimeout": _seconds(lease)}
        try:
            answer = self._client.send("PUT", f"{MESSAGES}/{message}", 204, query=query, body=b"")
        except LeaseLost as error:
            return [error]
        return [receipt_of(receipt, answer.headers)]

    def peek(self, limit: int) -> Sequence[Leased]:
        query = {"peekonly": "true", "numofmessages": str(min(limit, PEEK_MAX))}
        return peeked_messages(self._client.send("GET", MESSAGES, 200, query=query).body)

    def stats(self) -> QueueStats:
        """Azure counts all messages together; those that a look shows are the visible ones."""
        visible = self.peek(PEEK_MAX)
        answer = self._client.send("GET", None, 200, query={"comp": "metadata"})
        return statistics(answer.headers, visible)

    def purge(self) -> None:
        self._client.send("DELETE", MESSAGES, 204)

    def close(self) -> None:
        self._client.close()


def _seconds(duration: float) -> str:
    return str(math.ceil(duration))
