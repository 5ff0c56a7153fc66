"""This machine: storage in plain files that any program can open, and queues in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, QueueService, Scheme, StorageService
from portable_local.queue.settings import LocalQueueSettings
from portable_local.settings import LocalSettings

if TYPE_CHECKING:
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver


def _connect(settings: LocalSettings) -> StorageDriver:
    from portable_local.storage import LocalStorage

    return LocalStorage(settings)


def _connect_queue(settings: LocalQueueSettings) -> QueueDriver:
    from portable_local.queue.driver import SQLiteQueue

    return SQLiteQueue(settings)


ADAPTER = Adapter(
    name="local",
    storage=StorageService(
        settings=LocalSettings,
        schemes=(Scheme(name="file", host=None, path="path"),),
        connect=_connect,
    ),
    queue=QueueService(
        settings=LocalQueueSettings,
        schemes=(Scheme(name="sqlite", host=None, path="path"),),
        connect=_connect_queue,
    ),
    credentials="The local provider needs no credentials: the permissions of the files decide",
)
