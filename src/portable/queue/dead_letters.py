"""Dead letters: the same on every provider, because the core moves them itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from portable.errors import LeaseLost, PortableError, Unsupported
from portable.queue import receiving
from portable.queue.sending import Outgoing, send_all
from portable.queue.verdicts import checked_reason
from portable.queue.wire import Content, unpacked

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.driver import Leased

REASON = "dead-letter-reason"
ERROR = "dead-letter-error"
QUEUE = "dead-letter-queue"
ATTEMPTS = "dead-letter-attempts"
TIME = "dead-letter-time"
ID = "dead-letter-id"
ATTRIBUTES = frozenset({REASON, ERROR, QUEUE, ATTEMPTS, TIME, ID})

REASON_MAX = 400
ERROR_MAX = 600


def bury(
    connection: Connection,
    leased: Leased,
    content: Content,
    reason: str,
    error: BaseException | None,
) -> None:
    """Send a message to the dead letters. The caller acks it after that, never before."""
    dead = connection.dead_letters
    if dead is None:
        raise Unsupported(
            f"{connection.settings.name!r} has the dead letters itself; hand the message back, "
            f"ack it, or redrive it"
        )
    now = datetime.fromtimestamp(connection.surroundings.now(), UTC)
    why = {
        REASON: _cut(checked_reason(reason), REASON_MAX) or "unknown",
        ERROR: "" if error is None else _cut(_told(error), ERROR_MAX),
        QUEUE: connection.settings.name,
        ATTEMPTS: str(leased.attempts),
        TIME: now.isoformat(timespec="milliseconds"),
        ID: leased.id,
    }
    # An empty one would need an envelope.
    attributes = {**content.attributes, **{name: value for name, value in why.items() if value}}
    with dead.located("send"):
        (answer,) = send_all(
            dead, [Outgoing(replace(content, attributes=attributes), group=leased.group)], room=0
        )
        if isinstance(answer, PortableError):
            raise answer


def redrive(connection: Connection, limit: int | None) -> int:
    """Bring dead letters back; those that died after this began stay.

    Returns:
        How many were sent to their queue again.
    """
    dead = connection.dead_letters
    if dead is None:
        raise Unsupported(
            f"{connection.settings.name!r} has the dead letters of "
            f"{connection.settings.name.removesuffix('-dead')!r}; redrive that queue"
        )
    began = datetime.fromtimestamp(connection.surroundings.now(), UTC).isoformat(
        timespec="milliseconds"
    )
    moved = 0
    late: list[Leased] = []
    try:
        while limit is None or moved < limit:
            left = dead.capabilities.receive_max if limit is None else limit - moved
            found = receiving.lease_some(
                dead, left, wait=receiving.EMPTY_WAIT_SECONDS, lease=receiving.possible_lease(dead)
            )
            if not found:
                break
            # One that failed again since this began would go round for ever.
            old: list[Leased] = []
            for each in found:
                new = unpacked(each).attributes.get(TIME, "") > began
                (late if new else old).append(each)
            moved += _send_back(connection, dead, old)
    finally:
        receiving.hand_back(dead, late)
    return moved


def _send_back(connection: Connection, dead: Connection, letters: list[Leased]) -> int:
    answers = send_all(connection, [_revived(each) for each in letters], room=0)
    failed = [answer for answer in answers if isinstance(answer, PortableError)]
    back: list[Leased] = []
    left: list[Leased] = []
    for each, answer in zip(letters, answers, strict=True):
        (back if isinstance(answer, str) else left).append(each)
    receiving.hand_back(dead, left)
    acked = dead.settle([each.receipt for each in back], lambda driver, some: driver.ack(some))
    for error in [*failed, *acked]:
        if isinstance(error, PortableError) and not isinstance(error, LeaseLost):
            raise error
    return len(back)


def _revived(letter: Leased) -> Outgoing:
    content = unpacked(letter)
    kept = {name: value for name, value in content.attributes.items() if name not in ATTRIBUTES}
    return Outgoing(replace(content, attributes=kept), group=letter.group)


def _told(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception:  # noqa: BLE001 - one that can't even tell what it is
        return name


def _cut(text: str, size: int) -> str:
    """At most so many bytes of what every provider can hold."""
    plain = "".join(each if each.isprintable() else " " for each in text).strip()
    return plain.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
