"""Drivers that store something else than they are told."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

from portable.storage.around import DriverAround
from portable.storage.driver import (
    StorageDriver,
    StoredObject,
    UploadedPart,
    WriteOptions,
)
from portable.storage.metadata import STAMP


class _OtherWrites(DriverAround):
    """Changes how objects are to be written."""

    def change(self, write: WriteOptions) -> WriteOptions:
        return write

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        return self.inner.put(key, body, crc32, self.change(write))

    def begin(self, key: str, write: WriteOptions) -> str:
        return self.inner.begin(key, self.change(write))

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        return self.inner.commit(key, upload, parts, crc32, self.change(write))


class IgnoreIfAbsent(_OtherWrites):
    """Creates over what is there."""

    def change(self, write: WriteOptions) -> WriteOptions:
        return replace(write, if_absent=False)


class IgnoreIfMatch(_OtherWrites):
    """Replaces whatever is there."""

    def change(self, write: WriteOptions) -> WriteOptions:
        return replace(write, if_match=None)


class DropMetadata(_OtherWrites):
    """Keeps `portable`'s own entry only."""

    def change(self, write: WriteOptions) -> WriteOptions:
        own = {name: value for name, value in write.metadata.items() if name == STAMP}
        return replace(write, metadata=own)


class DropContentType(_OtherWrites):
    """Stores every object as bytes."""

    def change(self, write: WriteOptions) -> WriteOptions:
        return replace(write, content_type="application/octet-stream")


class NonAtomicPut(DriverAround):
    """Shows half of the object first."""

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        if not write.if_absent and write.if_match is None:
            half = bytes(body[: len(body) // 2])
            self.inner.put(key, half, zlib.crc32(half), write)
        return self.inner.put(key, body, crc32, write)


class CopyForgetsMetadata(DriverAround):
    """Copies bytes only, as S3 does for what is larger than 5 GiB."""

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        read = origin.read(source.key, start=0, end=None, if_match=source.revision)
        body = b""
        while piece := read.read(1024**2):
            body += piece
        read.close()
        write = WriteOptions(content_type=source.content_type or "", metadata={})
        return self.inner.put(target, body, zlib.crc32(body), write)
