from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portable.testing.servers import PostgresServer
from portable_postgres.queue import PostgresQueue
from portable_postgres.settings import PostgresQueueSettings
from tests.adapters.sql.conftest import server

__all__ = ["server"]

Make = Callable[..., PostgresQueue]


@pytest.fixture
def make(server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[Make]:
    made = []
    schema = f"p{abs(hash(request.node.nodeid)):x}"[:30]

    def make(port: int | None = None, **settings: Any) -> PostgresQueue:
        given = {
            "host": f"127.0.0.1:{port or server.port}",
            "database": server.database,
            "schema": schema,
            "name": "jobs",
        }
        made.append(PostgresQueue(PostgresQueueSettings(**(given | settings))))
        return made[-1]

    yield make
    for queue in made:
        queue.close()
