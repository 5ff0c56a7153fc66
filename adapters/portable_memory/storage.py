"""Storage in a dictionary, with the semantics of a cloud's."""

from __future__ import annotations

import threading
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from portable.errors import (
    AlreadyExists,
    IntegrityError,
    NotFound,
    ObjectChanged,
    PortableError,
    PreconditionFailed,
    Unsupported,
)
from portable.storage.driver import (
    Capabilities,
    Page,
    Part,
    PendingUpload,
    StorageDriver,
    StoredObject,
    UploadedPart,
    WriteOptions,
)
from portable.storage.types import SignedRequest
from portable_memory.settings import MemorySettings


@dataclass(slots=True)
class _Upload:
    key: str
    started: datetime
    bodies: dict[int, bytes] = field(default_factory=dict)


class _Store:
    """One bucket, shared by every driver of its name in this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.objects: dict[str, tuple[StoredObject, bytes]] = {}
        self.uploads: dict[str, _Upload] = {}


_stores: dict[str, _Store] = {}


class MemoryRead:
    """A range of an object's bytes."""

    def __init__(self, info: StoredObject, body: memoryview) -> None:
        self.info = info
        self._body = body

    def read(self, size: int, /) -> bytes:
        piece, self._body = self._body[:size], self._body[size:]
        return bytes(piece)

    def close(self) -> None:
        self._body = memoryview(b"")


class MemoryStorage:
    """`StorageDriver` over a dictionary."""

    capabilities = Capabilities(
        cross_process=False, storage_classes=True, checksum="native", delete_max=1000
    )

    def __init__(self, settings: MemorySettings) -> None:
        self._store = _stores.setdefault(settings.name, _Store())

    @property
    def native(self) -> Mapping[str, tuple[StoredObject, bytes]]:
        return self._store.objects

    def stat(self, key: str) -> StoredObject:
        return self._find(key)[0]

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> MemoryRead:
        info, body = self._find(key)
        if if_match is not None and info.revision != if_match:
            raise PreconditionFailed("the object is another revision")
        return MemoryRead(info, memoryview(body)[start:end])

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        return self._publish(key, bytes(body), crc32, write)

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        with self._store.lock:
            keys = sorted((key for key in self._store.objects if key.startswith(prefix)), key=_utf8)
            objects: list[StoredObject] = []
            prefixes: list[str] = []
            last = token or start_after
            for key in keys:
                cut = key.find("/", len(prefix)) if delimiter else -1
                name = key if cut < 0 else key[: cut + 1]
                if _utf8(name) <= _utf8(last):
                    continue
                if len(objects) + len(prefixes) == limit:
                    return Page(objects, prefixes, last)
                last = name
                if cut < 0:
                    objects.append(replace(self._store.objects[key][0], metadata=None))
                else:
                    prefixes.append(name)
            return Page(objects, prefixes, None)

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        with self._store.lock:
            for key in keys:
                there = self._store.objects.get(key)
                if there and if_match is not None and there[0].revision != if_match:
                    raise PreconditionFailed("the object is another revision")
                self._store.objects.pop(key, None)
        return {}

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        if not isinstance(origin, MemoryStorage):
            return None
        info, body = origin._find(source.key)
        if info.revision != source.revision:
            raise ObjectChanged("the source was replaced")
        write = WriteOptions(content_type=info.content_type or "", metadata=info.metadata or {})
        return self._publish(target, body, zlib.crc32(body), write)

    def begin(self, key: str, write: WriteOptions) -> str:
        upload = uuid.uuid4().hex
        self._store.uploads[upload] = _Upload(key, datetime.now(UTC))
        return upload

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        body = bytes(part.body)
        if zlib.crc32(body) != part.crc32:
            raise IntegrityError("the part isn't what its checksum says")
        self._pending(key, upload).bodies[part.number] = body
        return UploadedPart(part.number, str(part.crc32), len(body), part.crc32)

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        with self._store.lock:
            bodies = self._pending(key, upload).bodies
            body = b"".join(bodies[part.number] for part in parts)
            stored = self._publish(key, body, crc32, write)
            del self._store.uploads[upload]
            return stored

    def abort(self, key: str, upload: str) -> None:
        self._store.uploads.pop(upload, None)

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        for upload, pending in list(self._store.uploads.items()):
            if pending.key.startswith(prefix):
                yield PendingUpload(pending.key, upload, pending.started)

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        raise Unsupported("no server answers for the memory provider")

    def close(self) -> None:
        """The objects stay: they belong to the process."""

    def _find(self, key: str) -> tuple[StoredObject, bytes]:
        found = self._store.objects.get(key)
        if found is None:
            raise NotFound("no such object")
        return found

    def _pending(self, key: str, upload: str) -> _Upload:
        pending = self._store.uploads.get(upload)
        if pending is None or pending.key != key:
            raise NotFound("no such upload")
        return pending

    def _publish(self, key: str, body: bytes, crc32: int, write: WriteOptions) -> StoredObject:
        if zlib.crc32(body) != crc32:
            raise IntegrityError("what arrived isn't what its checksum says")
        with self._store.lock:
            there = self._store.objects.get(key)
            if write.if_absent and there is not None:
                raise AlreadyExists("there is an object already")
            if write.if_match is not None and (
                there is None or there[0].revision != write.if_match
            ):
                raise PreconditionFailed("the object is another revision, or missing")
            stored = StoredObject(
                key=key,
                size=len(body),
                revision=uuid.uuid4().hex,
                last_modified=datetime.now(UTC),
                content_type=write.content_type,
                metadata=dict(write.metadata),
                crc32=crc32,
                storage_class=write.storage_class,
            )
            self._store.objects[key] = (stored, body)
            return stored


def _utf8(key: str) -> bytes:
    return key.encode()
