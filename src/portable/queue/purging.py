"""Emptying a queue, with the bodies that its messages have in storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.queue import payloads
from portable.queue.receiving import EMPTY_WAIT_SECONDS, lease_some, possible_lease
from portable.queue.wire import PAYLOAD, unpacked

if TYPE_CHECKING:
    from portable.queue.connection import Connection


def purge(connection: Connection) -> None:
    """Remove every message, and the bodies of those that can be received."""
    if payloads.there_are(connection):
        _remove_with_bodies(connection)
    connection.request(lambda driver: driver.purge())


def _remove_with_bodies(connection: Connection) -> None:
    """Take and ack what there is, as long as a call may take.

    The provider removes the rest, whose bodies nobody names then.
    """
    deadline = connection.live.retry.start()
    began = connection.surroundings.now()
    most, lease = connection.capabilities.receive_max, possible_lease(connection)
    while deadline.left() > 0:
        found = lease_some(connection, most, wait=EMPTY_WAIT_SECONDS, lease=lease)
        answers = connection.settle(
            [each.receipt for each in found], lambda driver, some: driver.ack(some)
        )
        for each, answer in zip(found, answers, strict=True):
            content = unpacked(each)
            if answer is None and PAYLOAD in content.own:
                payloads.remove(connection, content)
        if all((each.sent_at or 0.0) > began for each in found):  # or there is nothing
            return
