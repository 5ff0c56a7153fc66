"""This machine: plain files that any program can open, queues in SQLite, jobs as processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, QueueService, Scheme, StorageService
from portable_local.compute.settings import LocalComputeSettings
from portable_local.queue.settings import LocalQueueSettings
from portable_local.settings import LocalSettings

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver


def _connect(settings: LocalSettings) -> StorageDriver:
    from portable_local.storage import LocalStorage

    return LocalStorage(settings)


def _connect_queue(settings: LocalQueueSettings) -> QueueDriver:
    from portable_local.queue.driver import SQLiteQueue

    return SQLiteQueue(settings)


def _connect_compute(settings: LocalComputeSettings) -> ComputeDriver:
    from portable_local.compute.driver import LocalCompute

    return LocalCompute(settings)


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
    compute=ComputeService(
        settings=LocalComputeSettings,
        schemes=(Scheme(name="process", host=None, path="path"),),
        connect=_connect_compute,
    ),
    credentials="The local provider needs no credentials: the permissions of the files decide",
)
