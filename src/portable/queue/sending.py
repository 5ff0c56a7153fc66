"""From bodies to requests: what is too large goes elsewhere, what is too many is split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.errors import InvalidArgument, NotAllSent, PortableError, Unsupported
from portable.queue import payloads
from portable.queue.driver import QueueCapabilities, WireMessage
from portable.queue.tokens import new_token
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
    from portable.queue.driver import QueueDriver

Answer = str | PortableError
Ready = tuple[int, WireMessage, int]  # the message's place among all, what is sent, its bytes


@dataclass(slots=True)
class Outgoing:
    """A checked message on its way out."""

    content: Content
    delay: float = 0.0
    group: str | None = None
    dedup_id: str | None = None


def send_one(connection: Connection, message: Outgoing) -> str:
    """Send a message and return its id, or raise why it wasn't sent."""
    content, wire, _ = _prepared(connection, message, DEAD_ROOM)
    answer = connection.one(wire, _send)
    if isinstance(answer, PortableError):
        if content is not message.content:
            _take_back(connection, content, answer)
        raise answer
    return answer


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
    ready: list[Ready] = []
    stored: dict[int, Content] = {}
    for at, message in enumerate(messages):
        try:
            content, wire, size = _prepared(connection, message, room)
        except PortableError as error:
            answers.append(error)
            continue
        answers.append(None)
        ready.append((at, wire, size))
        if content is not message.content:
            stored[at] = content
    for batch in _batches(ready, connection.capabilities):
        sent = connection.each([wire for _, wire, _ in batch], _send)
        for (at, _, _), answer in zip(batch, sent, strict=True):
            answers[at] = answer
    for at, content in stored.items():
        failure = answers[at]
        if isinstance(failure, PortableError):
            _take_back(connection, content, failure)
    return [answer for answer in answers if answer is not None]


def not_all_sent(answers: Sequence[Answer]) -> NotAllSent:
    """The error for messages some of which weren't sent."""
    ids = [answer if isinstance(answer, str) else None for answer in answers]
    errors = {at: each for at, each in enumerate(answers) if isinstance(each, PortableError)}
    first, error = next(iter(errors.items()))
    return NotAllSent(
        f"{len(errors)} of {len(ids)} messages weren't sent; the first is number {first}: "
        f"{error.message}. `errors` has all of them by number, `ids` those of the others",
        ids=ids,
        errors=errors,
        ambiguous=any(each.ambiguous for each in errors.values()),
    )


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


def _send(driver: QueueDriver, messages: Sequence[WireMessage]) -> Sequence[Answer]:
    return driver.send(messages)


def _take_back(connection: Connection, content: Content, failure: PortableError) -> None:
    """Remove the body from storage, unless a message may have arrived that names it."""
    if PAYLOAD in content.own and not failure.ambiguous:
        payloads.remove(connection, content)


def _prepared(
    connection: Connection, message: Outgoing, room: int
) -> tuple[Content, WireMessage, int]:
    able = connection.capabilities
    content, delay = message.content, message.delay
    if delay > able.delay_max:
        due = connection.surroundings.now() + delay
        content = with_own(content, NOT_BEFORE, f"{due:.3f}")
        delay = able.delay_max
    body, attributes = packed(content, able)
    size = size_of(body, attributes)
    if size + room > able.message_max and content.data:
        content = payloads.stored(connection, content)
        body, attributes = packed(content, able)
        size = size_of(body, attributes)
    if size > able.message_max:
        if PAYLOAD in content.own and PAYLOAD not in message.content.own:
            payloads.remove(connection, content)
        raise InvalidArgument(
            f"the attributes are too large for this provider: with them the message has "
            f"{size:,} bytes, and it takes {able.message_max:,}"
        )
    wire = WireMessage(
        body=body,
        attributes=attributes,
        delay=delay,
        group=message.group,
        dedup_id=message.dedup_id,
        token=new_token(),
    )
    return content, wire, size


def _batches(ready: Sequence[Ready], able: QueueCapabilities) -> Iterator[Sequence[Ready]]:
    batch: list[Ready] = []
    total = 0
    for each in ready:
        size = each[2]
        if batch and (len(batch) == able.send_max or total + size > able.send_bytes_max):
            yield batch
            batch, total = [], 0
        batch.append(each)
        total += size
    if batch:
        yield batch
