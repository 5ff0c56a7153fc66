"""Drivers that are wrong in the same way on the way in and on the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from portable.errors import PortableError
from portable.storage.around import DriverAround
from portable.storage.driver import (
    OpenRead,
    Page,
    PendingUpload,
    StorageDriver,
    StoredObject,
    WriteOptions,
)


class RevisionIsSize(DriverAround):
    """Tells versions apart by their sizes, as others do by times."""

    def stat(self, key: str) -> StoredObject:
        return _by_size(self.inner.stat(key))

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        body = self.inner.read(key, start=start, end=end, if_match=None)
        body.info = _by_size(body.info)
        return body

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        return _by_size(self.inner.put(key, body, crc32, replace(write, if_match=None)))

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        page = self.inner.list(
            prefix, delimiter=delimiter, start_after=start_after, token=token, limit=limit
        )
        return Page([_by_size(stored) for stored in page.objects], page.prefixes, page.token)


def _by_size(stored: StoredObject) -> StoredObject:
    return replace(stored, revision=f"size-{stored.size}")


class MangleKeys(DriverAround):
    """Adds a letter to every key on the way in and takes it off on the way out."""

    def stat(self, key: str) -> StoredObject:
        return _plain(self.inner.stat(f"{key}~"))

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        body = self.inner.read(f"{key}~", start=start, end=end, if_match=if_match)
        body.info = _plain(body.info)
        return body

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        return _plain(self.inner.put(f"{key}~", body, crc32, write))

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        after = f"{start_after}~" if start_after else ""
        page = self.inner.list(
            prefix, delimiter=delimiter, start_after=after, token=token, limit=limit
        )
        return Page([_plain(stored) for stored in page.objects], page.prefixes, page.token)

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        errors = self.inner.delete([f"{key}~" for key in keys], if_match=if_match)
        return {key.removesuffix("~"): error for key, error in errors.items()}

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        if not isinstance(origin, MangleKeys):
            return None
        full = replace(source, key=f"{source.key}~")
        copied = super().copy(full, f"{target}~", origin=origin)
        return copied and _plain(copied)

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        return iter(())


def _plain(stored: StoredObject) -> StoredObject:
    return replace(stored, key=stored.key.removesuffix("~"))
