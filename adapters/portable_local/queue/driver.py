"""`QueueDriver` over SQLite."""

from __future__ import annotations

import contextlib
import heapq
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
from portable_local.queue.places import BLOCKED, LEAST, last_due, moment_of, place_of
from portable_local.queue.settings import LocalQueueSettings
from portable_sql.leases import lease_lost
from portable_sql.rows import CAPABILITIES, DEDUP_SECONDS, attributes_text, leased

# Sends stop when the disk has less left, so that receive and ack, which write too, still work.
RESERVE_BYTES = 16 * 1024 * 1024
# To look takes as long as a tenth of a send: so many bytes, and seconds, may go by without.
UNSEEN_BYTES = 1024 * 1024
UNSEEN_SECONDS = 0.1
MESSAGE_BYTES = 512  # what a message takes beside its body, amply
# Acks wait so long for a sync that keeps them as well. After a power cut their messages come again.
ACKS_UNSYNCED_SECONDS = 0.1

# Where a message is, then what it is: see `Statements`.
Row = tuple[int, int, int, bytes, str, int, str | None, int]


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
        self._sql = sql.Statements(settings.name)
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
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(self._sql.create)
            connection.execute(self._sql.create_index)
            connection.execute("COMMIT")
            session.committed()

    def delete(self) -> None:
        session = self._connections.session
        with contextlib.suppress(QueueNotFound), session as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(self._sql.purge_large)
            connection.execute(self._sql.delete)
            connection.execute(sql.FORGET_ALL, (self._name,))
            connection.execute("COMMIT")
            session.committed()

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        now = self._clock()
        size, plain = 0, True
        for message in messages:
            length = len(message.body)
            size += length
            if (
                length > BODY_MAX
                or message.delay
                or message.group is not None
                or message.dedup_id is not None
            ):
                plain = False
        self._keep_reserve(size + MESSAGE_BYTES * len(messages), now)
        session = self._connections.session
        with session as connection:
            if not plain:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(sql.FORGET, (now,))
                ids = [self._send_one(session, connection, each, now) for each in messages]
                connection.execute("COMMIT")
            else:
                mark, numbers = session.mark, session.numbers(now, len(messages))
                ids = [message_id(number, mark) for number in numbers]
                rows = [
                    (number, mark, attributes_text(message.attributes), message.body)
                    for number, message in zip(numbers, messages, strict=True)
                ]
                if len(rows) == 1:
                    connection.execute(self._sql.send, rows[0])
                else:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany(self._sql.send, rows)
                    connection.execute("COMMIT")
            session.committed(size)
        self._bell.ring()
        return ids

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        end = time.monotonic() + wait
        while True:
            rung = self._bell.rung
            if self._flowing:  # no look first: it costs as much as it saves
                version, due = 0, LEAST
            else:
                version, due = self._look()
            now = self._clock()
            if due == LEAST or due <= last_due(now):
                found = self._lease(limit, lease)
                self._flowing = bool(found)
                if found:
                    return found
            elif (left := end - time.monotonic()) > 0:
                self._wait(min(left, moment_of(due) - now), rung, version)
            else:
                return []

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        leases = [lease_of(receipt) for receipt in receipts]
        if len(leases) == 1 and leases[0] is not None and leases[0].alone:
            return [self._ack_one(leases[0])]
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            answers = self._settled(connection, leases, self._remove)
            connection.execute("COMMIT")
            session.committed(unsynced=ACKS_UNSYNCED_SECONDS)
        if not all(lease is None or lease.alone for lease in leases):
            self._bell.ring()
        return answers

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        leases = [lease_of(receipt) for receipt in receipts]
        moved: list[int] = []
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            until = place_of(self._clock() + lease)

            def move(connection: sqlite3.Connection, held: Lease) -> bool:
                if lease > 0:
                    found = connection.execute(self._sql.extend, (*held[:2], until)).fetchall()
                else:
                    found = connection.execute(self._sql.hand_back, held[:2]).fetchall()
                moved.extend(place for (place,) in found)
                return bool(found)

            answers = self._settled(connection, leases, move)
            connection.execute("COMMIT")
            session.committed(unsynced=math.inf)
        self._bell.ring()
        places = iter(moved)
        return [
            lost or str(cast("Lease", held)._replace(place=next(places)))
            for held, lost in zip(leases, answers, strict=True)
        ]

    def peek(self, limit: int) -> Sequence[Leased]:
        with self._connections.session as connection:
            rows = self._due(connection, limit, self._clock())
        return [_leased(row, "") for row in rows]

    def stats(self) -> QueueStats:
        now = self._clock()
        with self._connections.session as connection:
            row = connection.execute(self._sql.stats, (last_due(now),)).fetchone()
        visible, held, delayed, oldest = row
        return QueueStats(
            visible=visible,
            leased=held,
            delayed=delayed,
            oldest_age=None if oldest is None else max(0.0, now - oldest / 1e6),
        )

    def purge(self) -> None:
        session = self._connections.session
        with session as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(self._sql.purge_large)
            connection.execute(self._sql.purge)
            connection.execute("COMMIT")
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

    def _send_one(
        self, session: Session, connection: sqlite3.Connection, message: WireMessage, now: float
    ) -> str:
        """Send a message that may have a group, an id for de-duplication, a delay or a long body."""
        key = (self._name, message.dedup_id)
        if message.dedup_id is not None:
            known = connection.execute(sql.SENT_BEFORE, (*key, now)).fetchone()
            if known is not None:
                return str(known[0])
        place = place_of(now + message.delay) if message.delay else None
        last = None
        if message.group is not None:
            (last,) = connection.execute(self._sql.last_of_group, (message.group,)).fetchone()
            if last is not None:
                place = place_of(now + message.delay) + BLOCKED
        if place is not None:
            (place,) = connection.execute(self._sql.free, (place,)).fetchone()
        body: bytes | None = message.body
        large = None
        if len(message.body) > BODY_MAX:
            body, large = None, connection.execute(sql.KEEP_LARGE, (message.body,)).lastrowid
        (number,) = session.numbers(now, 1, after=last or 0)
        text = attributes_text(message.attributes)
        row = (place, number, session.mark, text, body, message.group, large)
        connection.execute(self._sql.send_other, row)
        id = message_id(number, session.mark)
        if message.dedup_id is not None:
            connection.execute(sql.REMEMBER, (*key, id, now + DEDUP_SECONDS))
        return id

    def _look(self) -> tuple[int, int]:
        """The number that changes with the file, and the place of what is due next."""
        self._connections.leave_removed()
        with self._connections.session as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return version, self._next(connection)

    def _next(self, connection: sqlite3.Connection) -> int:
        """The place of what is due next, `LEAST` for what may be received, 0 when there is nothing.

        Raises:
            sqlite3.Error: there is no such queue.
        """
        (place,) = connection.execute(self._sql.next).fetchone()
        return int(place)

    def _due(self, connection: sqlite3.Connection, limit: int, now: float) -> list[Row]:
        """What may be received, the oldest first: by when it was sent, or when it was due again."""
        due = connection.execute(self._sql.due, (last_due(now), limit)).fetchall()
        sent = connection.execute(self._sql.sent, (limit,)).fetchall()
        if not due:
            return sent
        return list(heapq.merge(due, sent, key=_since))[:limit]

    def _lease(self, limit: int, lease: float) -> list[Leased]:
        session = self._connections.session
        with session as connection:
            now = self._clock()
            until, secret = place_of(now + lease), session.draw_secret()
            if limit == 1:
                given = (last_due(now), secret, until)
                rows = connection.execute(self._sql.lease_next, given).fetchall()
            else:
                rows = self._lease_many(connection, limit, now, secret, until)
            if rows:
                session.committed(unsynced=math.inf)
        return [_leased(row, receipt_of(row[0], secret, bool(row[7]))) for row in rows]

    def _lease_many(
        self, connection: sqlite3.Connection, limit: int, now: float, secret: int, until: int
    ) -> list[Row]:
        connection.execute("BEGIN IMMEDIATE")
        found = self._due(connection, limit, now)
        (first,) = connection.execute(self._sql.free, (until,)).fetchone()
        given = ((secret, place, row[0]) for place, row in enumerate(found, first))
        connection.executemany(self._sql.lease, given)
        connection.execute("COMMIT")
        return [
            (place, number, mark, body, attributes, attempts + 1, group, alone)
            for place, (_, number, mark, body, attributes, attempts, group, alone) in enumerate(
                found, first
            )
        ]

    def _settled(
        self,
        connection: sqlite3.Connection,
        leases: Sequence[Lease | None],
        settle: Callable[[sqlite3.Connection, Lease], bool],
    ) -> list[PortableError | None]:
        """Call *settle* with each lease that lasts; False says that it doesn't."""
        now = last_due(self._clock())
        answers: list[PortableError | None] = [
            None
            if lease is not None and lease.place > now and settle(connection, lease)
            else lease_lost()
            for lease in leases
        ]
        if None not in answers:
            self._next(connection)
        return answers

    def _ack_one(self, lease: Lease) -> PortableError | None:
        """Remove a message that is nothing but its row: one statement, a transaction by itself."""
        session = self._connections.session
        with session as connection:
            if (
                lease.place > last_due(self._clock())
                and connection.execute(self._sql.ack, lease[:2]).rowcount
            ):
                session.committed(unsynced=ACKS_UNSYNCED_SECONDS)
                return None
            self._next(connection)
        return lease_lost()

    def _remove(self, connection: sqlite3.Connection, lease: Lease) -> bool:
        """Remove a message with its long body, and let the next of its group take its place."""
        if lease.alone:
            return connection.execute(self._sql.ack, lease[:2]).rowcount > 0
        found = connection.execute(self._sql.ack_whole, lease[:2]).fetchall()
        for group, large in found:
            connection.execute(sql.REMOVE_LARGE, (large,))
            if group is not None:
                connection.execute(self._sql.promote, (group,))
        return bool(found)

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


def message_id(number: int, mark: int) -> str:
    """A message's id; they are in the order of their numbers."""
    return f"{number:014x}-{mark:012x}"


def _leased(row: Row, receipt: str) -> Leased:
    _, number, mark, body, attributes, attempts, group, _ = row
    id = message_id(number, mark)
    return leased((id, body, attributes, attempts, number / 1e6, group), receipt)


def _since(row: Row) -> float:
    """Since when a message may be received."""
    place, number, *_ = row
    return number / 1e6 if place > 0 else moment_of(place)
