"""The same tests on both databases: SQLite's file, and a PostgreSQL that is started once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portable.queue.driver import QueueDriver
from portable.testing.servers import PostgresServer, ServerUnavailable, postgres, skip_or_fail
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.settings import LocalQueueSettings
from portable_postgres.queue import PostgresQueue
from portable_postgres.settings import PostgresQueueSettings

Make = Callable[..., QueueDriver]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    try:
        context = postgres()
        running = context.__enter__()
    except ServerUnavailable as error:
        skip_or_fail(error)
    before = {name: os.environ.get(name) for name in running.environment}
    os.environ.update(running.environment)
    yield running
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    context.__exit__(None, None, None)


@pytest.fixture(params=["local", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make drivers of queues; all drivers of a name are of one queue."""
    made: list[QueueDriver] = []
    schema = f"t{abs(hash(request.node.nodeid)):x}"[:30]

    def make(name: str = "jobs", **settings: Any) -> QueueDriver:
        driver: QueueDriver
        if request.param == "local":
            driver = SQLiteQueue(
                LocalQueueSettings(path=str(tmp_path / "q" / "queues.db"), name=name, **settings)
            )
        else:
            running: PostgresServer = request.getfixturevalue("server")
            driver = PostgresQueue(
                PostgresQueueSettings(
                    host=f"{running.host}:{running.port}",
                    database=running.database,
                    schema=schema,
                    name=name,
                    **settings,
                )
            )
        made.append(driver)
        return driver

    yield make
    for driver in made:
        driver.close()


@pytest.fixture
def queue(make: Make) -> QueueDriver:
    driver = make()
    driver.create()
    return driver
