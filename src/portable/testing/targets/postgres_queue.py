"""Queues of the postgres provider, and their tables as other programs see them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import psycopg

from portable.queue import Queue
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.servers import PostgresServer
from portable.testing.targets.memory import open_memory_bucket
from portable_postgres.queue import PostgresQueue
from portable_postgres.settings import PostgresQueueSettings


class PostgresQueueOracle(QueueOracle):
    """The rows of one queue, through psycopg."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server = server
        self._name = name

    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        self._run(
            "INSERT INTO portable.message(queue, visible_at, sent_at, token, attributes, body) "
            "VALUES (%s, now(), now(), %s, %s, %s)",
            (self._name, uuid.uuid4().hex, json.dumps(dict(attributes)), body),
        )

    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        found = self._run(
            "DELETE FROM portable.message WHERE id = (SELECT min(id) FROM portable.message "
            "WHERE queue = %s AND visible_at <= now()) RETURNING body, attributes",
            (self._name,),
        )
        return (found[0][0], json.loads(found[0][1])) if found else None

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            host=self._server.host,
            port=self._server.port,
            dbname=self._server.database,
            user=self._server.user,
            password=self._server.password,
        ) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


def open_postgres_queue(
    server: PostgresServer, name: str, *, payloads: str | None = None, **settings: Any
) -> Queue:
    """A queue on the server, with its large bodies in memory; PGUSER and PGPASSWORD are set."""
    host = f"{server.host}:{server.port}"
    make: Any = PostgresQueue
    return Queue(
        make,
        PostgresQueueSettings(host=host, database=server.database, name=name, **settings),
        provider="postgres",
        payloads=partial(open_memory_bucket, payloads or name),
    )


def postgres_queue_harness(server: PostgresServer, **settings: Any) -> QueueHarness:
    """A queue of a new name."""
    name = f"q{uuid.uuid4().hex[:16]}"
    return QueueHarness(
        open_queue=partial(open_postgres_queue, server, name, **settings),
        oracle=PostgresQueueOracle(server, name),
        payloads=open_memory_bucket(name),
        lease=0.4,
    )
