"""What the conformance suite of queues is told about a provider."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.queue import Queue
    from portable.storage import Bucket


class QueueOracle(ABC):
    """One queue, seen without the driver: with the provider's own SDK, or in its tables.

    A driver that is wrong in the same way when it sends and when it receives agrees with itself.
    The oracle doesn't.
    """

    @abstractmethod
    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        """Send a message as another tool would. Without attributes where the provider has none."""

    @abstractmethod
    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        """Receive one message as another tool would, and remove it; `None` where none is visible."""


@dataclass(frozen=True, kw_only=True)
class QueueHarness:
    """One fresh queue, and what surrounds it. Made anew for each case.

    Attributes:
        open_queue: Opens the queue with some of the core's settings changed, such as
            ``open_queue(lease=5.0)``. Each call makes a new `Queue` on the same messages, with
            `payloads` for large bodies. Nothing has made the queue at the provider before.
        oracle: Sees the same queue.
        payloads: An empty bucket.
        advance: Let that many seconds pass for the provider and for the queue's `Surroundings`;
            `None` where nobody can move the provider's clock, and the suite has to wait.
        ordered_queue: Opens a fresh queue that has groups, where that takes another kind of queue.
        denied_queue: Opens a queue that these credentials may not touch; `None` where nothing is
            ever denied.
        sdk_errors: What the SDK raises: the expected `__cause__` of an error that it raised.
        quirks: Known faults of a stand-in server, by their names in `QUEUE_QUIRKS`, each with its
            reason. A driver's faults are none.
        lease: The shortest lease that is worth waiting for.
        many: How many messages a case sends that is about many.
    """

    open_queue: Callable[..., Queue]
    oracle: QueueOracle
    payloads: Bucket
    advance: Callable[[float], None] | None = None
    ordered_queue: Callable[[], Queue] | None = None
    denied_queue: Callable[[], Queue] | None = None
    sdk_errors: tuple[type[BaseException], ...] = ()
    quirks: Mapping[str, str] = field(default_factory=dict)
    lease: float = 1.0
    many: int = 250
