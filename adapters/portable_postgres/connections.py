"""A few connections, each used by one call at a time, and none by a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.conninfo import make_conninfo

from portable_postgres.errors import translated
from portable_postgres.settings import PostgresQueueSettings, is_loopback

Connection = psycopg.Connection[tuple[Any, ...]]

# Milliseconds without an answer from the other machine; not how long a statement may take.
SILENCE = 30_000
_pools: WeakSet[Pool] = WeakSet()
_abandoned: list[Connection] = []


class Pool:
    """As many connections as calls were under way at once."""

    def __init__(self, settings: PostgresQueueSettings) -> None:
        self._settings = settings
        self._conninfo = conninfo(settings)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        _pools.add(self)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Borrow one; what psycopg raises in the block comes out as `PortableError`."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            with translated(connecting=True):
                connection = self._connect()
        try:
            with translated():
                yield connection
        except BaseException:
            connection.close()  # it may be in the middle of something
            raise
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    def abandon(self) -> None:
        """In a forked child: forget the parent's connections, without a word to the server."""
        self._lock = threading.Lock()
        _abandoned.extend(self._idle)
        self._idle = []

    def _connect(self) -> Connection:
        return psycopg.connect(
            self._conninfo,
            autocommit=True,
            prepare_threshold=None if self._settings.pooler else 0,
        )


def conninfo(settings: PostgresQueueSettings) -> str:
    """How libpq is to connect; it adds user and password itself."""
    host, port = settings.address
    options: dict[str, str] = {
        "application_name": "portable",
        "connect_timeout": str(max(2, round(settings.connect_timeout))),  # libpq takes no less
        "tcp_user_timeout": str(SILENCE),
        "gssencmode": "disable",
        **_security(settings, host or os.environ.get("PGHOST")),
    }
    given = {"host": host, "port": port, "dbname": settings.database, "service": settings.service}
    options |= {name: value for name, value in given.items() if value is not None}
    return make_conninfo("", **options)


def _security(settings: PostgresQueueSettings, host: str | None) -> dict[str, str]:
    # Said always, so that no PGSSLMODE of the environment makes it less.
    if settings.ca_bundle is not None:
        return {"sslmode": "verify-full", "sslrootcert": settings.ca_bundle}
    if is_loopback(host) or settings.allow_unencrypted or _by_socket(settings, host):
        return {"sslmode": "prefer"}
    return {"sslmode": "verify-full", "sslrootcert": "system"}


def _by_socket(settings: PostgresQueueSettings, host: str | None) -> bool:
    """With no host at all libpq takes the local socket."""
    return host is None and settings.service is None and "PGSERVICE" not in os.environ


def _after_fork() -> None:
    for pool in _pools:
        pool.abandon()


os.register_at_fork(after_in_child=_after_fork)
