"""Leasing messages: long polls over servers that wait shorter or not at all, and early arrivals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from portable.errors import LeaseLost, PortableError
from portable.interrupt import Interrupted
from portable.queue.wire import NOT_BEFORE, Content

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.driver import Leased

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
# Some servers answer "nothing" too soon when they aren't asked to wait.
EMPTY_WAIT_SECONDS = 1.0


def lease_some(connection: Connection, limit: int, *, wait: float, lease: float) -> list[Leased]:
    """Lease up to *limit* messages, waiting up to *wait* seconds for the first."""
    found = lease_first(connection, limit, wait=wait, lease=lease)
    return lease_more(connection, found, limit, lease)


def lease_first(
    connection: Connection, limit: int, *, wait: float, lease: float
) -> Sequence[Leased]:
    """Those of the first answer that has any, where one request can't ask for *limit*."""
    able = connection.capabilities
    until = connection.surroundings.clock() + wait
    count = min(limit, able.receive_max)
    found = _ask(connection, count, min(wait, able.wait_max), lease)
    if not found and wait > 0:
        found = _poll(connection, count, until, lease)
    return found


def _poll(connection: Connection, count: int, until: float, lease: float) -> Sequence[Leased]:
    """Ask until there is something or the time has come; servers may answer early, with nothing."""
    surroundings, able = connection.surroundings, connection.capabilities
    pause = FIRST_PAUSE_SECONDS
    while (left := until - surroundings.clock()) > 0:
        asked = min(left, able.wait_max)
        before = surroundings.clock()
        if not able.wait_max:
            surroundings.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        if found := _ask(connection, count, asked, lease):
            return found
        if able.wait_max and surroundings.clock() - before < asked / 2:
            surroundings.sleep(min(pause, max(0.0, until - surroundings.clock())))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    return []


def lease_more(
    connection: Connection, found: Sequence[Leased], limit: int, lease: float
) -> list[Leased]:
    """Those, and what more there is at once, where one request can't ask for all."""
    able = connection.capabilities
    messages = list(found)
    try:
        while found and len(found) == able.receive_max and len(messages) < limit:
            found = _ask(connection, min(limit - len(messages), able.receive_max), 0.0, lease)
            messages += found
    except (PortableError, Interrupted):
        # Those in hand are leased: they are handed out, and the next call meets the error.
        return messages
    return messages


def _ask(connection: Connection, count: int, wait: float, lease: float) -> Sequence[Leased]:
    return connection.request(lambda driver: driver.receive(count, wait=wait, lease=lease))


def possible_lease(connection: Connection) -> float:
    """The lease of the settings, as far as the provider has such."""
    able = connection.capabilities
    return max(able.lease_min, min(connection.settings.lease, able.lease_max))


def hand_back(connection: Connection, messages: Sequence[Leased], delay: float = 0.0) -> None:
    """Let others have them, *delay* seconds from now."""
    receipts = [each.receipt for each in messages]
    for answer in connection.settle(receipts, lambda driver, some: driver.extend(some, delay)):
        if isinstance(answer, PortableError) and not isinstance(answer, LeaseLost):
            raise answer


def early_by(connection: Connection, content: Content) -> float:
    """Seconds until a message may be handed out that was sent with a longer delay than there is."""
    due = _due(content)
    return 0.0 if due is None else due - connection.surroundings.now()


def attempts_of(connection: Connection, leased: Leased, content: Content) -> int:
    """How often a message was handed out, without the times it was handed back as early.

    Those are as many as there are longest leases in the time that it was to be held.
    """
    due = _due(content)
    if due is None or leased.sent_at is None:
        return leased.attempts
    able = connection.capabilities
    held = max(0.0, due - leased.sent_at - able.delay_max)
    return max(1, leased.attempts - math.ceil(held / able.lease_max))


def _due(content: Content) -> float | None:
    if not content.own:
        return None
    try:
        due = float(content.own.get(NOT_BEFORE, "nan"))
    except ValueError:
        return None
    return due if math.isfinite(due) else None
