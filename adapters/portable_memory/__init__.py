"""Objects and messages in this process's memory: for tests, and the model for a new adapter.

URLs: ``memory://name/prefix`` for a bucket, ``memory://name`` for a queue. Those of one name are
one; all are empty at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, QueueService, Scheme, StorageService
from portable_memory.settings import MemoryQueueSettings, MemorySettings
from portable_memory.storage import MemoryStorage

if TYPE_CHECKING:
    from portable.queue.driver import QueueDriver


def _connect_queue(settings: MemoryQueueSettings) -> QueueDriver:
    from portable_memory.queue import MemoryQueue  # not for those who only store objects

    return MemoryQueue(settings)


ADAPTER = Adapter(
    name="memory",
    storage=StorageService(
        settings=MemorySettings,
        schemes=(Scheme(name="memory", host="name", path="prefix"),),
        connect=MemoryStorage,
    ),
    queue=QueueService(
        settings=MemoryQueueSettings,
        schemes=(Scheme(name="memory", host="name", path=""),),
        connect=_connect_queue,
    ),
    credentials="The memory provider needs no credentials.",
    instead={
        "compute": "memory ends with its process; use compute = 'process:///PATH' with storage in a "
        "folder, as the provider 'local' has them"
    },
)
