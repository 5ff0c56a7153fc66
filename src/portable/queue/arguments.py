"""Arguments of a queue's calls, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from portable.errors import InvalidArgument, InvalidType, Unsupported
from portable.values import Seconds, seconds

if TYPE_CHECKING:
    from portable.queue.connection import Connection

T = TypeVar("T")
RENEWED_MIN = 0.1  # seconds of a lease that is renewed: every third of them is a request
GROUP_MAX = 128  # MessageGroupId and MessageDeduplicationId of SQS


def lease_of(connection: Connection, lease: Seconds | None) -> float:
    """How long a message is to be handed out."""
    length = connection.settings.lease if lease is None else seconds(lease, "lease")
    if length == 0:
        raise InvalidArgument("lease is 0 s; a message that is handed out needs a longer one")
    able = connection.capabilities
    if length > able.lease_max:
        raise Unsupported(
            f"a lease of {length:g} s is longer than this provider's longest, "
            f"{able.lease_max:g} s. Extend shorter ones with `message.extend`, or use `consume`, "
            f"which does so while a handler runs"
        )
    return max(length, able.lease_min)


def several(given: Iterable[T], call: str, one: str) -> list[T]:
    """What a call was given that takes several; one body may be iterable, too."""
    is_one = isinstance(given, str | bytes | bytearray | memoryview | Mapping)
    if is_one or not isinstance(given, Iterable):
        kind = type(given).__name__
        raise InvalidType(f"{call} takes several, as a list, and got a {kind}; for one, use {one}")
    return list(given)


def renewed_lease(connection: Connection, lease: Seconds | None) -> float:
    """How long each lease is that is going to be renewed."""
    able = connection.capabilities
    length = connection.settings.lease if lease is None else seconds(lease, "lease")
    return max(lease_of(connection, min(length, able.lease_max)), RENEWED_MIN)


def hand_back_delay(connection: Connection, delay: Seconds) -> float:
    """After how many seconds a message that is handed back may be received again."""
    length = seconds(delay, "delay")
    longest = connection.capabilities.lease_max
    if length > longest:
        raise Unsupported(
            f"a message can't be handed back for {length:g} s, this provider's longest time is "
            f"{longest:g} s. Hand it back sooner, or send it again with that delay and ack this one"
        )
    return length


def check_group(connection: Connection, group: object) -> None:
    """A message's group, as far as the queue has them."""
    able = connection.capabilities
    if group is None:
        if able.needs_group:
            raise InvalidArgument(
                "this queue hands out messages in order, so each needs a group: send(…, group='…')"
            )
        return
    if not able.groups:
        raise Unsupported(
            f"queues of the provider {connection.provider!r} as configured have no groups, so the "
            f"order can't be kept. Leave 'group' out, or use a queue that keeps the order"
        )
    _check_label(group, "group")


def check_dedup_id(connection: Connection, dedup_id: object) -> None:
    """A message's id for de-duplication, as far as the queue has it."""
    if not connection.capabilities.dedup_window:
        raise Unsupported(
            f"queues of the provider {connection.provider!r} as configured don't drop duplicates. "
            f"Leave 'dedup_id' out, and let the handler notice what it has done already"
        )
    _check_label(dedup_id, "dedup_id")


def _check_label(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise InvalidType(f"{name} is a str, not {type(value).__name__}")
    if not (0 < len(value) <= GROUP_MAX and value.isascii() and value.isprintable()) or (
        " " in value
    ):
        raise InvalidArgument(
            f"{name} is {value!r}; it has 1 to {GROUP_MAX} printable ASCII characters, no spaces"
        )
