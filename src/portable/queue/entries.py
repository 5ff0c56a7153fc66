"""From what users send to messages, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.queue.arguments import check_dedup_id, check_group
from portable.queue.attributes import check_attributes
from portable.queue.bodies import encoded
from portable.queue.sending import Outgoing, checked_delay
from portable.queue.wire import Content
from portable.values import Seconds, seconds

if TYPE_CHECKING:
    from portable.queue.connection import Connection


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a `send_many`, with arguments of its own; see `Queue.send`.

    What is `None` is as for all messages of the call.
    """

    body: object
    delay: Seconds | None = None
    attributes: Mapping[str, str] | None = None
    group: str | None = None
    dedup_id: str | None = None


def outgoing(
    connection: Connection,
    body: object,
    delay: Seconds,
    attributes: Mapping[str, str] | None,
    group: str | None,
    dedup_id: str | None = None,
) -> Outgoing:
    """A message to send; *body* may be an `Entry`.

    Raises:
        InvalidArgument, InvalidType, Unsupported: nothing was sent.
    """
    if isinstance(body, Entry):
        delay = delay if body.delay is None else body.delay
        attributes = attributes if body.attributes is None else body.attributes
        group = group if body.group is None else body.group
        dedup_id = dedup_id if body.dedup_id is None else body.dedup_id
        body = body.body
    kind, data = encoded(body)
    content = Content(kind, data, check_attributes(attributes) if attributes else {}, {})
    if group is not None or connection.capabilities.needs_group:
        check_group(connection, group)
    if dedup_id is not None:
        check_dedup_id(connection, dedup_id)
    length = checked_delay(connection, seconds(delay, "delay")) if delay else 0.0
    return Outgoing(content, length, group, dedup_id)
