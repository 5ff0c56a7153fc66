"""The memory provider."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portable.errors import PermissionDenied
from portable.storage import Bucket
from portable.storage.active import bucket_from
from portable.storage.around import DriverAround
from portable.storage.driver import StorageDriver, StoredObject
from portable.testing.drivers import around
from portable.testing.harness import Harness, Oracle
from portable_memory import ADAPTER
from portable_memory import storage as memory
from portable_memory.settings import MemorySettings


class MemoryOracle(Oracle):
    """The dictionaries themselves."""

    def __init__(self, name: str) -> None:
        self._store = memory._stores.setdefault(name, memory._Store())

    def read(self, key: str) -> bytes:
        return self._store.objects[key][1]

    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        info = StoredObject(
            key=key,
            size=len(data),
            revision=uuid.uuid4().hex,
            last_modified=datetime.now(UTC),
            content_type=content_type,
            metadata=dict(metadata or {}),
            crc32=zlib.crc32(data),
        )
        self._store.objects[key] = (info, data)

    def keys(self) -> set[str]:
        return set(self._store.objects)

    def metadata(self, key: str) -> Mapping[str, str]:
        return self._store.objects[key][0].metadata or {}

    def open_uploads(self) -> int:
        return len(self._store.uploads)

    def begin_upload(self, key: str) -> bool:
        begun = datetime.now(UTC) - timedelta(seconds=1)
        self._store.uploads[uuid.uuid4().hex] = memory._Upload(key, begun, {1: b"part"})
        return True

    def damage(self, key: str) -> bool:
        info, body = self._store.objects[key]
        self._store.objects[key] = (replace(info), body[:-1] + bytes([body[-1] ^ 1]))
        return True


class _Denying(DriverAround):
    """A driver whose server lets nobody in."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("stat", "read", "put", "list", "delete", "copy", "begin", "uploads"):
            return _deny
        return super().__getattribute__(name)


def _deny(*_args: object, **_options: object) -> StorageDriver:
    raise PermissionDenied("these credentials may not do this")


def open_memory_bucket(name: str, prefix: str = "") -> Bucket:
    """One of the process's buckets."""
    return bucket_from(ADAPTER, MemorySettings(name=name, prefix=prefix))


def memory_harness() -> Harness:
    """A bucket of a new name."""
    name = uuid.uuid4().hex
    return Harness(
        open_bucket=lambda prefix: open_memory_bucket(name, prefix),
        oracle=MemoryOracle(name),
        other_bucket=lambda: open_memory_bucket(f"{name}-other"),
        denied_bucket=lambda: around(open_memory_bucket(name), _Denying),
        storage_class="COLD",
        examples=30,
    )


def forget(name: str) -> None:
    """Drop a bucket's objects."""
    memory._stores.pop(name, None)


def forget_all() -> None:
    """Drop every bucket of this process: objects in memory stay for as long as that lives."""
    memory._stores.clear()
