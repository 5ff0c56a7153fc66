"""`QueueDriver` over SQLite."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from portable import interrupt
from portable.errors import NoSpace, PortableError, QueueNotFound
from portable.queue.driver import Leased, WireMessage
from portable.queue.types import QueueStats
from portable_local.queue import statements as sql
from portable_local.queue.bell import FIRST_PAUSE, LONGEST_PAUSE, bell_of
from portable_local.queue.connections import BUSY_SECONDS, Connections, Session
from portable_local.queue.file import BODY_MAX
from portable_local.queue.leases import Lease, lease_of, receipt_of
from portable_local.queue.settings import LocalQueueSettings
from portable_sql.leases import draw_secret, lease_lost
from portable_sql.rows import CAPABILITIES, DEDUP_SECONDS, Row, attributes_text, leased

# Sends stop when the disk has less left, so that receive and ack, which write too, still work.
RESERVE_BYTES = 16 * 1024 * 1024
# To look takes as long as a tenth of a send: so many bytes, and seconds, may go by without.
UNSEEN_BYTES = 1024 * 1024
UNSEEN_SECONDS = 0.1
MESSAGE_BYTES = 512  # what a message takes beside its body, amply
# Acks wait so long for a sync that keeps them as well. After a power cut their messages come again.
ACKS_UNSYNCED_SECONDS = 0.1
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
        size, plain = 0, True
        for message in messages:
            length = len(message.body)
            size += length
            if length > BODY_MAX or message.group is not None or message.dedup_id is not None:
                plain = False
        self._keep_reserve(size + MESSAGE_BYTES * len(messages), now)
        session = self._connections.session
        with session as connection:
            if plain and len(messages) == 1:
                ids = session.ids(now, 1)
                connection.execute(sql.SEND, self._row(ids[0], messages[0], now))
            elif plain:
                ids = session.ids(now, len(messages))
                rows = [self._row(*each, now) for each in zip(ids, messages, strict=True)]
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(sql.SEND, rows)
                connection.execute("COMMIT")
            else:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(sql.FORGET, (now,))
                ids = [self._send_one(session, connection, each, now) for each in messages]
                connection.execute("COMMIT")
            session.committed(size)
        self._bell.ring()
        return ids

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
        leases = [lease_of(receipt) for receipt in receipts]
        if len(leases) == 1 and leases[0] is not None and not leases[0].grouped:
            return [self._ack_one(leases[0])]
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            answers = self._settled(connection, leases, self._remove)
            connection.execute("COMMIT")
            session.committed(unsynced=ACKS_UNSYNCED_SECONDS)
        if any(lease.grouped for lease in leases if lease is not None):
            self._bell.ring()
        return answers

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        leases = [lease_of(receipt) for receipt in receipts]
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            until = self._clock() + lease

            def move(connection: sqlite3.Connection, held: Lease) -> bool:
                given = (*self._place(held), until, lease > 0)
                return connection.execute(sql.EXTEND, given).rowcount > 0

            answers = self._settled(connection, leases, move)
            connection.execute("COMMIT")
            session.committed(unsynced=math.inf)
        self._bell.ring()
        return [
            lost or str(cast("Lease", held)._replace(until=until))
            for held, lost in zip(leases, answers, strict=True)
        ]

    def peek(self, limit: int) -> Sequence[Leased]:
        with self._connections.session as connection:
            rows = connection.execute(sql.DUE, (self._name, self._clock(), limit)).fetchall()
            if not rows:
                self._must_exist(connection)
        return [leased(row, "") for _, *row in rows]

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
        until = self._clock()
        removed = PURGED_AT_ONCE
        while removed == PURGED_AT_ONCE:  # in pieces, so that nobody waits for long
            with session as connection:
                connection.execute("BEGIN IMMEDIATE")
                old = connection.execute(sql.OLD, (self._name, until, PURGED_AT_ONCE)).fetchall()
                connection.executemany(sql.REMOVE, ((self._name, *each) for each in old))
                connection.execute("COMMIT")
                removed = len(old)
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
        self._connections.leave_removed()
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return  # nor can the file be opened, which says more
        if disk.f_bavail * disk.f_frsize < RESERVE_BYTES:
            raise NoSpace(
                f"the disk has less than {RESERVE_BYTES >> 20} MiB left, which are kept so that "
                f"messages can still be received and acknowledged; what was sent is unharmed"
            )
        self._unseen, self._seen_at = size, now

    def _row(self, id: str, message: WireMessage, now: float) -> tuple[object, ...]:
        attributes = attributes_text(message.attributes)
        body = message.body if len(message.body) <= BODY_MAX else None
        return (self._name, now + message.delay, id, now, message.group, attributes, body)

    def _send_one(
        self, session: Session, connection: sqlite3.Connection, message: WireMessage, now: float
    ) -> str:
        """Send a message that may have a group, an id for de-duplication, or a long body."""
        key = (self._name, message.dedup_id)
        if message.dedup_id is not None:
            known = connection.execute(sql.SENT_BEFORE, (*key, now)).fetchone()
            if known is not None:
                return str(known[0])
        last = None
        if message.group is not None:
            of_group = (self._name, message.group)
            (last,) = connection.execute(sql.LAST_OF_GROUP, of_group).fetchone()
        (id,) = session.ids(now, 1, after=last)
        if len(message.body) > BODY_MAX:
            connection.execute(sql.SEND_LARGE, (id, message.body))
        connection.execute(sql.SEND_IN_GROUP, self._row(id, message, now))
        if message.dedup_id is not None:
            connection.execute(sql.REMEMBER, (*key, id, now + DEDUP_SECONDS))
        return id

    def _look(self) -> tuple[int, float]:
        """The number that changes with the file, and when a message is or was due."""
        self._connections.leave_removed()
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
            until = now + lease
            if limit == 1:
                given = (self._name, now, secret, until)
                rows = connection.execute(sql.LEASE_NEXT, given).fetchall()
            else:
                rows = self._lease_many(connection, limit, now, secret, until)
            if rows:
                session.committed(unsynced=math.inf)
        return [
            leased(row, receipt_of(row[0], until, secret, grouped=row[5] is not None))
            for row in rows
        ]

    def _lease_many(
        self, connection: sqlite3.Connection, limit: int, now: float, secret: int, until: float
    ) -> list[Row]:
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute(sql.DUE, (self._name, now, limit)).fetchall()
        given = ((self._name, None, secret, until, due, id) for due, id, *_ in found)
        connection.executemany(sql.LEASE, given)
        connection.execute("COMMIT")
        return [
            (id, body, attributes, attempts + 1, sent_at, group)
            for _, id, body, attributes, attempts, sent_at, group in found
        ]

    def _settled(
        self,
        connection: sqlite3.Connection,
        leases: Sequence[Lease | None],
        settle: Callable[[sqlite3.Connection, Lease], bool],
    ) -> list[PortableError | None]:
        """Call *settle* with each lease that lasts; False says that it doesn't."""
        now = self._clock()
        answers: list[PortableError | None] = [
            None
            if lease is not None and lease.until > now and settle(connection, lease)
            else lease_lost()
            for lease in leases
        ]
        if None not in answers:
            self._must_exist(connection)
        return answers

    def _ack_one(self, lease: Lease) -> PortableError | None:
        """Remove a message that no other waits for: one statement, a transaction by itself."""
        session = self._connections.session
        with session as connection:
            if (
                lease.until > self._clock()
                and connection.execute(sql.ACK, self._place(lease)).rowcount
            ):
                session.committed(unsynced=ACKS_UNSYNCED_SECONDS)
                return None
            self._must_exist(connection)
        return lease_lost()

    def _place(self, lease: Lease) -> tuple[object, ...]:
        return (self._name, lease.until, lease.message, lease.secret)

    def _remove(self, connection: sqlite3.Connection, lease: Lease) -> bool:
        """Remove a message, and let the next of its group take its place."""
        if not lease.grouped:
            return connection.execute(sql.ACK, self._place(lease)).rowcount > 0
        groups = connection.execute(sql.ACK_IN_GROUP, self._place(lease)).fetchall()
        for (group,) in groups:
            connection.execute(sql.PROMOTE, (self._name, group))
        return bool(groups)

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
