"""What an adapter implements for storage: mechanism only.

The portable layer checks keys, arguments and capabilities before a driver is called; it adds the
prefix, encodes metadata, splits and verifies data, retries, and decides what an unclear answer
means. A driver turns one call into one request, and the provider's errors into `portable.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from portable.errors import PortableError
from portable.storage.digests import ServerDigest
from portable.storage.types import SignedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one bucket's server does, checked before anything is sent.

    Attributes:
        put_if_absent: Does it enforce "only if there is no object"?
        put_if_match: Does it enforce "only if the object is this revision"?
        nested_keys: Can ``a`` and ``a/b`` both be objects?
        cross_process: Do other processes see what this one writes?
        storage_classes: Does a put take the provider's storage class?
        checksum: Where the digest of an object of several parts rides: in the provider's own
            checksum, or in metadata that `portable` adds and hides, as that of all others does.
        late_metadata: Does a multipart upload's metadata go with `commit`, and not with `begin`, so
            that the digest of data of any length is known in time?
        metadata_ascii: Must metadata values be ASCII, so that the rest is sent as RFC 2047 words?
        put_max: Bytes of the largest object one request can store.
        part_min: Bytes of the smallest part but the last.
        part_max: Bytes of the largest part.
        parts_max: Parts in one object.
        delete_max: Keys in one delete request.
        sign_max: Longest life of a signed request; `None` where the provider can't sign.
        signs_content_type: Does a signed PUT hold its sender to the content type?
    """

    put_if_absent: bool = True
    put_if_match: bool = True
    nested_keys: bool = True
    cross_process: bool = True
    storage_classes: bool = False
    checksum: Literal["native", "metadata"] = "metadata"
    late_metadata: bool = False
    metadata_ascii: bool = False
    put_max: int = 5 * 1024**3
    part_min: int = 1
    part_max: int = 5 * 1024**3
    parts_max: int = 10_000
    delete_max: int = 1
    sign_max: timedelta | None = None
    signs_content_type: bool = True


@dataclass(slots=True, kw_only=True)  # frozen, making it would take three times as long
class StoredObject:
    """An object as the server tells of it: the driver's side of `ObjectInfo`. Never changed.

    Attributes:
        key: The full key, prefix included.
        metadata: As stored: `portable`'s own entry included, values still encoded; `None` where
            the answer doesn't carry it.
        crc32: Of the whole content, from the provider's own checksum; `None` where it has none.
        digest: A digest of another kind that the server keeps; from `stat`, and from lists that
            carry the metadata. `None` where there is none.
    """

    key: str
    size: int
    revision: str
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None
    crc32: int | None = None
    digest: ServerDigest | None = None
    etag: str | None = None
    storage_class: str | None = None
    version: str | None = None


@dataclass(slots=True, kw_only=True)
class WriteOptions:
    """How an object is to be written. Never changed.

    Attributes:
        metadata: Names checked, values already encoded: to be stored as they are.
        if_absent: Only if there is no object; enforced by the server, at commit.
        if_match: Only if the object is this revision; enforced by the server, at commit. A
            missing object is `PreconditionFailed`.
        storage_class: The provider's own name, unchecked.
    """

    content_type: str
    metadata: Mapping[str, str]
    if_absent: bool = False
    if_match: str | None = None
    storage_class: str | None = None


class OpenRead(Protocol):
    """One open answer to `StorageDriver.read`.

    Attributes:
        info: The whole object; its size is the object's, not the range's.
    """

    info: StoredObject

    def read(self, size: int, /) -> bytes | memoryview:
        """Return up to *size* bytes as soon as some are there; ``b""`` at the end.

        A view is of memory that stays as it is.

        A body that ends early may look like its end here: the portable layer counts.
        """

    def close(self) -> None:
        """Give the connection back or drop it. May be called twice."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a multipart upload.

    Attributes:
        number: From 1.
        offset: Of its first byte in the object.
        body: Held in memory, so it can be sent again.
        crc32: Of *body*.
    """

    number: int
    offset: int
    body: bytes | memoryview
    crc32: int


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """What the server said of a part; *tag* is the driver's own."""

    number: int
    tag: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A multipart upload that was begun and neither committed nor aborted."""

    key: str
    upload: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a listing, in the order of the keys' UTF-8 bytes.

    Attributes:
        objects: In key order.
        prefixes: In key order, each ending in the delimiter.
        token: Continues the listing; `None` at its end.
    """

    objects: Sequence[StoredObject]
    prefixes: Sequence[str]
    token: str | None


