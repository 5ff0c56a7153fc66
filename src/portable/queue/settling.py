"""Acks and extensions of several messages at once. One message's never race: each has a lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from portable.errors import InvalidArgument, LeaseLost, PortableError
from portable.queue import payloads
from portable.queue.events import EventKind, QueueEvent, tell
from portable.queue.wire import PAYLOAD

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.delivery import Delivery
    from portable.queue.driver import QueueDriver
    from portable.retry import Deadline

TOO_LATE = "the lease ended before the ack: the message may be handled again"

Answers = Sequence[str | PortableError]


def _ask(extend: Callable[[], Answers]) -> Answers:
    return extend()


def ack_one(connection: Connection, message: Delivery) -> PortableError | None:
    """`ack_all` of one message, at half the cost."""
    with message.lock:
        at_work = not message._settled and not message._lost
        if at_work:
            late = message._late()
            answer = connection.one(message._receipt, _ack, create=False)
            error = _acked(message, answer, late=late)
    if not at_work:
        (error,) = ack_all(connection, [message])
    else:
        _finished(message)
    return error


def ack_all(connection: Connection, messages: Sequence[Delivery]) -> list[PortableError | None]:
    """Ack in as few requests as it takes; an extension under way ends first.

    Returns:
        For each `None`, or why it wasn't acked: a `LeaseLost` is final.
    """
    answers: list[PortableError | None] = [None] * len(messages)
    asked: list[int] = []
    settled: list[Delivery] = []
    held: list[Delivery] = []
    try:
        for message in sorted(messages, key=id):  # else two calls could wait for each other
            message.lock.acquire()
            held.append(message)
        for at, message in enumerate(messages):
            if not message._settled and not message._lost:
                asked.append(at)
            elif message._settled == "acked":
                answers[at] = None if message._acked else LeaseLost(TOO_LATE)
            elif message._settled:
                answers[at] = InvalidArgument(f"the message is {message._settled} already")
            else:  # it is known to be too late, so that nothing is asked
                message._settled = "acked"
                answers[at] = LeaseLost(TOO_LATE)
                settled.append(message)
        late = [messages[at]._late() for at in asked]
        sent = connection.settle([messages[at]._receipt for at in asked], _ack)
        for at, was_late, answer in zip(asked, late, sent, strict=True):
            answers[at] = _acked(messages[at], answer, late=was_late)
            settled.append(messages[at])
    finally:
        for message in held:
            message.lock.release()
    for message in settled:
        _finished(message)
    return answers


def extend_all(
    connection: Connection,
    messages: Sequence[Delivery],
    lease: float,
    deadline: Deadline | None = None,
    ask: Callable[[Callable[[], Answers]], Answers] = _ask,
) -> list[PortableError | None]:
    """Extend the leases of messages whose locks the caller holds, and that aren't settled.

    Args:
        ask: Sends each request.

    Returns:
        For each `None`, or its error.
    """
    begun = connection.surroundings.clock()
    answers = connection.settle(
        [message._receipt for message in messages],
        lambda driver, some: ask(lambda: driver.extend(some, lease)),
        deadline=deadline,
    )
    errors: list[PortableError | None] = []
    for message, answer in zip(messages, answers, strict=True):
        if isinstance(answer, PortableError):
            message._lost = message._lost or isinstance(answer, LeaseLost)
            errors.append(answer)
        else:
            message._receipt = answer
            message._ends = begun + lease
            errors.append(None)
    return errors


def _ack(driver: QueueDriver, receipts: Sequence[str]) -> Sequence[PortableError | None]:
    return driver.ack(receipts)


def _acked(message: Delivery, answer: PortableError | None, *, late: bool) -> PortableError | None:
    """What an ack's answer means; the message's lock is held."""
    if isinstance(answer, LeaseLost):
        # Sent twice, the first answer lost: the first one removed it.
        message._acked = answer.ambiguous
    elif isinstance(answer, PortableError):
        return answer
    else:
        # A server that can't tell says yes to anything.
        message._acked = not late or message._connection.capabilities.tells_lost_lease
    message._settled = "acked"
    message._lost = not message._acked
    return None if message._acked else LeaseLost(TOO_LATE)


def _finished(message: Delivery) -> None:
    """What follows an ack; the lock is free again."""
    if message._settled != "acked":
        return
    if message._acked and PAYLOAD in message._content.own:
        payloads.remove(message._connection, message._content)
    if message._observer is not None:
        kind: EventKind = "acked" if message._acked else "lease_lost"
        queue = message._connection.settings.name
        tell(message._observer, QueueEvent(kind=kind, queue=queue))
