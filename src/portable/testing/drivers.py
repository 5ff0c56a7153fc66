"""Drivers around drivers: to watch what is sent, to fail on purpose, to take a capability away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from portable.errors import PortableError
from portable.storage import Bucket, SignedRequest
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


class DriverAround:
    """A driver that hands every call on to another; subclasses change single ones."""

    def __init__(self, inner: StorageDriver) -> None:
        self.inner = inner

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
        self, key: str, *, method: str, expires: timedelta, content_type: str | None
    ) -> SignedRequest:
        return self.inner.sign(key, method=method, expires=expires, content_type=content_type)

    def close(self) -> None:
        self.inner.close()


def innermost(driver: StorageDriver) -> StorageDriver:
    """The driver that does the work; a driver's `copy` asks which class its origin is."""
    while isinstance(driver, DriverAround):
        driver = driver.inner
    return driver


def around(bucket: Bucket, wrap: Callable[[StorageDriver], StorageDriver]) -> Bucket:
    """The same bucket with *wrap* put around its driver; picklable when *wrap* is."""
    connection = bucket._connection
    made = Bucket(
        partial(_connect, wrap, connection.connect),
        connection.settings,
        provider=connection.provider,
    )
    made._connection.prefix = connection.prefix
    return made


def _connect(
    wrap: Callable[[StorageDriver], StorageDriver], connect: Callable[[], StorageDriver]
) -> StorageDriver:
    return wrap(connect())


@dataclass
class Watch:
    """What passes between a bucket and its driver.

    Attributes:
        calls: The driver's methods, in the order in which they were called.
        before: Called with a method's name and key before it is called; may raise.
        after: Called when it has returned.
        body: Changes what one read gives; called with the bytes.
        capabilities: Replaces some of the driver's own.
    """

    calls: list[str] = field(default_factory=list)
    before: Callable[[str, str], None] | None = None
    after: Callable[[str, str], None] | None = None
    body: Callable[[bytes], bytes] | None = None
    capabilities: Mapping[str, Any] = field(default_factory=dict)

    def on(self, bucket: Bucket) -> Bucket:
        """The same bucket, watched. It goes on using *bucket*'s own driver."""
        connection = bucket._connection
        driver = connection.driver
        watched = Bucket(
            lambda: _Watched(self, driver),
            connection.settings,
            provider=connection.provider,
        )
        watched._connection.prefix = connection.prefix
        return watched

    def count(self, *names: str) -> int:
        """How often these methods were called."""
        return sum(call in names for call in self.calls)


class _Watched(DriverAround):
    def __init__(self, watch: Watch, inner: StorageDriver) -> None:
        super().__init__(inner)
        self._watch = watch
        self._able = replace(inner.capabilities, **watch.capabilities)

    @property
    def capabilities(self) -> Capabilities:
        return self._able

    def close(self) -> None:
        """The driver is the watched bucket's."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in _REQUESTS:
            return found
        return partial(self._pass, name, found)

    def _pass(
        self, name: str, method: Callable[..., Any], first: Any, /, *args: Any, **kw: Any
    ) -> Any:
        key = first if isinstance(first, str) else getattr(first, "key", "")
        self._watch.calls.append(name)
        if self._watch.before is not None:
            self._watch.before(name, key)
        answer = method(first, *args, **kw)
        if name == "read" and self._watch.body is not None:
            answer = _ChangedBody(answer, self._watch.body)
        if self._watch.after is not None:
            self._watch.after(name, key)
        return answer


_REQUESTS = frozenset(
    {
        "stat",
        "read",
        "put",
        "list",
        "delete",
        "copy",
        "begin",
        "upload_part",
        "commit",
        "abort",
        "uploads",
        "sign",
    }
)


class _ChangedBody:
    def __init__(self, body: OpenRead, change: Callable[[bytes], bytes]) -> None:
        self.info = body.info
        self._body = body
        self._change = change

    def read(self, size: int, /) -> bytes:
        return self._change(self._body.read(size))

    def close(self) -> None:
        self._body.close()
