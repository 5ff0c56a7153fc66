"""What happens to messages, told to whoever wants to count it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_log = logging.getLogger("portable.queue")

EventKind = Literal["sent", "received", "handled", "acked", "retried", "dead", "lease_lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEvent:
    """Something that happened to messages, for metrics and logs.

    Attributes:
        kind: ``"sent"``, ``"received"``, ``"handled"`` (a handler ended), ``"acked"``,
            ``"retried"`` (handed back), ``"dead"`` (moved to the dead letters) or
            ``"lease_lost"`` (settled too late: somebody else may have the message).
        queue: Its name.
        count: How many messages.
        seconds: How long the handler took.
        error: What the handler raised.
    """

    kind: EventKind
    queue: str
    count: int = 1
    seconds: float | None = None
    error: BaseException | None = None


Observer = Callable[[QueueEvent], object]


def tell(observer: Observer | None, event: QueueEvent) -> None:
    """Call *observer*; what it raises is logged, and changes nothing of what happened."""
    if observer is None:
        return
    try:
        observer(event)
    except Exception:  # noqa: BLE001 - whatever a hook does wrong
        _log.exception("on_event failed for %s", event.kind)
