"""Queues in a PostgreSQL database: a managed one, such as DigitalOcean's, or your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, QueueService, Scheme
from portable_postgres.settings import PostgresQueueSettings

if TYPE_CHECKING:
    from portable.queue.driver import QueueDriver


def _connect_queue(settings: PostgresQueueSettings) -> QueueDriver:
    from portable_postgres.queue import PostgresQueue

    return PostgresQueue(settings)


ADAPTER = Adapter(
    name="postgres",
    extra="postgres",
    queue=QueueService(
        settings=PostgresQueueSettings,
        schemes=(Scheme(name="postgres", host="host", path="database"),),
        connect=_connect_queue,
    ),
    credentials=(
        "PostgreSQL credentials come from libpq's own chain: PGUSER and PGPASSWORD, ~/.pgpass, or "
        "a service file that the setting 'service' names an entry of"
    ),
)
