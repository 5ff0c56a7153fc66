"""`QueueDriver` over PostgreSQL. Times are the server's: no client's clock matters."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from portable import interrupt
from portable.errors import ConfigError, PortableError, QueueNotFound
from portable.queue.driver import Leased, WireMessage
from portable.queue.types import QueueStats
from portable_postgres.connections import Connection, Pool
from portable_postgres.errors import translated
from portable_postgres.settings import PostgresQueueSettings
from portable_postgres.statements import LAYOUT, LAYOUT_LOCK, Statements
from portable_sql.leases import Lease, draw_secret, leases_of, settled
from portable_sql.rows import CAPABILITIES, attributes_text, leased

# Between two looks at the queue: for an interruption while notifications come, and for messages
# where none do.
LISTEN_SECONDS = 1.0
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.5


class PostgresQueue:
    """One of the queues in a database."""

    capabilities = CAPABILITIES

    def __init__(self, settings: PostgresQueueSettings) -> None:
        self._pooler = settings.pooler
        self._pool = Pool(settings)
        self._sql = Statements(settings.schema)
        self._ours: dict[str, Any] = {"queue": settings.name, "bell": self._sql.bell}

    @property
    def native(self) -> Pool:
        """The pool; `native.connection()` lends a psycopg connection."""
        return self._pool

    def create(self) -> None:
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LAYOUT_LOCK,))
            connection.execute(self._sql.tables, prepare=False)  # they are several
            versions = connection.execute(self._sql.layout).fetchall()
            if versions != [(LAYOUT,)]:
                raise ConfigError(
                    f"the tables have layout {versions[0][0]} and this version reads {LAYOUT}: "
                    f"set 'schema' to another, or upgrade 'portable-cloud'"
                )
            connection.execute(self._sql.create, self._ours)

    def delete(self) -> None:
        with self._pool.connection() as connection:
            with suppress(QueueNotFound), translated():  # there may not even be tables
                connection.execute(self._sql.delete, self._ours)

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        with self._pool.connection() as connection:
            if any(message.group or message.dedup_id for message in messages):
                ids = self._send_in_order(connection, messages)
            else:
                ids = self._send_at_once(connection, messages)
        return [str(number) for number in ids]

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        end = time.monotonic() + wait
        pause = FIRST_PAUSE
        listening = False
        with self._pool.connection() as connection:
            while True:
                interrupt.check()
                found = self._lease(connection, limit, lease)
                due = 0.0 if found else self._due_in(connection)
                left = min(end - time.monotonic(), max(due, 0.0))
                if found or end <= time.monotonic():
                    break
                if self._pooler:
                    interrupt.sleep(min(left, pause))
                    pause = min(pause * 2, LONGEST_PAUSE)
                elif not listening:  # from now on nothing is missed; so look once more
                    connection.execute(self._sql.listen)
                    listening = True
                else:
                    self._listen(connection, min(left, LISTEN_SECONDS))
            if listening:
                connection.execute("UNLISTEN *")
                for _ in connection.notifies(timeout=0):
                    pass
        return found

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        leases = leases_of(receipts)
        with self._pool.connection() as connection:
            if any(lease is not None and lease.grouped for lease in leases):
                with connection.transaction():
                    rows = self._held(connection, self._sql.ack, receipts)
                    self._promote(connection, {group for _, _, group in rows if group is not None})
            else:
                rows = self._held(connection, self._sql.ack, receipts)
        return settled(leases, {row[:2] for row in rows})

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        with self._pool.connection() as connection:
            rows = self._held(connection, self._sql.extend, receipts, lease=float(lease))
            if rows and lease <= LISTEN_SECONDS:  # those that wait look that often by themselves
                connection.execute(self._sql.ring, self._ours)
        answers = settled(leases_of(receipts), {row[:2] for row in rows})
        return [error or receipt for error, receipt in zip(answers, receipts, strict=True)]

    def peek(self, limit: int) -> Sequence[Leased]:
        with self._pool.connection() as connection:
            rows = connection.execute(self._sql.peek, self._ours | {"limit": limit}).fetchall()
            if not rows:
                self._due_in(connection)
        return [leased(row, "") for row in rows]

    def stats(self) -> QueueStats:
        with self._pool.connection() as connection:
            row = connection.execute(self._sql.stats, self._ours).fetchone()
        if row is None:
            raise QueueNotFound("there is no such queue")
        visible, hidden, held, age = row
        return QueueStats(visible=visible, leased=held, delayed=hidden - held, oldest_age=age)

    def purge(self) -> None:
        with self._pool.connection() as connection, connection.transaction():
            self._due_in(connection)
            connection.execute(self._sql.lock_queue_alone, self._ours)
            connection.execute(self._sql.purge, self._ours)

    def close(self) -> None:
        self._pool.close()

    def _send_at_once(
        self, connection: Connection, messages: Sequence[WireMessage]
    ) -> Sequence[int]:
        tokens = [_token(message) for message in messages]
        given: dict[str, Any] = {
            "tokens": tokens,
            "delays": [float(message.delay) for message in messages],
            "attributes": [attributes_text(message.attributes) for message in messages],
            "bodies": [message.body for message in messages],
        }
        known: dict[str, int] = dict(connection.execute(self._sql.send, self._ours | given))
        if len(known) <= len(tokens):  # the bell's row is one more; some were sent before
            known |= dict(connection.execute(self._sql.by_token, given))
        return [known[token] for token in tokens]

    def _send_in_order(
        self, connection: Connection, messages: Sequence[WireMessage]
    ) -> Sequence[int]:
        """Send messages of which some have a group or an id for de-duplication."""
        with connection.transaction():
            connection.execute(self._sql.lock_queue, self._ours)
            self._lock_groups(connection, {message.group for message in messages if message.group})
            connection.execute(self._sql.forget)
            ids = [self._send_one(connection, message) for message in messages]
            connection.execute(self._sql.ring, self._ours)
        return ids

    def _send_one(self, connection: Connection, message: WireMessage) -> int:
        key = self._ours | {"dedup_id": message.dedup_id}
        if message.dedup_id and not connection.execute(self._sql.claim, key).fetchone():
            (number,) = connection.execute(self._sql.sent_before, key).fetchone() or (0,)
            return int(number)
        token = _token(message)
        given: dict[str, Any] = {
            "token": token,
            "delay": float(message.delay),
            "group": message.group,
            "attributes": attributes_text(message.attributes),
            "body": message.body,
        }
        rows = connection.execute(self._sql.send_in_group, self._ours | given).fetchall()
        if not rows:  # it was sent before
            rows = connection.execute(self._sql.by_token, {"tokens": [token]}).fetchall()
        number = rows[0][-1]
        if message.dedup_id:
            connection.execute(self._sql.remember, key | {"message": number})
        return int(number)

    def _lease(self, connection: Connection, limit: int, lease: float) -> list[Leased]:
        secret = draw_secret()
        given = self._ours | {"limit": limit, "lease": float(lease), "secret": secret}
        rows = connection.execute(self._sql.lease, given).fetchall()
        rows.sort()  # RETURNING has no order
        return [leased(row, Lease(row[0], secret, row[5] is not None).receipt) for row in rows]

    def _due_in(self, connection: Connection) -> float:
        """Seconds until a message is due; infinity when there is none."""
        row = connection.execute(self._sql.next, self._ours).fetchone()
        if row is None:
            raise QueueNotFound("there is no such queue")
        return math.inf if row[0] is None else float(row[0])

    def _listen(self, connection: Connection, seconds: float) -> None:
        """Return when something was sent to this queue, and after *seconds* anyway."""
        for notice in connection.notifies(timeout=seconds):
            if notice.payload == self._ours["queue"]:
                return

    def _held(
        self, connection: Connection, statement: str, receipts: Sequence[str], **given: float
    ) -> list[tuple[Any, ...]]:
        """Run *statement* on messages whose leases last.

        Returns:
            Message, secret and group of each.
        """
        leases = [lease for lease in leases_of(receipts) if lease is not None]
        ids = {"ids": [lease.message for lease in leases]}
        secrets = {"secrets": [lease.secret for lease in leases]}
        rows = connection.execute(statement, self._ours | ids | secrets | given).fetchall()
        if not rows:
            self._due_in(connection)
        return rows

    def _promote(self, connection: Connection, groups: set[str]) -> None:
        if groups:
            self._lock_groups(connection, groups)
            given = self._ours | {"groups": sorted(groups)}
            if connection.execute(self._sql.promote, given).rowcount:
                connection.execute(self._sql.ring, self._ours)

    def _lock_groups(self, connection: Connection, groups: set[str]) -> None:
        if groups:
            connection.execute(self._sql.lock_groups, self._ours | {"groups": sorted(groups)})


def _token(message: WireMessage) -> str:
    return message.token or uuid4().hex
