"""A queue on Pub/Sub: a topic and a pull subscription, unary requests over gRPC."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import types as t

from portable.errors import (
    AlreadyExists,
    ConfigError,
    PortableError,
    QueueNotFound,
    Unavailable,
)
from portable.queue.driver import Leased, WireMessage
from portable.queue.types import QueueStats
from portable_gcp.channel import Transports, connected
from portable_gcp.queue_errors import Code, refused_receipts, translated
from portable_gcp.queue_settings import PubSubSettings
from portable_gcp.queue_shapes import (
    by_group,
    capabilities,
    differences,
    leased,
    published,
    wanted,
)


@dataclass(frozen=True, slots=True)
class Clients:
    """Google's generated clients, over the queue's own connection."""

    publisher: PublisherClient
    subscriber: SubscriberClient


class PubSubQueue:
    """`QueueDriver` over a topic and its subscription."""

    def __init__(self, settings: PubSubSettings, *, now: Callable[[], float] = time.time) -> None:
        self.capabilities = capabilities(settings)
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._transports: Transports | None = None
        self._subscription: Any = None

    @property
    def native(self) -> Clients:
        found = self._connected()
        return Clients(
            PublisherClient(transport=found.publisher),
            SubscriberClient(transport=found.subscriber),
        )

    def create(self) -> None:
        if not self._settings.is_dead:  # whose topic the subscription names
            self._make(self._settings.dead_letters)
        self._make(self._settings)
        self._subscription = None
        try:
            self._look()
        except QueueNotFound as error:
            raise Unavailable(f"the queue was made just now: {error.message}") from error

    def delete(self) -> None:
        self._subscription = None
        topic, name = self._settings.topic, self._settings.subscription
        # The topic first: what is sent meanwhile is refused, not dropped.
        with suppress(QueueNotFound):
            self._publish("delete_topic", t.DeleteTopicRequest.pb()(topic=topic))
        with suppress(QueueNotFound):
            request = t.DeleteSubscriptionRequest.pb()(subscription=name)
            self._subscribe("delete_subscription", request)

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        self._look()  # a topic without its subscription would drop the messages
        answers: list[str | PortableError | None] = [None] * len(messages)
        for places in by_group(messages).values():
            try:
                ids = self._send([messages[place] for place in places])
            except PortableError as error:
                if not any(isinstance(answer, str) for answer in answers):
                    raise
                return [error if answer is None else answer for answer in answers]
            for place, found in zip(places, ids, strict=True):
                answers[place] = found
        return [answer for answer in answers if answer is not None]

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        seconds = math.ceil(lease)
        deadline = self._look().ack_deadline_seconds
        found = [leased(each) for each in self._pull(limit, wait)]
        if found and seconds != deadline:
            refused = self._modify([each.receipt for each in found], seconds)
            found = [each for each in found if each.receipt not in refused]
        return found

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        request = t.AcknowledgeRequest.pb()(
            subscription=self._settings.subscription, ack_ids=receipts
        )
        refused = self._settle("acknowledge", request)
        return [refused.get(receipt) for receipt in receipts]

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        refused = self._modify(receipts, math.ceil(lease))
        return [refused.get(receipt, receipt) for receipt in receipts]

    def peek(self, limit: int) -> Sequence[Leased]:
        raise NotImplementedError("Pub/Sub has no such call, and `capabilities.peeks` says so")

    def stats(self) -> QueueStats:
        """Nothing: the counts are in Cloud Monitoring, minutes late."""
        self._look()
        return QueueStats()

    def purge(self) -> None:
        request = t.SeekRequest.pb()(subscription=self._settings.subscription)
        request.time.FromNanoseconds(int(self._now() * 1e9))
        self._subscribe("seek", request)

    def close(self) -> None:
        with self._lock:
            if self._transports is not None:
                self._transports.close()
            self._transports = None

    def _make(self, settings: PubSubSettings) -> None:
        with suppress(AlreadyExists):
            self._publish("create_topic", t.Topic.pb()(name=settings.topic))
        try:
            with suppress(AlreadyExists):
                self._subscribe("create_subscription", wanted(settings))
        except QueueNotFound as error:  # a topic that was made, or removed, just now
            raise Unavailable(f"not made yet: {error.message}") from error

    def _look(self) -> Any:
        """The subscription as it was made, looked at once.

        Raises:
            ConfigError: it doesn't fit the settings.
        """
        found = self._subscription
        if found is None:
            request = t.GetSubscriptionRequest.pb()(subscription=self._settings.subscription)
            found = self._subscribe("get_subscription", request)
            if wrong := differences(found, self._settings):
                raise ConfigError(
                    f"there is a subscription {self._settings.name!r} that was made differently: "
                    f"{'; '.join(wrong)}. Change the settings or the subscription"
                )
            self._subscription = found
        return found

    def _send(self, messages: Sequence[WireMessage]) -> Sequence[str]:
        answer = self._publish("publish", published(self._settings.topic, messages))
        ids = list(answer.message_ids)
        if len(ids) != len(messages):
            raise Unavailable("the answer hasn't an id for each message", ambiguous=True)
        return ids

    def _pull(self, limit: int, wait: float) -> Sequence[Any]:
        """The messages of one pull: none when the time is over."""
        request = t.PullRequest.pb()(
            subscription=self._settings.subscription,
            max_messages=limit,
            return_immediately=wait == 0,
        )
        try:
            answer = self._subscribe("pull", request, seconds=wait or None)
        except Unavailable as error:
            if wait and getattr(error.__cause__, "code", _nothing)() is Code.DEADLINE_EXCEEDED:
                return []  # how a pull ends that waited for nothing
            raise
        messages: Sequence[Any] = answer.received_messages
        return messages

    def _modify(self, receipts: Sequence[str], seconds: int) -> Mapping[str, PortableError]:
        request = t.ModifyAckDeadlineRequest.pb()(
            subscription=self._settings.subscription,
            ack_ids=receipts,
            ack_deadline_seconds=seconds,
        )
        return self._settle("modify_ack_deadline", request)

    def _settle(self, method: str, request: Any) -> Mapping[str, PortableError]:
        """The receipts that were refused; the others were taken."""
        try:
            self._subscribe(method, request)
        except PortableError as error:
            if refused := refused_receipts(error):
                return refused
            raise
        return {}

    def _publish(self, method: str, request: Any) -> Any:
        name = getattr(request, "topic", "") or request.name
        return self._ask(self._connected().publisher, method, request, f"topic={quote(name)}")

    def _subscribe(self, method: str, request: Any, *, seconds: float | None = None) -> Any:
        route = f"subscription={quote(self._settings.subscription)}"
        return self._ask(self._connected().subscriber, method, request, route, seconds)

    def _ask(
        self, transport: Any, method: str, request: Any, route: str, seconds: float | None = None
    ) -> Any:
        """One request, sent once: the transports' stubs are below what retries in the SDK."""
        try:
            with translated():
                answer = getattr(transport, method)(
                    request,
                    timeout=seconds or self._settings.timeout,
                    metadata=(("x-goog-request-params", route),),
                )
        except QueueNotFound:
            self._subscription = None
            raise
        return type(answer).pb(answer) if hasattr(type(answer), "pb") else answer

    def _connected(self) -> Transports:
        with self._lock:
            if self._transports is None:
                with translated():
                    self._transports = connected(self._settings)
            return self._transports


def _nothing() -> None:
    return None
