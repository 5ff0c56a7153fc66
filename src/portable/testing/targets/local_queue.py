"""Queues of the local provider, and their file as other programs see it."""

from __future__ import annotations

import json
import secrets
import sqlite3
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from portable.queue import Queue
from portable.retry import Surroundings
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.targets.memory import open_memory_bucket
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.settings import LocalQueueSettings
from portable_memory.clock import Clock

_MEMORY = Path("/dev/shm")


class _Frozen(SQLiteQueue):
    """By a clock that stands still the core has to wait: the driver would do so by the real one."""

    capabilities = replace(SQLiteQueue.capabilities, wait_max=0.0)


class LocalQueueOracle(QueueOracle):
    """The rows of one queue, through SQLite."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._table = f'"queue {name}"'

    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        row = (time.time_ns() // 1000, secrets.randbits(48), json.dumps(dict(attributes)), body)
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute(
                f"INSERT INTO {self._table}(key, id, mark, attributes, body) "
                f"VALUES (max(0, (SELECT max(key) FROM {self._table})) + 1, ?, ?, ?, ?)",
                row,
            )

    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            row = connection.execute(
                f"SELECT key, ifnull(message.body, large.body), attributes "
                f"FROM {self._table} AS message LEFT JOIN large ON large.id = message.large "
                f"WHERE key > 0 ORDER BY key LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            connection.execute(f"DELETE FROM {self._table} WHERE key = ?", row[:1])
            return row[1], json.loads(row[2])


def open_local_queue(
    path: Path,
    name: str,
    *,
    clock: Clock | None = None,
    payloads: str | None = None,
    **settings: Any,
) -> Queue:
    """A queue in a file, with its large bodies in memory."""
    make: Any = SQLiteQueue if clock is None else partial(_Frozen, clock=clock.now)
    return Queue(
        make,
        LocalQueueSettings(path=str(path), name=name, durable=False, **settings),
        provider="local",
        payloads=partial(open_memory_bucket, payloads or name),
        surroundings=Surroundings()
        if clock is None
        else Surroundings(clock=clock.now, sleep=clock.sleep, now=clock.now),
    )


def local_queue_harness(folder: Path) -> QueueHarness:
    """A queue in a file of its own."""
    name = f"q{uuid.uuid4().hex[:16]}"
    path = folder / "queues.db"
    return QueueHarness(
        open_queue=partial(open_local_queue, path, name),
        oracle=LocalQueueOracle(path, name),
        payloads=open_memory_bucket(name),
        lease=0.4,
    )


def open_frozen_local_queue() -> tuple[Queue, Callable[[float], None]]:
    """A queue whose clock stands still, and how to move it: for `queue_state_machine`."""
    clock = Clock(frozen=True)
    memory = _MEMORY if _MEMORY.is_dir() else None  # a disk would only make it slower
    folder = tempfile.TemporaryDirectory(prefix="portable-queue-", dir=memory)
    path = Path(folder.name) / "queues.db"
    queue = open_local_queue(path, "modelled", clock=clock, max_attempts=1_000_000)
    weakref.finalize(queue, folder.cleanup)
    return queue, clock.advance
