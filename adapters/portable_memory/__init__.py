"""Objects in this process's memory: for tests, and the model to copy for a new adapter.

URLs: ``memory://name/prefix``. Buckets of one name are one bucket; all are empty at the start.
"""

from __future__ import annotations

from portable.adapter import Adapter, Scheme, StorageService
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage

ADAPTER = Adapter(
    name="memory",
    storage=StorageService(
        settings=MemorySettings,
        schemes=(Scheme(name="memory", host="name", path="prefix"),),
        connect=MemoryStorage,
    ),
    credentials="The memory provider needs no credentials.",
)
