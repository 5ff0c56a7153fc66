"""Subscriptions and messages, ours and Pub/Sub's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.pubsub_v1 import types as t

from portable.errors import Unavailable
from portable.queue.driver import Leased, QueueCapabilities, WireMessage
from portable_gcp.queue_settings import ATTEMPTS_MAX, PubSubSettings

# https://cloud.google.com/pubsub/quotas#resource_limits: a request has at most 10 MB, of which
# half a megabyte is left to what is around 1,000 messages.
REQUEST_BYTES = 9_500_000
# https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscription
DEADLINE_MIN, DEADLINE_MAX = 10, 600
DELETED_TOPIC = "_deleted-topic_"


def capabilities(settings: PubSubSettings) -> QueueCapabilities:
    """https://cloud.google.com/pubsub/quotas#resource_limits, where nothing else is said."""
    return QueueCapabilities(
        message_max=REQUEST_BYTES,
        attributes_max=100,
        send_max=100 if settings.fifo else 1000,  # one request for each group
        send_bytes_max=REQUEST_BYTES,
        # All messages of one answer may be of one key: one at a time needs single ones.
        receive_max=1 if settings.fifo else 1000,
        # 512 KiB a request; ids have 200 bytes and grow, so Google's own clients send 1,000:
        # https://github.com/googleapis/google-cloud-rust/pull/5227
        settle_max=1000,
        delay_max=0.0,
        # ModifyAckDeadline takes 1 to 600 seconds, and 0 to hand a message back.
        lease_min=1.0,
        lease_max=float(DEADLINE_MAX),
        wait_max=30.0,
        groups=settings.fifo,
        tells_lost_lease=settings.exactly_once,
        counts_attempts=not settings.is_dead,
    )


def wanted(settings: PubSubSettings) -> Any:
    """The subscription to make."""
    made = t.Subscription.pb()(
        name=settings.subscription,
        topic=settings.topic,
        ack_deadline_seconds=deadline(settings.lease),
        enable_message_ordering=settings.fifo,
        enable_exactly_once_delivery=settings.exactly_once,
    )
    made.message_retention_duration.FromNanoseconds(int(settings.retention * 1e9))
    made.expiration_policy.SetInParent()  # one without a time to live: never
    if not settings.is_dead:
        made.dead_letter_policy.dead_letter_topic = settings.dead_letters.topic
        made.dead_letter_policy.max_delivery_attempts = ATTEMPTS_MAX
    return made


def deadline(lease: float) -> int:
    """The deadline of a subscription whose messages are leased for *lease* seconds."""
    return min(max(math.ceil(lease), DEADLINE_MIN), DEADLINE_MAX)


def differences(found: Any, settings: PubSubSettings) -> list[str]:
    """What of a subscription doesn't fit the settings, in a way that matters."""
    policy = found.dead_letter_policy
    checks = {
        "it belongs to a topic that was deleted: delete it": found.topic == DELETED_TOPIC,
        f"it belongs to {found.topic}": found.topic not in (DELETED_TOPIC, settings.topic),
        "it is detached from its topic: delete it": found.detached,
        "its messages go elsewhere, it can't be pulled": _is_pushed(found),
        "it has a filter, which drops messages": bool(found.filter),
        "it has no ordering keys, and 'fifo' needs them": settings.fifo
        and not found.enable_message_ordering,
        "it has no exactly-once delivery, and 'exactly_once' needs it": settings.exactly_once
        and not found.enable_exactly_once_delivery,
        "it has no dead-letter policy, without which Pub/Sub counts no attempts": not (
            settings.is_dead or policy.dead_letter_topic
        ),
        f"its dead-letter policy ends at {policy.max_delivery_attempts} attempts, before "
        f"'max_attempts'": bool(policy.dead_letter_topic)
        and policy.max_delivery_attempts < settings.max_attempts,
    }
    return [text for text, is_wrong in checks.items() if is_wrong]


def _is_pushed(found: Any) -> bool:
    return bool(
        found.push_config.push_endpoint
        or found.bigquery_config.table
        or found.cloud_storage_config.bucket
    )


def published(topic: str, messages: Iterable[WireMessage]) -> Any:
    """The request that sends messages of one group."""
    request = t.PublishRequest.pb()(topic=topic)
    for message in messages:
        request.messages.add(
            data=message.body,
            attributes=dict(message.attributes),
            ordering_key=message.group or "",
        )
    return request


def by_group(messages: Sequence[WireMessage]) -> Mapping[str | None, list[int]]:
    """Places of the messages of each group: a request takes one ordering key only.

    https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#pubsubmessage
    """
    places: dict[str | None, list[int]] = {}
    for place, message in enumerate(messages):
        places.setdefault(message.group, []).append(place)
    return places


def leased(received: Any) -> Leased:
    """A message as it was handed out."""
    message = received.message
    if not received.ack_id or not message.message_id:
        raise Unavailable("a message came without its id: it isn't Pub/Sub's answer")
    return Leased(
        id=message.message_id,
        body=message.data,
        attributes=dict(message.attributes),
        receipt=received.ack_id,
        attempts=received.delivery_attempt or 1,
        sent_at=message.publish_time.seconds + message.publish_time.nanos / 1e9,
        group=message.ordering_key or None,
    )
