"""What calls on queues return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """How much is in a queue, as far as the provider tells: `None` is unknown, never 0.

    Attributes:
        visible: Messages that could be received now.
        leased: Messages that are handed out.
        delayed: Messages whose time hasn't come.
        oldest_age: Seconds since the oldest visible message was sent.
        total: All of them together; some providers count only these.
    """

    visible: int | None = None
    leased: int | None = None
    delayed: int | None = None
    oldest_age: float | None = None
    total: int | None = None

    def __post_init__(self) -> None:
        counts = (self.visible, self.leased, self.delayed)
        if self.total is None and None not in counts:
            object.__setattr__(self, "total", sum(each or 0 for each in counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeReport:
    """What a `consume` did, until it ended.

    Attributes:
        handled: Messages whose handler returned and whose ack was sent in time.
        retried: Handed back after an error, or because the handler asked for it.
        dead: Moved to the dead letters.
        returned: Handed back unhandled, because it was time to stop.
        leases_lost: Leases that ended while the handler ran; others may have got the message.
        acks_failed: Messages whose handler returned and whose ack couldn't be sent: they will be
            handed out again.
        errors: By the error's type, how often a handler raised it.
        stopped_by: ``"max_messages"``, ``"idle_timeout"``, ``"signal"`` or ``"stop"``.
    """

    handled: int = 0
    retried: int = 0
    dead: int = 0
    returned: int = 0
    leases_lost: int = 0
    acks_failed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    stopped_by: str = ""
