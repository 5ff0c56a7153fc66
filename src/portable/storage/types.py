"""What callers of a bucket get back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portable.errors import PortableError


@dataclass(frozen=True, slots=True)
class Checksum:
    """A digest of a whole object's content.

    Attributes:
        algorithm: ``"crc32"``; other names are the provider's own.
        value: Lower-case hexadecimal.
    """

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """An object as it was when the call was answered.

    Attributes:
        key: The key, without the bucket's prefix.
        size: Bytes.
        revision: Opaque token for `if_match`: the ETag on S3, a random id on local.
        last_modified: Aware UTC, for display: clocks differ, so decide by `revision`.
        content_type: `None` where a listing doesn't carry it.
        metadata: `None` where a listing doesn't carry it.
        checksum: Of the whole content; `None` where the writer left none. Of an object that another
            tool replaced without removing our metadata it may be that of the content before;
            reads, copies and transfers find that out.
        etag: The provider's own tag, for display only.
        storage_class: The provider's own name; `None` where it has none.
        version: The provider's version id in a versioned bucket.
    """

    key: str
    size: int
    revision: str
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None
    checksum: Checksum | None = None
    etag: str | None = None
    storage_class: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One level of keys.

    Attributes:
        objects: Objects directly below the prefix, in key order.
        prefixes: What continues below, each ending in ``/``, in key order.
    """

    objects: list[ObjectInfo]
    prefixes: list[str]


@dataclass(frozen=True, slots=True)
class DeleteReport:
    """What a bulk delete did.

    Attributes:
        deleted: Keys that are gone now, those that were never there included.
        errors: Keys that remain, each with its error.
    """

    deleted: int
    errors: Mapping[str, PortableError] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing remains."""
        return not self.errors

    def raise_for_errors(self) -> None:
        """Raise the first key's error, if there is one."""
        for error in self.errors.values():
            raise error


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request that anyone may send until it expires. Its URL is a secret: `repr` hides it.

    Attributes:
        method: ``GET``, ``PUT``, ``DELETE`` or ``HEAD``.
        url: Also `str(request)`.
        headers: To be sent with it, exactly so.
        expires_at: Aware UTC.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    expires_at: datetime

    def __str__(self) -> str:
        return self.url
