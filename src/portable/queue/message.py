"""`Message`: one delivery of a message, settled once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from portable.errors import IntegrityError, InvalidArgument, LeaseLost, PortableError
from portable.queue import dead_letters, payloads
from portable.queue.arguments import hand_back_delay, lease_of
from portable.queue.bodies import decoded
from portable.queue.delivery import Delivery
from portable.queue.events import EventKind, Observer, QueueEvent, tell
from portable.queue.receiving import attempts_of
from portable.queue.settling import ack_one, extend_all
from portable.queue.verdicts import DeadLetter, Retry
from portable.queue.wire import PAYLOAD, Content
from portable.values import Seconds

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.driver import Leased
    from portable.retry import Deadline

_log = logging.getLogger("portable.queue")
_UNREAD: Any = object()


class Message(Delivery):
    """A message that is leased to you: nobody else gets it until `lease_until`.

    As a context manager it is acked when the block ends, and handed back when it raises: to the
    dead letters, where that was its last attempt. Safe to use from many threads.

    Attributes:
        id: The provider's; the same at each delivery.
        attributes: As they were sent. Dead letters have ``dead-letter-reason``, ``…-error``,
            ``…-queue``, ``…-attempts``, ``…-time`` and ``…-id`` as well.
        attempts: How often it was handed out, this time included.
        group: As it was sent.
    """

    __slots__ = ("_body", "_leased", "attempts", "attributes", "group", "id")

    def __init__(
        self,
        connection: Connection,
        leased: Leased,
        content: Content,
        ends: float,
        observer: Observer | None = None,
    ) -> None:
        """Hold a delivery; nothing is sent."""
        super().__init__(connection, leased.receipt, content, ends, observer)
        self.id = leased.id
        self.attributes: Mapping[str, str] = content.attributes
        self.attempts = attempts_of(connection, leased, content)
        self.group = leased.group
        self._leased = leased
        self._body = _UNREAD

    def __repr__(self) -> str:
        return (
            f"Message({self.id!r}, attempts={self.attempts}{self._settled and ', '}{self._settled})"
        )

    @property
    def sent_at(self) -> datetime | None:
        """Aware UTC; `None` where the provider doesn't tell."""
        at = self._leased.sent_at
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def body(self) -> Any:
        """What was sent: bytes, or the value that the JSON stands for.

        A body that was too large for the provider is fetched from storage at the first use.

        Raises:
            IntegrityError: it isn't what was sent.
            NotFound: it is gone from storage, as after an ack of the same message elsewhere.
        """
        if self._body is _UNREAD:
            with self._connection.located("body", self.id):
                self._body = self._read()
        return self._body

    @property
    def body_is_remote(self) -> bool:
        """Is the body still in storage, so that the first use of `body` fetches it?"""
        return self._body is _UNREAD and PAYLOAD in self._content.own

    def ack(self, *, strict: bool = False) -> bool:
        """Remove the message for good: it was handled. Twice is once.

        Args:
            strict: Raise `LeaseLost` when it was too late, instead of returning False.

        Returns:
            True when the message is removed. False when the lease had ended: then the message
            may be handled again, or is being handled by somebody else.

        Raises:
            InvalidArgument: it was handed back before.
            LeaseLost: *strict*, and the lease had ended.
        """
        with self._connection.located("ack", self.id):
            error = ack_one(self._connection, self)
            if error is not None and not isinstance(error, LeaseLost):
                raise error
            if strict and not self._acked:
                raise LeaseLost(
                    "the lease ended before the ack: the message may be handled again"
                ) from error
        return self._acked

    def nack(self, delay: Seconds = 0) -> None:
        """Hand the message back: it can be received again after *delay* seconds.

        Its attempts aren't reset. After the lease has ended there is nothing to do.

        Raises:
            Unsupported: *delay* is longer than this provider's longest.
            InvalidArgument: it was acked before.
        """
        with self._connection.located("nack", self.id):
            self._hand_back(hand_back_delay(self._connection, delay))

    def extend(self, lease: Seconds | None = None) -> None:
        """Keep the message for *lease* seconds from now; as long as the settings say unless given.

        Raises:
            LeaseLost: it was too late; stop working on the message.
            Unsupported: *lease* is longer than this provider's longest.
            InvalidArgument: the message was acked or handed back before.
        """
        connection = self._connection
        with connection.located("extend", self.id):
            length = lease_of(connection, lease)
            with self.lock:
                if self._settled:
                    raise InvalidArgument(f"the message is {self._settled} already")
                (error,) = extend_all(connection, [self], length)
            if error is not None:
                raise error

    def dead_letter(self, reason: str) -> None:
        """Move the message to the dead letters, with *reason*; it is sent there, then acked here.

        Raises:
            LeaseLost: it was too late; somebody else decides.
            Unsupported: this queue has the dead letters itself.
            InvalidArgument: the message was acked or handed back before.
        """
        with self._connection.located("dead_letter", self.id):
            self.bury(reason)

    def bury(self, reason: str, error: BaseException | None = None) -> None:
        """`dead_letter`, with what went wrong."""
        with self.lock:
            if not self._may_become("buried"):
                return
            if self._lost or self._late():
                self._lost = True
                raise LeaseLost(
                    "the lease has ended: whoever gets the message now says what becomes of it"
                )
            dead_letters.bury(self._connection, self._leased, self._content, reason, error)
            (answer,) = self._connection.settle(
                [self._receipt], lambda driver, one: driver.ack(one)
            )
            # Sent is sent: what can't be acked will die once more, and isn't lost.
            self._settled = "buried"
            if isinstance(answer, LeaseLost) and not answer.ambiguous:
                self._lost = True
            elif isinstance(answer, PortableError) and not isinstance(answer, LeaseLost):
                _log.warning("a dead letter is still in its queue: %s", answer)
        self._tell("dead", error)

    def fail(
        self, error: BaseException, delay: float = 0.0
    ) -> Literal["retried", "dead", "leases_lost"]:
        """Settle a message whose handler raised *error*, as it says or as the attempts say.

        Args:
            delay: Until the next attempt, unless the error is a `Retry` with its own.

        Returns:
            What became of it; of one whose lease has ended, nothing: others have it.
        """
        if self.lease_lost:
            self._give_up()
            return "leases_lost"
        last = self.attempts >= self._connection.settings.max_attempts
        if self._connection.dead_letters is not None:
            if isinstance(error, DeadLetter):
                self.bury(error.reason, error.__cause__)
                return "dead"
            if last and isinstance(error, Exception | SystemExit):
                self.bury(f"failed {self.attempts} times", error)
                return "dead"
        if isinstance(error, Retry) and error.delay is not None:
            delay = hand_back_delay(self._connection, error.delay)
        self._hand_back(delay, error)
        return "retried"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            if not self._settled:
                self.ack()
            return False
        try:
            if not self._settled:
                self.fail(error)
        except PortableError as failure:
            # Its lease ends by itself; what the block raised matters more.
            _log.warning("a message couldn't be handed back: %s", failure)
        return isinstance(error, DeadLetter | Retry)

    def _read(self) -> Any:
        content = self._content
        if content.problem:
            raise IntegrityError(content.problem)
        data = content.data
        if PAYLOAD in content.own:
            data = payloads.fetched(self._connection, content)
        return decoded(content.kind, data)

    def _give_up(self) -> None:
        with self.lock:
            if self._settled:
                return
            self._settled, self._lost = "handed back", True
        tell(self._observer, QueueEvent(kind="lease_lost", queue=self._connection.settings.name))

    def _hand_back(
        self,
        delay: float,
        error: BaseException | None = None,
        *,
        deadline: Deadline | None = None,
    ) -> None:
        with self.lock:
            if not self._may_become("handed back"):
                return
            if not self._lost:
                (answer,) = self._connection.settle(
                    [self._receipt],
                    lambda driver, one: driver.extend(one, delay),
                    deadline=deadline,
                )
                if isinstance(answer, LeaseLost):
                    self._lost = not answer.ambiguous
                elif isinstance(answer, PortableError):
                    raise answer
            self._settled = "handed back"
        self._tell("retried", error)

    def _tell(self, kind: EventKind, error: BaseException | None = None) -> None:
        if self._observer is not None:
            queue = self._connection.settings.name
            if self._lost:
                tell(self._observer, QueueEvent(kind="lease_lost", queue=queue))
            tell(self._observer, QueueEvent(kind=kind, queue=queue, error=error))
