"""Queues in PostgreSQL conform, through a pooler in transaction mode too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing import QueueConformance, QueueHarness
from portable.testing.servers import PostgresServer, postgres, required
from portable.testing.targets.postgres_queue import postgres_queue_harness


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with required(postgres()) as started:
        yield started


@pytest.fixture(autouse=True)
def _credentials(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


class TestPostgres(QueueConformance):
    """Messages in a database, which other machines share."""

    @pytest.fixture
    def harness(self, server: PostgresServer) -> QueueHarness:
        """A queue of a new name."""
        return postgres_queue_harness(server)


class TestBehindAPooler(QueueConformance):
    """As if there were a PgBouncer between: no LISTEN, no prepared statements."""

    @pytest.fixture
    def harness(self, server: PostgresServer) -> QueueHarness:
        """A queue of a new name."""
        return postgres_queue_harness(server, pooler=True)
