"""What calls on queues return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """How much is in a queue, as far as the provider tells: `None` is unknown, never 0.

    Attributes:
        visible: Messages that could be received now.
        leased: Messages that are handed out.
        delayed: Messages whose time hasn't come.
        oldest_age: Seconds since the oldest visible message was sent.
    """

    visible: int | None = None
    leased: int | None = None
    delayed: int | None = None
    oldest_age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeReport:
    """What a `consume` did, until it ended.

    Attributes:
        handled: Messages whose handler returned and whose ack was sent in time.
        retried: Handed back after an error, or because the handler asked for it.
        dead: Moved to the dead letters.
        returned: Handed back unhandled, because it was time to stop.
        leases_lost: Leases that ended while the handler ran; others may have got the message.
        errors: By the error's type, how often a handler raised it.
        stopped_by: ``"max_messages"``, ``"idle_timeout"``, ``"signal"`` or ``"stop"``.
    """

    handled: int = 0
    retried: int = 0
    dead: int = 0
    returned: int = 0
    leases_lost: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    stopped_by: str = ""


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