class StorageDriver(Protocol):
    """One bucket at one provider. Safe to call from many threads.

    Keys are full keys, prefix included; for writes they follow the key rules, for everything
    else they are any non-empty string without NUL. Methods raise only `portable.errors`, with
    `retryable` and `ambiguous` set: a request that was certainly not carried out isn't ambiguous.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Constant for the driver's life."""

    @property
    def native(self) -> Any:
        """The SDK's own client."""

    def stat(self, key: str) -> StoredObject:
        """Describe *key*.

        Raises:
            NotFound: no such key.
        """

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        """Open the bytes from *start* up to, not including, *end* (`None`: the object's end).

        A negative *start* means that many bytes from the end, and *end* is `None` then. A range
        that reaches past the object is cut; one that lies past it reads as empty. An answer to
        the whole object (0, `None`) carries `crc32` where the server has it.

        Raises:
            NotFound: no such key.
            PreconditionFailed: *if_match* is given and isn't the object's revision.
        """

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        """Store *body* at *key* in one request, whole or not at all, durable on return.

        Raises:
            AlreadyExists: `write.if_absent` and the key exists.
            PreconditionFailed: `write.if_match` isn't the object's revision, or it is missing.
            IntegrityError: what arrived isn't what *crc32* says.
        """

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        """Return up to *limit* (1 to 1,000) entries whose keys begin with *prefix*.

        *delimiter* folds what continues past the next ``/`` into one prefix. *start_after* is
        exclusive, and empty for none; *token* continues an earlier page of the same listing.
        """

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        """Remove up to `capabilities.delete_max` keys; a missing one is removed already.

        *if_match* comes with one key only, and only where `capabilities.put_if_match`: then it is
        removed if it is still that revision, decided by the server.

        Returns:
            The keys that remain, each with its error. A single key's error may be raised.

        Raises:
            PreconditionFailed: the object is another revision than *if_match*.
        """

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        """Copy *source* of *origin*, which may be this driver, on the server to *target* here.

        Content, content type and metadata go along, at any size; the storage class is the
        default. Only the revision that *source* describes is copied.

        Returns:
            `None`, and nothing is done, when the server can't reach both ends.

        Raises:
            ObjectChanged: the source isn't that revision.
        """

    def begin(self, key: str, write: WriteOptions) -> str:
        """Begin a multipart upload and return its id. Nothing is visible until `commit`."""

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        """Store one part; parts may come in any order and be sent again."""

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        """Publish the parts, in order of number, as one object; conditions as in `put`.

        Raises:
            NotFound: there is no such upload: it was committed or aborted before.
        """

    def abort(self, key: str, upload: str) -> None:
        """Drop an upload and its parts; one that is gone already is fine."""

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        """The uploads below *prefix* that are still open, whoever began them."""

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        """Return a request for *key* that needs no credentials until it expires.

        *if_absent* comes with a PUT only, and only where `capabilities.put_if_absent`: then a
        header among those to be sent lets the server refuse it where there is an object already.
        """

    def close(self) -> None:
        """Drop connections. The driver isn't used afterwards."""


@runtime_checkable
class ReadsInto(Protocol):
    """What a driver has too that can receive an object's bytes where they are wanted."""

    def read_into(
        self, room: memoryview, info: StoredObject, *, start: int, end: int
    ) -> OpenRead | None:
        """Open the bytes from *start* up to *end* of the revision that *info* describes.

        Args:
            room: Memory for just these bytes; what `OpenRead.read` returns is a view of it, but
                for what came along with the answer's head.

        Returns:
            `None` where that can't be: another answer is open, and goes on.
        """


@runtime_checkable
class FolderDriver(Protocol):
    """What a driver whose objects are plain files has too: who sees the files needs no driver."""

    def file_of(self, key: str) -> str:
        """The path of *key*'s file, be it there or not; those below one folder are in one."""
