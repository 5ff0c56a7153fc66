"""A driver around another one: what the fast engine and the drivers of tests are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from portable.errors import PortableError
from portable.storage.driver import (
    Capabilities,
    OpenRead,
    Page,
    Part,
    PendingUpload,
    StorageDriver,
    StoredObject,
    UploadedPart,
    WriteOptions,
)
from portable.storage.types import SignedRequest


class DriverAround:
    """A driver that hands every call on to another; subclasses change single ones."""

    def __init__(self, inner: StorageDriver) -> None:
        self._inner = inner

    @property
    def inner(self) -> StorageDriver:
        """The other one."""
        return self._inner

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def native(self) -> Any:
        return self.inner.native

    def stat(self, key: str) -> StoredObject:
        return self.inner.stat(key)

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        return self.inner.read(key, start=start, end=end, if_match=if_match)

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        return self.inner.put(key, body, crc32, write)

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        return self.inner.list(
            prefix, delimiter=delimiter, start_after=start_after, token=token, limit=limit
        )

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        return self.inner.delete(keys, if_match=if_match)

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        return self.inner.copy(source, target, origin=innermost(origin))

    def begin(self, key: str, write: WriteOptions) -> str:
        return self.inner.begin(key, write)

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        return self.inner.upload_part(key, upload, part)

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        return self.inner.commit(key, upload, parts, crc32, write)

    def abort(self, key: str, upload: str) -> None:
        self.inner.abort(key, upload)

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        return self.inner.uploads(prefix)

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        return self.inner.sign(
            key, method=method, expires=expires, content_type=content_type, if_absent=if_absent
        )

    def close(self) -> None:
        self.inner.close()


def innermost(driver: StorageDriver) -> StorageDriver:
    """The driver that does the work; a driver's `copy` asks which class its origin is."""
    while isinstance(driver, DriverAround):
        driver = driver.inner
    return driver
