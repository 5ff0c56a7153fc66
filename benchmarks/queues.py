"""Queues in SQLite: portable, persist-queue, litequeue and huey's storage, at one durability.

All four write to a file with a write-ahead log on the same disk. persist-queue, litequeue and
huey know no batches: there they take and give one message at a time. huey removes a message as it
hands it out; the others have it acknowledged. Only portable's leases end by themselves.

At FULL all four sync each send. portable syncs acks ten times a second, or with the next send; the
others sync each of their transactions: litequeue and persist-queue two for a receive and an ack.

"bare" is no queue but the least that a lease and an ack take in SQLite: two statements, each a
transaction, on a table in the order of its key, as portable's is. Sends are durable there, as with
portable.

Files are open before the clock starts, also those of four processes.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from benchmarks.timing import Row, as_table, measure

BODY = b"x" * 200
PEERS = ("persist-queue", "litequeue", "huey")
PROCESSES = 4
BACKLOGS = (1_000, 1_000_000)
AMOUNTS = {"FULL": 400, "NORMAL": 1_600}  # messages in a round, one by one


class Peer(Protocol):
    """A queue, opened in this process."""

    def send(self, count: int) -> None:
        """Send so many at once."""

    def take(self, count: int) -> None:
        """Receive so many at once, and acknowledge them."""


class Portable:
    """As it comes, through the public API."""

    def __init__(self, path: str, synchronous: str) -> None:
        import portable

        durable = str(synchronous == "FULL").lower()
        self._queue = portable.open_queue(f"sqlite://{path}?name=bench&durable={durable}")
        self._queue.create()  # opens the file, as the others do at once

    def send(self, count: int) -> None:
        if count == 1:
            self._queue.send(BODY)
        else:
            self._queue.send_many([BODY] * count)

    def stats(self) -> None:
        self._queue.stats()

    def take(self, count: int) -> None:
        left = count
        while left:
            messages = self._queue.receive(left, wait=1)
            if len(messages) == 1:
                messages[0].ack()
            else:
                self._queue.ack_many(messages)
            left -= len(messages)


class PersistQueue:
    """`SQLiteAckQueue`, with bytes as they are."""

    def __init__(self, path: str, synchronous: str) -> None:
        from persistqueue import SQLiteAckQueue

        self._queue = SQLiteAckQueue(
            f"{path}.persist", multithreading=True, auto_resume=False, serializer=_Bytes
        )
        for connection in (self._queue._putter, self._queue._getter):
            connection.execute(f"PRAGMA synchronous = {synchronous}")

    def send(self, count: int) -> None:
        for _ in range(count):
            self._queue.put(BODY)

    def take(self, count: int) -> None:
        for _ in range(count):
            self._queue.ack(self._queue.get(timeout=10))


class LiteQueue:
    """Text bodies: it has no others."""

    def __init__(self, path: str, synchronous: str) -> None:
        from litequeue import LiteQueue as Theirs

        self._queue = Theirs(f"{path}.lite")
        self._queue.conn.execute(f"PRAGMA synchronous = {synchronous}")
        self._queue.conn.execute("PRAGMA busy_timeout = 30000")
        self._body = BODY.decode()

    def send(self, count: int) -> None:
        for _ in range(count):
            self._queue.put(self._body)

    def take(self, count: int) -> None:
        while count:
            message = self._queue.pop()
            if message is not None:
                self._queue.done(message.message_id)
                count -= 1


class Huey:
    """The storage alone, without tasks."""

    def __init__(self, path: str, synchronous: str) -> None:
        from huey.storage import SqliteStorage

        self._storage = SqliteStorage(filename=f"{path}.huey", timeout=30)
        self._storage.conn.execute(f"PRAGMA synchronous = {synchronous}")

    def send(self, count: int) -> None:
        for _ in range(count):
            self._storage.enqueue(BODY)

    def take(self, count: int) -> None:
        while count:
            count -= self._storage.dequeue() is not None


class Bare:
    """A lease and an ack in nothing but SQLite: see above."""

    def __init__(self, path: str, synchronous: str) -> None:
        self._db = sqlite3.connect(f"{path}.bare", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS message(key INTEGER PRIMARY KEY, lease INTEGER, body BLOB)"
        )
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._log = os.open(f"{path}.bare-wal", os.O_RDONLY)
        self._durable = synchronous == "FULL"

    def send(self, count: int) -> None:
        for _ in range(count):
            self._db.execute("INSERT INTO message(body) VALUES (?)", (BODY,))
            if self._durable:
                os.fdatasync(self._log)

    def take(self, count: int) -> None:
        for _ in range(count):
            until = -time.time_ns()  # of nobody else, and before what can be received
            self._db.execute(
                "UPDATE message SET key = ?1, lease = 1 WHERE key = "
                "(SELECT min(key) FROM message WHERE key > 0) RETURNING body",
                (until,),
            ).fetchall()
            self._db.execute("DELETE FROM message WHERE key = ? AND lease = 1", (until,))


class _Bytes:
    """A serializer that does nothing, where others would pickle."""

    @staticmethod
    def dumps(value: bytes) -> bytes:
        return value

    @staticmethod
    def loads(value: bytes) -> bytes:
        return value


ALL: dict[str, Callable[[str, str], Peer]] = {
    "portable": Portable,
    "persist-queue": PersistQueue,
    "litequeue": LiteQueue,
    "huey": Huey,
}


def run(rounds: int) -> str:
    """Markdown tables."""
    said = f"SQLite {sqlite3.sqlite_version}, messages of {len(BODY)} bytes"
    tables = []
    for synchronous, title in (("FULL", "durable"), ("NORMAL", "not durable")):
        alone = _alone(synchronous, rounds)
        rows = [*alone, *_together(synchronous, rounds)]
        heading = f"Queues in a file, {title} (synchronous = {synchronous}): {said}"
        tables += [as_table(heading, rows, "portable", PEERS), _processor(synchronous, alone)]
    return "\n".join([*tables, _backlog(rounds)])


def _alone(synchronous: str, rounds: int) -> list[Row]:
    """One process; what is sent is taken again in the next row's rounds."""
    rows = []
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        path = str(Path(folder).resolve() / "queues.db")
        peers = {name: make(path, synchronous) for name, make in (ALL | {"bare": Bare}).items()}
        for batch in (1, 10, 100):
            if batch > 1:
                peers.pop("bare", None)
            amount = AMOUNTS[synchronous] * (1 if batch == 1 else 2)
            for verb, name in (("send", "send"), ("take", "receive + ack")):
                work = {
                    peer: partial(_repeat, getattr(queue, verb), batch, amount)
                    for peer, queue in peers.items()
                }
                rows.append(measure(f"{name}, by {batch}", "messages/s", amount, work, rounds))
    return rows


