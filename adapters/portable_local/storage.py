"""The storage driver: a folder as a bucket."""

from __future__ import annotations

import os
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

from portable.errors import (
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
from portable_local.attributes import Attributes, AttributeStore
from portable_local.copying import copy_bytes
from portable_local.errors import translated
from portable_local.folders import Root, sync
from portable_local.listing import Walk
from portable_local.names import path_of
from portable_local.objects import Found, Objects, describe
from portable_local.publish import Publisher
from portable_local.reading import OpenFile
from portable_local.settings import LocalSettings
from portable_local.staging import Naming, Staged, Staging
from portable_local.uploads import Uploads

_CAPABILITIES = Capabilities(
    nested_keys=False,
    checksum="native",
    put_max=1 << 62,
    part_min=1,
    part_max=1 << 62,
    delete_max=1000,
)
_WALKS = 8  # listings kept between two pages; one that was dropped begins again at its token


class LocalStorage:
    """Objects as files below one folder; see `portable.storage.driver.StorageDriver`."""

    def __init__(
        self,
        settings: LocalSettings,
        *,
        attributes: Literal["auto", "records"] = "auto",
        naming: Naming = "auto",
    ) -> None:
        self._root = Root(settings.path, durable=settings.durability == "full")
        self._attributes = AttributeStore(self._root, extended=attributes == "auto")
        self._objects = Objects(self._root, self._attributes)
        staging = Staging(self._root, self._attributes, naming)
        self._publisher = Publisher(self._objects, staging)
        self._uploads = Uploads()
        self._walks: dict[str, Walk] = {}
        staging.sweep()

    @property
    def capabilities(self) -> Capabilities:
        """Constant for the driver's life."""
        return _CAPABILITIES

    @property
    def native(self) -> Path:
        """The folder."""
        return Path(self._root.path)

    def file_of(self, key: str) -> str:
        """The file that an object is."""
        return str(Path(self._root.path).joinpath(*path_of(key)))

    def stat(self, key: str) -> StoredObject:
        """Describe *key*."""
        with translated(), self._find(key) as found:
            return found.describe(key)

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenFile:
        """Open a range of the object's bytes."""
        with translated():
            found = self._find(key)
        if if_match is not None and if_match != found.revision:
            found.close()
            raise PreconditionFailed(f"the object is revision {found.revision!r}, not {if_match!r}")
        return OpenFile(key, found, start, end)

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        """Store *body* at *key*."""
        _verify(body, crc32)
        with translated():
            staged = self._publisher.stage(key)
            try:
                staged.write(body)
                return self._publish(key, staged, write, write.content_type, crc32)
            except BaseException:
                self._publisher.drop(key, staged)
                raise
            finally:
                staged.close()

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        """Return the next entries in the order of the keys' bytes."""
        with translated():
            walk = self._walk(prefix, delimiter, start_after, token)
            taken = walk.take(limit)
        return Page(taken.objects, taken.prefixes, self._keep(walk, taken.last, taken.more))

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        """Remove the objects, and folders that are empty then."""
        if if_match is not None:
            with translated():
                self._publisher.remove(keys, if_match)
            return {}
        folders: dict[tuple[str, ...], list[str]] = {}
        for key in keys:
            folders.setdefault(path_of(key)[:-1], []).append(key)
        errors: dict[str, PortableError] = {}
        for together in folders.values():
            errors |= self._delete(together)
        return errors

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        """Copy from this or another folder, without the bytes leaving the kernel."""
        if not isinstance(origin, LocalStorage):
            return None
        with translated(), origin._find(source.key) as found:
            if found.revision != source.revision:
                raise ObjectChanged(
                    f"the source is revision {found.revision!r}, not {source.revision!r}"
                )
            metadata = found.attributes.metadata if found.attributes else {}
            content_type = found.attributes.content_type if found.attributes else None
            write = WriteOptions(content_type=content_type or "", metadata=metadata)
            staged = self._publisher.stage(target)
            try:
                crc32 = copy_bytes(found, staged)
                return self._publish(target, staged, write, content_type, crc32)
            except BaseException:
                self._publisher.drop(target, staged)
                raise
            finally:
                staged.close()

    def begin(self, key: str, write: WriteOptions) -> str:
        """Begin a multipart upload: it ends with this process at the latest."""
        with translated():
            return self._uploads.add(key, self._publisher.stage(key))

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        """Write one part."""
        _verify(part.body, part.crc32)
        with translated():
            return self._uploads.get(key, upload).write(part)

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        """Publish the parts; a refused commit leaves the upload open."""
        with translated():
            begun = self._uploads.get(key, upload)
            with begun.complete(parts) as staged:
                stored = self._publish(key, staged, write, write.content_type, crc32)
            self._uploads.pop(upload)
            return stored

    def abort(self, key: str, upload: str) -> None:
        """Drop an upload."""
        begun = self._uploads.pop(upload)
        if begun is not None:
            begun.close()
            self._publisher.drop(key, begun.staged)

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        """The uploads that this driver began: those of a process that ended are gone with it."""
        return self._uploads.pending(prefix)

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        """Files have no URLs that expire."""
        raise Unsupported("local files can't be signed for others to fetch")

    def close(self) -> None:
        """Drop the uploads that are open."""
        self._uploads.close()

    def _find(self, key: str) -> Found:
        try:
            return self._objects.find(key)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound("there is no such object") from error

    def _publish(
        self, key: str, staged: Staged, write: WriteOptions, content_type: str | None, crc32: int
    ) -> StoredObject:
        # Set to the nanosecond, the time tells a later edit from this write: the kernel's own
        # clock for files may tick only every few milliseconds.
        now = time.time_ns()
        os.utime(staged.fd, ns=(now, now))
        status = os.fstat(staged.fd)
        attributes = Attributes(
            key=key,
            revision=secrets.token_hex(12),
            content_type=content_type,
            metadata=dict(write.metadata),
            crc32=crc32,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )
        self._attributes.save(staged, attributes)
        if self._root.durable:
            sync(staged.fd)
        self._publisher.publish(key, staged, write)
        return describe(key, attributes)

    def _delete(self, keys: Sequence[str]) -> dict[str, PortableError]:
        errors: dict[str, PortableError] = {}
        try:
            with translated():
                self._publisher.remove(keys)
        except PortableError as error:
            if len(keys) == 1:
                return {keys[0]: error}
            for key in keys:  # one by one, to tell which of them fail
                errors |= self._delete([key])
        return errors

    def _walk(self, prefix: str, delimiter: bool, start_after: str, token: str | None) -> Walk:
        if token is None:
            return Walk(self._objects, prefix, delimiter=delimiter, after=start_after)
        kept = self._walks.pop(token, None)
        if kept is not None:
            return kept
        _, _, last = token.partition(":")
        past = delimiter and last.endswith("/")
        return Walk(self._objects, prefix, delimiter=delimiter, after=last, past=past)

    def _keep(self, walk: Walk, last: str, more: bool) -> str | None:
        if not more:
            return None
        token = f"{secrets.token_hex(8)}:{last}"  # never the same: it is of this listing only
        self._walks[token] = walk
        for old in list(self._walks)[:-_WALKS]:
            self._walks.pop(old, None)
        return token


def _verify(body: bytes | memoryview, crc32: int) -> None:
    if zlib.crc32(body) != crc32:
        raise IntegrityError("the content doesn't match its checksum; nothing was stored")
