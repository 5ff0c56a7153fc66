"""What the service takes: names, sizes and numbers.

https://cloud.google.com/pubsub/quotas#resource_limits and
https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names, where nothing else is said.
"""

from __future__ import annotations

import re
from typing import Any

from portable.testing.fakes.pubsub.failures import invalid, unimplemented

PUBLISH_BYTES = 10_000_000
PUBLISH_MESSAGES = 1000
DATA_BYTES = 10_000_000
ATTRIBUTES = 100
ATTRIBUTE_NAME_BYTES = 256
ATTRIBUTE_VALUE_BYTES = 1024
ORDERING_KEY_BYTES = 1024
SETTLE_BYTES = 524_288
PULL_BYTES = 10_000_000
DEADLINE_MIN, DEADLINE_MAX = 10, 600
RETENTION_MIN, RETENTION_MAX = 600, 31 * 86400
RETENTION = 7 * 86400
EXPIRY_MIN, EXPIRY = 86400, 31 * 86400
ATTEMPTS_MIN, ATTEMPTS_MAX, ATTEMPTS = 5, 100, 5
BACKOFF_MIN, BACKOFF_MAX = 10, 600

_NAME = re.compile(r"projects/[^/]+/(topics|subscriptions)/([A-Za-z][A-Za-z0-9_.~+%-]{2,254})")


def check_name(name: str, kind: str) -> None:
    """``projects/PROJECT/topics/NAME``, or ``…/subscriptions/NAME``."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] != kind or found[2].startswith("goog"):
        raise invalid(
            f"Invalid [{kind}] name: (name={name}). Refer to "
            f"https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names"
        )


def check_publish(request: Any) -> None:
    """A request to publish, of whatever size."""
    if request.ByteSize() > PUBLISH_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {PUBLISH_BYTES} bytes.")
    count = len(request.messages)
    if not 1 <= count <= PUBLISH_MESSAGES:
        raise invalid(
            f"The value for message_count is out of range. You passed {count} in the request, but "
            f"the value must be from 1 to {PUBLISH_MESSAGES}."
        )
    if len({message.ordering_key for message in request.messages}) > 1:
        raise invalid("In a single publish request, all messages must have the same ordering key.")
    for message in request.messages:
        _check_message(message)


def _check_message(message: Any) -> None:
    if not message.data and not message.attributes:
        raise invalid(
            "Some messages in the publish request are empty. Each message must contain either "
            "non-empty data, or at least one attribute."
        )
    if len(message.data) > DATA_BYTES:
        raise invalid(f"The message data is too large: more than {DATA_BYTES} bytes.")
    if len(message.attributes) > ATTRIBUTES:
        raise invalid(f"The message has {len(message.attributes)} attributes of {ATTRIBUTES}.")
    if len(message.ordering_key.encode()) > ORDERING_KEY_BYTES:
        raise invalid(f"The ordering key is longer than {ORDERING_KEY_BYTES} bytes.")
    for name, value in message.attributes.items():
        if not 1 <= len(name.encode()) <= ATTRIBUTE_NAME_BYTES or name.startswith("goog"):
            raise invalid(f"The attribute key {name[:64]!r} isn't allowed.")
        if len(value.encode()) > ATTRIBUTE_VALUE_BYTES:
            raise invalid(f"The value of attribute {name!r} is over {ATTRIBUTE_VALUE_BYTES} bytes.")


def check_settle(request: Any) -> None:
    """A request to acknowledge, or to change deadlines."""
    if request.ByteSize() > SETTLE_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {SETTLE_BYTES} bytes.")
    if not request.ack_ids:
        raise invalid("No ack ids specified.")


def check_deadline(seconds: int) -> None:
    """A deadline for one message."""
    if not 0 <= seconds <= DEADLINE_MAX:
        raise invalid(f"Invalid ack deadline given: {seconds}. It must be from 0 to 600 seconds.")


def complete(config: Any) -> None:
    """Check a subscription's configuration, and fill in what it doesn't say."""
    if config.filter:
        raise unimplemented("filters")
    if config.push_config.push_endpoint:
        raise unimplemented("push subscriptions")
    config.ack_deadline_seconds = config.ack_deadline_seconds or DEADLINE_MIN
    _within("ack_deadline_seconds", config.ack_deadline_seconds, DEADLINE_MIN, DEADLINE_MAX)
    if not config.HasField("message_retention_duration"):
        config.message_retention_duration.seconds = RETENTION
    kept = config.message_retention_duration.seconds
    _within("message_retention_duration", kept, RETENTION_MIN, RETENTION_MAX)
    if not config.HasField("expiration_policy"):
        config.expiration_policy.ttl.seconds = EXPIRY
    if config.expiration_policy.HasField("ttl"):
        _within("ttl", config.expiration_policy.ttl.seconds, EXPIRY_MIN, 10 * 366 * 86400)
    if config.dead_letter_policy.dead_letter_topic:
        policy = config.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or ATTEMPTS
        _within("max_delivery_attempts", policy.max_delivery_attempts, ATTEMPTS_MIN, ATTEMPTS_MAX)
    if config.HasField("retry_policy"):
        policy = config.retry_policy
        if not policy.HasField("minimum_backoff"):
            policy.minimum_backoff.seconds = BACKOFF_MIN
        if not policy.HasField("maximum_backoff"):
            policy.maximum_backoff.seconds = BACKOFF_MAX
        least, most = policy.minimum_backoff.seconds, policy.maximum_backoff.seconds
        if not 0 <= least <= most <= BACKOFF_MAX:
            raise invalid("minimum_backoff and maximum_backoff must be from 0 to 600 seconds.")


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise invalid(f"Invalid {name} given: {value}. It must be from {least} to {most}.")