def _processor(synchronous: str, rows: list[Row]) -> str:
    """What a message costs, which a machine that others use as well changes less than the rates."""
    peers = [*ALL, "bare"]
    lines = [
        f"### Processor time of one message, µs, synchronous = {synchronous}",
        "",
        f"| work | {' | '.join(peers)} |",
        f"|---|{'---:|' * len(peers)}",
    ]
    for row in rows:
        times = [
            f"{row.microseconds(row.client, peer):.1f}" if peer in row.client else "–"
            for peer in peers
        ]
        lines.append(f"| {row.name} | {' | '.join(times)} |")
    return "\n".join(lines) + "\n"


def _repeat(call: Callable[[int], None], batch: int, amount: int) -> None:
    for _ in range(amount // batch):
        call(batch)


def _together(synchronous: str, rounds: int) -> list[Row]:
    """Four processes at one file."""
    rows = []
    for batch in (1, 10):
        amount = AMOUNTS[synchronous] * (1 if batch == 1 else 2)
        each = amount // PROCESSES // batch * batch
        seconds: dict[str, dict[str, list[float]]] = {"send": {}, "take": {}}
        with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
            path = str(Path(folder).resolve() / "queues.db")
            for peer in list(ALL) * rounds:
                for verb, taken in seconds.items():
                    lasted = _race(peer, path, synchronous, verb, batch, each)
                    taken.setdefault(peer, []).append(lasted)
        for verb, name in (("send", "send"), ("take", "receive + ack")):
            title = f"{name}, by {batch}, {PROCESSES} processes"
            rows.append(Row(title, "messages/s", each * PROCESSES, seconds[verb], {}))
            print("  " + title, {p: round(rows[-1].rate(p)) for p in ALL}, file=sys.stderr)
    return rows


def _race(peer: str, path: str, synchronous: str, verb: str, batch: int, each: int) -> float:
    """The time from the start to the end of the last process."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES + 1)
    ALL[peer](path, synchronous).take(0)  # the file is there before anybody hurries
    arguments = (peer, path, synchronous, verb, batch, each, barrier)
    processes = [context.Process(target=_runner, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    barrier.wait()
    begin = time.perf_counter()
    barrier.wait()
    taken = time.perf_counter() - begin
    for process in processes:
        process.join()
    return taken


def _runner(
    peer: str, path: str, synchronous: str, verb: str, batch: int, each: int, barrier: Any
) -> None:
    queue = ALL[peer](path, synchronous)
    barrier.wait()
    _repeat(getattr(queue, verb), batch, each)
    barrier.wait()


def _backlog(rounds: int) -> str:
    """What a receive costs, with few and with many messages in the queue."""
    calls = 300
    lines = [
        "### What a backlog costs portable's queue: receive + ack, one by one, not durable",
        "",
        "| messages waiting | messages/s | µs of processor time | `stats()`, ms |",
        "|---|---:|---:|---:|",
    ]
    for backlog in BACKLOGS:
        with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
            queue = Portable(str(Path(folder).resolve() / "queues.db"), "NORMAL")
            for _ in range(backlog // 1_000):
                queue.send(1_000)
            work = {"portable": partial(_repeat, queue.take, 1, calls)}
            again = partial(queue.send, calls)
            row = measure(f"backlog {backlog}", "messages/s", calls, work, rounds, tidy=again)
            rate, taken = row.rate("portable"), row.microseconds(row.client, "portable")
            counted = measure("stats", "calls/s", 1, {"portable": queue.stats}, rounds)
            stats = 1e3 / counted.rate("portable")
            lines.append(f"| {backlog:,} | {rate:,.0f} | {taken:.1f} | {stats:,.1f} |")
    return "\n".join(lines) + "\n"


def idle() -> str:
    """What waiting for a message costs, and how late another process's message is."""
    import portable

    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        url = f"sqlite://{Path(folder).resolve()}/queues.db?name=bench"
        queue = portable.open_queue(url)
        queue.create()
        before = time.process_time()
        queue.receive(wait=10)
        busy = (time.process_time() - before) / 10
        context = multiprocessing.get_context("spawn")
        sender = context.Process(target=_send_slowly, args=(url,))
        sender.start()
        late = []
        while len(late) < 40:
            for message in queue.receive(wait=20):
                late.append(time.time() - message.body)
                message.ack()
        sender.join()
    late.sort()
    return (
        f"Waiting takes {busy:.2%} of a processor; a message of another process, sent after "
        f"some 0.3 s of quiet, is there after {late[20] * 1e3:.1f} ms (median; "
        f"{late[-1] * 1e3:.1f} ms at most of {len(late)}).\n"
    )


def _send_slowly(url: str) -> None:
    import random

    import portable

    queue = portable.open_queue(url)
    for _ in range(40):
        time.sleep(random.uniform(0.2, 0.4))
        queue.send(time.time())
