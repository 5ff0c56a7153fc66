"""`Delivery`: whose a message is, until when, and whether it is settled."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from portable.errors import InvalidArgument

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.events import Observer
    from portable.queue.wire import Content


class Delivery:
    """What acks, extensions and hand-backs change of a message, one at a time.

    Attributes:
        lock: Held by whoever asks the provider about it.
    """

    __slots__ = (
        "_acked",
        "_connection",
        "_content",
        "_ends",
        "_lost",
        "_observer",
        "_receipt",
        "_settled",
        "lock",
    )

    def __init__(
        self,
        connection: Connection,
        receipt: str,
        content: Content,
        ends: float,
        observer: Observer | None,
    ) -> None:
        """Hold a delivery that nobody has settled yet."""
        self.lock = threading.Lock()
        self._connection = connection
        self._content = content
        self._receipt = receipt
        self._ends = ends
        self._observer = observer
        self._settled: Literal["", "acked", "handed back", "buried", "only looked at"] = ""
        self._acked = False
        self._lost = False

    @property
    def lease_until(self) -> datetime:
        """When the lease ends, aware UTC, by this machine's clock."""
        left = self._ends - self._connection.surroundings.clock()
        now = datetime.fromtimestamp(self._connection.surroundings.now(), UTC)
        return now + timedelta(seconds=left)

    @property
    def lease_lost(self) -> bool:
        """Did the lease end before the message was settled? Somebody else may work on it now.

        True when the provider said so, or its time has passed by this machine's clock.
        """
        if self._lost or self._settled:
            return self._lost
        return self._late()

    @property
    def settled(self) -> bool:
        """Was it acked, handed back or moved to the dead letters, as far as this object goes?"""
        return bool(self._settled)

    def _may_become(self, state: str) -> bool:
        """False where it is so already; the lock is held."""
        if self._settled and self._settled != state:
            raise InvalidArgument(f"the message is {self._settled} already")
        return not self._settled

    def _late(self) -> bool:
        return self._connection.surroundings.clock() >= self._ends
