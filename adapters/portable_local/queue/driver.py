"""`QueueDriver` over SQLite."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from portable import interrupt
from portable.errors import NoSpace, PortableError, QueueNotFound
from portable.queue.driver import Leased, WireMessage
from portable.queue.types import QueueStats
from portable_local.queue import statements as sql
from portable_local.queue.bell import FIRST_PAUSE, LONGEST_PAUSE, bell_of
from portable_local.queue.connections import BUSY_SECONDS, Connections
from portable_local.queue.settings import LocalQueueSettings
from portable_sql.leases import Lease, draw_secret, lease_lost, leases_of, settled
from portable_sql.rows import CAPABILITIES, DEDUP_SECONDS, attributes_text, leased

# Sends stop when the disk has less left, so that receive and ack, which write too, still work.
RESERVE_BYTES = 16 * 1024 * 1024
# To look takes as long as a tenth of a send: so many bytes, and seconds, may go by without.
UNSEEN_BYTES = 1024 * 1024
UNSEEN_SECONDS = 0.1
MESSAGE_BYTES = 512  # what a message takes beside its body, amply
PURGED_AT_ONCE = 10_000


class SQLiteQueue:
    """One of the queues in a file.

    Args:
        clock: Seconds since the epoch. All processes that share a file must agree on it.
    """

    capabilities = CAPABILITIES

    def __init__(
        self, settings: LocalQueueSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        path = Path(settings.path).expanduser().absolute()
        self._name = settings.name
        self._folder = str(path.parent)
        self._clock = clock
        self._connections = Connections(
            path, durable=settings.durable, busy=min(BUSY_SECONDS, settings.deadline)
        )
        self._bell = bell_of(path)
        self._unseen = UNSEEN_BYTES  # what was sent since the last look at the disk
        self._seen_at = -math.inf
        self._flowing = False  # the last receive found something, and so may the next

    @property
    def native(self) -> Connections:
        """Whose `session` lends this thread's `sqlite3.Connection`, as a context."""
        return self._connections

    def create(self) -> None:
        self._connections.make()
        session = self._connections.session
        with session as connection:
            connection.execute("INSERT OR IGNORE INTO queue(name) VALUES (?)", (self._name,))
            session.committed()

    def delete(self) -> None:
        with contextlib.suppress(QueueNotFound):
            self.purge()
            session = self._connections.session
            with session as connection:
                connection.execute("DELETE FROM queue WHERE name = ?", (self._name,))
                session.committed()

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        now = self._clock()
        size = careful = 0
        for message in messages:
            size += len(message.body)
            careful = careful or message.group is not None or message.dedup_id is not None
        self._keep_reserve(size + MESSAGE_BYTES * len(messages), now)
        session = self._connections.session
        with session as connection:
            if careful:
                ids: Iterable[int] = self._send_in_order(connection, messages, now)
            elif len(messages) == 1:
                ids = (_insert(connection, sql.SEND, self._row(messages[0], now)),)
            else:
                ids = _send_at_once(connection, [self._row(message, now) for message in messages])
            session.committed(size)
        self._bell.ring()
        return [str(number) for number in ids]

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        end = time.monotonic() + wait
        while True:
            rung = self._bell.rung
            if self._flowing:  # no look first: it costs as much as it saves
                version, due = 0, 0.0
            else:
                version, due = self._look()
            if due <= self._clock():
                found = self._lease(limit, lease)
                self._flowing = bool(found)
                if found:
                    return found
            elif (left := end - time.monotonic()) > 0:
                self._wait(min(left, due - self._clock()), rung, version)
            else:
                return []

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        leases = leases_of(receipts)
        if len(leases) == 1 and leases[0] is not None and not leases[0].grouped:
            return [self._ack_one(leases[0])]
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            rows = self._held(connection, sql.ACK, (), leases)
            groups = {group for _, _, group in rows if group is not None}
            for group in groups:
                connection.execute(sql.PROMOTE, (self._name, group))
            connection.execute("COMMIT")
            session.committed()
        if groups:
            self._bell.ring()
        return settled(leases, {row[:2] for row in rows})

    def _ack_one(self, lease: Lease) -> PortableError | None:
        """Ack what no other message waits for: one statement, a transaction by itself."""
        session = self._connections.session
        with session as connection:
            given = (lease.message, lease.secret, self._name, self._clock())
            if connection.execute(sql.ACK_ONE, given).rowcount:
                session.committed()
                return None
            self._must_exist(connection)
        return lease_lost()

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        leases = leases_of(receipts)
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            until = self._clock() + lease
            rows = self._held(connection, sql.EXTEND, (until, lease > 0), leases)
            connection.execute("COMMIT")
            session.committed(kept=False)
        self._bell.ring()
        answers = settled(leases, {row[:2] for row in rows})
        return [error or receipt for error, receipt in zip(answers, receipts, strict=True)]

    def peek(self, limit: int) -> Sequence[Leased]:
        with self._connections.session as connection:
            rows = connection.execute(sql.PEEK, (self._name, self._clock(), limit)).fetchall()
            if not rows:
                self._must_exist(connection)
        return [leased(row, None) for row in rows]

    def stats(self) -> QueueStats:
        now = self._clock()
        with self._connections.session as connection:
            row = connection.execute(sql.STATS, (self._name, now)).fetchone()
        if row is None:
            raise QueueNotFound("there is no such queue")
        visible, hidden, held, oldest = row
        return QueueStats(
            visible=visible,
            leased=held,
            delayed=hidden - held,
            oldest_age=None if oldest is None else max(0.0, now - oldest),
        )

    def purge(self) -> None:
        session = self._connections.session
        with session as connection:
            self._must_exist(connection)
            (last,) = connection.execute("SELECT max(id) FROM message").fetchone()
        removed = PURGED_AT_ONCE
        while removed == PURGED_AT_ONCE:  # in pieces, so that nobody waits for long
            with session as connection:
                piece = (self._name, last, PURGED_AT_ONCE)
                removed = connection.execute(sql.PURGE, piece).rowcount
                session.committed(removed * 100)
        with session as connection:  # what was sent meanwhile may wait for what was removed
            connection.execute(sql.PROMOTE_ALL, (self._name,))
            session.committed()

    def close(self) -> None:
        self._connections.close()

    def _keep_reserve(self, size: int, now: float) -> None:
        """See that there is room for a send of *size* bytes; now and then that is looked at."""
        self._unseen += size
        if self._unseen < UNSEEN_BYTES and 0 <= now - self._seen_at < UNSEEN_SECONDS:
            return
        try:
            disk = os.statvfs(self._folder)
        except FileNotFoundError:
            return  # nor is there a queue, which is to be the error
        if disk.f_bavail * disk.f_frsize < RESERVE_BYTES:
            raise NoSpace(
                f"the disk has less than {RESERVE_BYTES >> 20} MiB left, which are kept so that "
                f"messages can still be received and acknowledged; what was sent is unharmed"
            )
        self._unseen, self._seen_at = size, now

    def _row(self, message: WireMessage, now: float) -> tuple[object, ...]:
        attributes = attributes_text(message.attributes)
        due = now + message.delay
        number = int(now * 1_000_000)
        return (number, self._name, due, now, message.group, attributes, message.body)

    def _send_in_order(
        self, connection: sqlite3.Connection, messages: Iterable[WireMessage], now: float
    ) -> list[int]:
        """Send messages of which some have a group or an id for de-duplication."""
        ids = []
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(sql.FORGET, (now,))
        for message in messages:
            known = None
            if message.dedup_id:
                key = (self._name, message.dedup_id)
                known = connection.execute(sql.SENT_BEFORE, (*key, now)).fetchone()
            if known is None:
                number = _insert(connection, sql.SEND_IN_GROUP, self._row(message, now))
                if message.dedup_id:
                    connection.execute(sql.REMEMBER, (*key, number, now + DEDUP_SECONDS))
            else:
                (number,) = known
            ids.append(number)
        connection.execute("COMMIT")
        return ids

    def _look(self) -> tuple[int, float]:
        """The number that changes with the file, and when a message is or was due."""
        with self._connections.session as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return version, self._must_exist(connection)

    def _must_exist(self, connection: sqlite3.Connection) -> float:
        """When a message is due; infinity when there is none."""
        found = connection.execute(sql.NEXT, (self._name,)).fetchone()
        if found is None:
            raise QueueNotFound("there is no such queue")
        return math.inf if found[0] is None else float(found[0])

    def _lease(self, limit: int, lease: float) -> list[Leased]:
        secret = draw_secret()
        session = self._connections.session
        with session as connection:
            now = self._clock()
            given = (secret, now + lease, self._name, now)
            if limit == 1:
                rows = connection.execute(sql.LEASE_ONE, given).fetchall()
            else:
                rows = connection.execute(sql.LEASE, (*given, limit)).fetchall()
                rows.sort()  # RETURNING has no order
            if rows:
                session.committed(kept=False)
        return [leased(row, secret) for row in rows]

    def _held(
        self,
        connection: sqlite3.Connection,
        statement: str,
        values: tuple[object, ...],
        leases: Iterable[Lease | None],
    ) -> list[tuple[int, int, str | None]]:
        """Run *statement* on messages whose leases last.

        Returns:
            Message, secret and group of each.
        """
        now = self._clock()
        secrets: dict[int, list[int]] = {}
        for lease in leases:
            if lease is not None:
                secrets.setdefault(lease.secret, []).append(lease.message)
        rows: list[tuple[int, int, str | None]] = []
        for secret, ids in secrets.items():
            marks = ",".join("?" * len(ids))
            given = (*values, *ids, secret, self._name, now)
            found = connection.execute(statement.format(marks), given)
            rows += [(number, secret, group) for number, group in found]
        if not rows:
            self._must_exist(connection)
        return rows

    def _wait(self, seconds: float, rung: int, version: int) -> None:
        """Return when something was sent or given back, and after *seconds* anyway."""
        end = time.monotonic() + seconds
        pause = FIRST_PAUSE
        while (left := end - time.monotonic()) > 0:
            interrupt.check()
            if self._bell.wait(rung, min(pause, left)):
                return
            with self._connections.session as connection:
                (now,) = connection.execute("PRAGMA data_version").fetchone()
            if now != version:
                return
            pause = min(pause * 1.5, LONGEST_PAUSE)


def _send_at_once(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> Iterable[int]:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(sql.SEND, rows)
    (last,) = connection.execute("SELECT last_insert_rowid()").fetchone()
    connection.execute("COMMIT")
    # One writer at a time, and of one time: each is one more than the one before.
    return range(last - len(rows) + 1, last + 1)


def _insert(connection: sqlite3.Connection, statement: str, row: tuple[object, ...]) -> int:
    return connection.execute(statement, row).lastrowid or 0
