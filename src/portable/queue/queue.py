"""`Queue`: what users hold. The same behaviour on every provider (docs/queue.md)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from portable.adapter import QueueSettings
from portable.errors import (
    InvalidArgument,
    InvalidType,
    LeaseLost,
    PortableError,
    QueueNotFound,
)
from portable.queue import dead_letters, handing_out, purging
from portable.queue.arguments import lease_of, several
from portable.queue.connection import Connection, opened
from portable.queue.entries import outgoing
from portable.queue.events import Observer, QueueEvent, tell
from portable.queue.message import Message
from portable.queue.sending import not_all_sent, send_all, send_one
from portable.queue.settling import ack_all
from portable.queue.types import ConsumeReport, QueueStats
from portable.retry import Surroundings
from portable.values import Seconds, check_count, seconds

if TYPE_CHECKING:
    from portable.queue.driver import QueueCapabilities, QueueDriver
    from portable.storage import Bucket


class Queue:
    """Messages, each handed out until somebody acks it, at one provider.

    Delivery is at least once: a message that isn't acked before its lease ends is handed out
    again, so handling one twice must do no harm. Safe to use from many threads, after `fork`, and
    to pickle. Make one with `portable.open_queue`.

    Attributes:
        on_event: Called with a `QueueEvent` for what happens to messages, in whichever thread it
            happens; not pickled along.
    """

    def __init__(
        self,
        connect: Callable[[QueueSettings], QueueDriver],
        settings: QueueSettings,
        *,
        provider: str,
        payloads: Callable[[], Bucket] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Hold a queue; nothing is sent.

        Args:
            connect: Makes the driver from settings, once in each process, and another one for the
                dead letters; picklable where the queue must be.
            settings: The core's are used here; the rest is the driver's.
            provider: The adapter's name, shown in errors.
            payloads: Opens the bucket for bodies that are too large; without one they are refused.
            surroundings: Clock, sleep and chance, for tests.
        """
        self._own = opened(
            connect, settings, provider, surroundings or Surroundings(), payloads=payloads
        )
        self.on_event: Observer | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_own": self._own, "on_event": None}

    @property
    def _connection(self) -> Connection:
        return self._own

    def __repr__(self) -> str:
        return f"Queue({self.url!r})"

    @property
    def name(self) -> str:
        """Its name at the provider."""
        return self._connection.settings.name

    @property
    def url(self) -> str:
        """Where it is."""
        return self._connection.settings.url

    @property
    def provider(self) -> str:
        """The adapter's name."""
        return self._connection.provider

    @property
    def capabilities(self) -> QueueCapabilities:
        """What the server does beyond the common rules, and its limits."""
        return self._connection.capabilities

    @property
    def native(self) -> Any:
        """The SDK's own client, for what `portable` has no word for. Not portable."""
        return self._connection.driver.native

    @property
    def dead_letters(self) -> Queue | None:
        """The queue of messages that failed too often; `None` where this is such a queue."""
        connection = self._connection.dead_letters
        if connection is None:
            return None
        dead = Queue.__new__(Queue)
        dead._own = connection
        dead.on_event = self.on_event
        return dead

    def close(self) -> None:
        """Drop connections; the next call makes new ones."""
        self._connection.close()

    def create(self) -> None:
        """Make the queue and its dead letters; those that are there already are fine.

        Raises:
            ConfigError: there is one that was made differently, in a way that matters; from the
                provider.
        """
        connection = self._connection
        with connection.located("create"):
            connection.call(connection.driver.create)
            if connection.dead_letters is not None:
                connection.dead_letters.call(connection.dead_letters.driver.create)

    def exists(self) -> bool:
        """Is there such a queue? It isn't made, whatever the settings say."""
        connection = self._connection
        with connection.located("exists"):
            try:
                connection.call(connection.driver.stats)
            except QueueNotFound:
                return False
        return True

    def delete(self) -> None:
        """Remove the queue and its messages, not its dead letters; one that is gone is fine.

        Bodies in storage stay: `purge` it first.
        """
        connection = self._connection
        with connection.located("delete"):
            connection.call(connection.driver.delete)

    def send(
        self,
        body: object,
        *,
        delay: Seconds = 0,
        attributes: Mapping[str, str] | None = None,
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> str:
        """Send a message; it is durable when its id is returned.

        Args:
            body: Bytes arrive as bytes; anything else is sent as JSON, a `str` too, and arrives as
                what JSON makes of it: tuples as lists, keys of dictionaries as `str`. One that is
                too large for the provider goes to storage.
            delay: Until it can be received: seconds, or a `timedelta`.
            attributes: At most 64; names of 1 to 128 letters, digits, ``_``, ``-`` and ``.``; any
                text of at most 1 KiB as values; 16 KiB in all.
            group: Messages of one group are handed out in order, one at a time.
            dedup_id: A second message with this id is dropped, for a time that the provider sets.

        Returns:
            The message's id.

        Raises:
            InvalidArgument, InvalidType, Unsupported: nothing was sent.
            QueueNotFound: there is none, and 'create' is off.
            ConfigError: the body is too large, and there is no storage for it.
            PortableError: sending failed; where it is `ambiguous` the message may have arrived.
        """
        connection = self._connection
        try:
            message = outgoing(connection, body, delay, attributes, group, dedup_id)
            id = send_one(connection, message)
        except PortableError as error:  # `located` would cost a tenth of the core's time
            connection.explain(error, "send")
            raise
        if self.on_event is not None:
            tell(self.on_event, QueueEvent(kind="sent", queue=self.name))
        return id

    def send_many(
        self,
        bodies: Iterable[object],
        *,
        delay: Seconds = 0,
        attributes: Mapping[str, str] | None = None,
        group: str | None = None,
    ) -> list[str]:
        """Send a message for each body, in as few requests as it takes; see `send`.

        Args:
            bodies: Bodies, or an `Entry` for one that has a group, a `dedup_id`, a delay or
                attributes of its own: ``send_many([Entry(1, group="a"), Entry(2, group="b")])``.
            delay: Of those that have none of their own.
            attributes: Of those that have none of their own.
            group: Of those that have none of their own.

        Returns:
            Their ids, in order.

        Raises:
            NotAllSent: some weren't; it has the others' ids, and says why for each.
            InvalidArgument, InvalidType, Unsupported: nothing was sent.
        """
        connection = self._connection
        with connection.located("send_many"):
            given = several(bodies, "send_many", "send")
            messages = [outgoing(connection, body, delay, attributes, group) for body in given]
            if not messages:
                return []
            answers = send_all(connection, messages)
            ids = [answer for answer in answers if isinstance(answer, str)]
            if ids and self.on_event is not None:
                tell(self.on_event, QueueEvent(kind="sent", queue=self.name, count=len(ids)))
            if len(ids) < len(answers):
                raise not_all_sent(answers)
        return ids

    def receive(
        self, max_messages: int = 1, *, wait: Seconds = 0, lease: Seconds | None = None
    ) -> list[Message]:
        """Lease messages: nobody else gets them until the lease ends or they are handed back.

        One that was handed out `max_attempts` times and never settled goes to the dead letters
        instead, and one that was sent with a longer delay than the provider has is handed back.

        Args:
            max_messages: At most so many; fewer may come although there are more.
            wait: Seconds for the first to arrive.
            lease: Seconds until others get them; as the settings say unless given.

        Returns:
            Nothing when the time is over.

        Raises:
            Unsupported: *lease* is longer than this provider's longest.
            QueueNotFound: there is none, and 'create' is off.
            InvalidArgument, InvalidType: nothing was sent.
        """
        connection = self._connection
        with connection.located("receive"):
            return handing_out.receive(
                connection,
                check_count(max_messages, "max_messages"),
                wait=seconds(wait, "wait"),
                lease=lease_of(connection, lease),
                observer=self.on_event,
            )

    def ack_many(self, messages: Iterable[Message]) -> list[bool]:
        """Ack messages of this queue in as few requests as it takes; see `Message.ack`.

        Returns:
            For each, in order: True when it is removed, False when its lease had ended.

        Raises:
            InvalidArgument: one is another queue's, or was handed back before.
            InvalidType: one is no message; nothing was acked.
            PortableError: one couldn't be acked; the others are.
        """
        connection = self._connection
        with connection.located("ack_many"):
            given = several(messages, "ack_many", "message.ack")
            for message in given:
                if not isinstance(message, Message):
                    kind = type(message).__name__
                    raise InvalidType(f"ack_many takes messages that were received, not a {kind}")
                theirs = message._connection
                if theirs is not connection and theirs.settings.url != connection.settings.url:
                    raise InvalidArgument(f"message {message.id!r} is of another queue")
            for error in ack_all(connection, list(dict.fromkeys(given))):
                if error is not None and not isinstance(error, LeaseLost):
                    raise error
            return [message._acked for message in given]

    def consume(
        self,
        handler: Callable[[Message], object],
        *,
        concurrency: int = 1,
        max_messages: int | None = None,
        idle_timeout: Seconds | None = None,
        lease: Seconds | None = None,
        drain: Seconds = 30,
        stop: threading.Event | None = None,
        on_event: Observer | None = None,
    ) -> ConsumeReport:
        """Call *handler* with each message, and settle it as the handler ends.

        A message whose handler returns is acked. One whose handler raises is handed back, for
        longer each time (1 s, 2 s, … up to 5 minutes, with jitter), and goes to the dead letters
        after its last attempt; `DeadLetter` and `Retry` say otherwise. Leases are renewed for as
        long as handlers run, and no more messages are taken than there are handlers free.

        In the main thread, SIGTERM and SIGINT end it: no more messages are taken, handlers may
        finish for *drain* seconds, and what isn't finished then is handed back. The second signal
        does what it always does. What goes wrong with a message is in the report and the log of
        ``portable.queue``; what goes wrong with receiving is tried again, later each time, as long
        as that may help.

        Args:
            handler: A function, called in a thread of its own; or an ``async def``, run as a task
                of one event loop in another thread.
            concurrency: How many handlers are at work at once.
            max_messages: End when so many were handed to handlers, and these have ended.
            idle_timeout: End when no message came for so long, and no handler is at work.
            lease: How long each renewal is good for; as the settings say unless given, never
                longer than the provider's longest, and 0.1 s at least.
            drain: How long handlers may go on when it is to stop. The last acks and hand-backs have
                what is left of it, and 1 s at least; what can't be acked by then comes again.
            stop: Set it, in any thread, to stop.
            on_event: As the queue's own `on_event`, which is used unless given.

        Returns:
            What was done. A handler must not take this for exactly once: messages come again
            whenever an ack is late or lost.

        Raises:
            InvalidArgument, InvalidType: nothing was received.
            PortableError: receiving can't succeed: no permission, no such queue. Handlers that
                were at work have ended, or their messages were handed back.
        """
        from portable.queue.consuming.consumer import Consumer
        from portable.queue.consuming.plan import checked_plan

        with self._connection.located("consume"):
            plan = checked_plan(
                self._connection,
                handler,
                concurrency=concurrency,
                max_messages=max_messages,
                idle_timeout=idle_timeout,
                lease=lease,
                drain=drain,
                stop=stop,
                observer=on_event or self.on_event,
            )
            return Consumer(self._connection, plan).run()

    def peek(self, max_messages: int = 1) -> list[Message]:
        """Look at messages without leasing them: they can't be acked.

        Raises:
            Unsupported: this provider can't; a short lease shows them too.
        """
        connection = self._connection
        with connection.located("peek"):
            return handing_out.peek(connection, check_count(max_messages, "max_messages"))

    def stats(self) -> QueueStats:
        """Count the messages; what the provider doesn't tell is `None`, never 0.

        Raises:
            QueueNotFound: is raised when there is none, and 'create' is off.
        """
        connection = self._connection
        with connection.located("stats"):
            return connection.request(lambda driver: driver.stats())

    def purge(self) -> None:
        """Remove every message, leased and delayed ones too; the dead letters stay.

        Where there are bodies in storage, messages are taken one batch after another first, for
        at most the time that a call may take, and their bodies removed. Those of messages that
        are leased or delayed at that time stay.
        """
        connection = self._connection
        with connection.located("purge"):
            purging.purge(connection)

    def redrive(self, limit: int | None = None) -> int:
        """Bring dead letters back, to be handled again; those that die meanwhile stay.

        Args:
            limit: At most so many.

        Returns:
            How many were brought back. They are new messages, with new ids and attempts.

        Raises:
            Unsupported: this queue has the dead letters itself.
        """
        connection = self._connection
        with connection.located("redrive"):
            count = None if limit is None else check_count(limit, "limit")
            return dead_letters.redrive(connection, count)
