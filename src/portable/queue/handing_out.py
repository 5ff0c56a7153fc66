"""From what the server shows to messages: early ones go back, those that failed too often to the dead letters."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from portable.errors import PortableError, Unsupported
from portable.interrupt import deaf
from portable.queue.events import Observer, QueueEvent, tell
from portable.queue.message import Message
from portable.queue.receiving import early_by, hand_back, lease_first, lease_more
from portable.queue.wire import unpacked

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.driver import Leased

_log = logging.getLogger("portable.queue")

BURY_AGAIN_SECONDS = 60.0


def receive(
    connection: Connection,
    limit: int,
    *,
    wait: float,
    lease: float,
    observer: Observer | None = None,
) -> list[Message]:
    """Up to *limit* messages that are to be handled, waiting up to *wait* seconds for the first."""
    clock = connection.surroundings.clock
    until, left = clock() + wait, wait
    while True:
        found = lease_first(connection, limit, wait=left, lease=lease)
        ends = clock() + lease  # of the first; those of later requests end no sooner
        leased = lease_more(connection, found, limit, lease)
        messages = _sorted_out(connection, leased, ends, observer)
        if messages or not leased or (left := until - clock()) <= 0:
            break
    if messages and observer is not None:
        name = connection.settings.name
        tell(observer, QueueEvent(kind="received", queue=name, count=len(messages)))
    return messages


def peek(connection: Connection, limit: int) -> list[Message]:
    """Up to *limit* messages that could be received; they can't be settled."""
    able = connection.capabilities
    if not able.peeks:
        raise Unsupported(
            f"the provider {connection.provider!r} shows no message without handing it out; "
            f"receive with a short lease, and hand back what you have seen"
        )
    count = min(limit, able.receive_max)
    seen = connection.request(lambda driver: driver.peek(count))
    messages = [Message(connection, each, unpacked(each), 0.0) for each in seen]
    for message in messages:
        message._settled = "only looked at"
    return messages


def _sorted_out(
    connection: Connection, leased: Sequence[Leased], ends: float, observer: Observer | None
) -> list[Message]:
    messages = []
    able, settings = connection.capabilities, connection.settings
    for each in leased:
        content = unpacked(each)
        if content.own and (left := early_by(connection, content)) > 0:
            with deaf():  # what is leased is handed out, or handed back
                _quietly_back(connection, each, min(left, able.lease_max))
            continue
        message = Message(connection, each, content, ends, observer)
        if message.attempts > settings.max_attempts and connection.dead_letters is not None:
            # Whoever had it the last time neither acked it nor handed it back.
            with deaf():
                _bury(message)
            continue
        messages.append(message)
    return messages


def _quietly_back(connection: Connection, leased: Leased, delay: float) -> None:
    """One that can't be handed back comes back by itself, when its lease ends."""
    try:
        hand_back(connection, [leased], delay)
    except PortableError as error:
        _log.warning("an early message couldn't be handed back: %s", error)


def _bury(message: Message) -> None:
    try:
        message.bury(f"handed out {message.attempts - 1} times and never acked")
    except PortableError as error:
        _log.warning("a message couldn't be moved to the dead letters: %s", error)
        try:
            message.nack(min(BURY_AGAIN_SECONDS, message._connection.capabilities.lease_max))
        except PortableError as failure:
            _log.warning("nor could it be handed back: %s", failure)
