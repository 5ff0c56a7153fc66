"""From bodies to requests: what is too large goes elsewhere, what is too many is split."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portable.errors import InvalidArgument, PortableError, Unsupported
from portable.queue import payloads
from portable.queue.driver import QueueCapabilities, WireMessage
from portable.queue.wire import (
    DEAD_ROOM,
    NOT_BEFORE,
    PAYLOAD,
    Content,
    packed,
    size_of,
    with_own,
)

if TYPE_CHECKING:
    from portable.queue.connection import Connection

Answer = str | PortableError


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A checked message on its way out."""

    content: Content
    delay: float = 0.0
    group: str | None = None
    dedup_id: str | None = None


def send_all(
    connection: Connection, messages: Sequence[Outgoing], *, room: int = DEAD_ROOM
) -> list[Answer]:
    """Send them in as many requests as it takes.

    Args:
        room: Bytes to keep free in each.

    Returns:
        For each its id, or why it wasn't sent.
    """
    answers: list[Answer | None] = []
    ready: list[tuple[int, WireMessage]] = []
    stored: dict[int, Content] = {}
    for at, message in enumerate(messages):
        try:
            content, wire = _prepared(connection, message, room)
        except PortableError as error:
            answers.append(error)
            continue
        answers.append(None)
        ready.append((at, wire))
        if content is not message.content and PAYLOAD in content.own:
            stored[at] = content
    for batch in _batches(ready, connection.capabilities):
        sent = connection.each(
            [wire for _, wire in batch], lambda driver, entries: driver.send(entries)
        )
        for (at, _), answer in zip(batch, sent, strict=True):
            answers[at] = answer
    for at, content in stored.items():
        failure = answers[at]
        if isinstance(failure, PortableError) and not failure.ambiguous:
            payloads.remove(connection, content)
    return [answer for answer in answers if answer is not None]


def checked_delay(connection: Connection, delay: float) -> float:
    """A delay that the provider can keep, or that is to be held by us."""
    longest = connection.capabilities.delay_max
    if delay > longest and connection.settings.long_delays != "hold":
        have = f"at most {longest:g} s here" if longest else "none here"
        raise Unsupported(
            f"a message can't be delayed by {delay:g} s: the provider has delays of {have}. The "
            f"setting long_delays = 'hold' lets consumers hand early messages back until it "
            f"is time"
        )
    return delay


def _prepared(connection: Connection, message: Outgoing, room: int) -> tuple[Content, WireMessage]:
    able = connection.capabilities
    content, delay = message.content, message.delay
    if delay > able.delay_max:
        due = connection.surroundings.now() + delay
        content = with_own(content, NOT_BEFORE, f"{due:.3f}")
        delay = able.delay_max
    wire = packed(content, able)
    if size_of(wire) + room > able.message_max and content.data:
        content = payloads.stored(connection, content)
        wire = packed(content, able)
    if size_of(wire) > able.message_max:
        if content.own.get(PAYLOAD) and content.own.get(PAYLOAD) != message.content.own.get(
            PAYLOAD
        ):
            payloads.remove(connection, content)
        raise InvalidArgument(
            f"the attributes are too large for this provider: with them the message has "
            f"{size_of(wire):,} bytes, and it takes {able.message_max:,}"
        )
    return content, replace(
        wire,
        delay=delay,
        group=message.group,
        dedup_id=message.dedup_id,
        token=uuid.uuid4().hex,
    )


def _batches(
    ready: Sequence[tuple[int, WireMessage]], able: QueueCapabilities
) -> Iterator[Sequence[tuple[int, WireMessage]]]:
    if len(ready) == 1:
        yield ready
        return
    batch: list[tuple[int, WireMessage]] = []
    total = 0
    for at, wire in ready:
        size = size_of(wire)
        if batch and (len(batch) == able.send_max or total + size > able.send_bytes_max):
            yield batch
            batch, total = [], 0
        batch.append((at, wire))
        total += size
    if batch:
        yield batch
