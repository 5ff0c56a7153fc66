"""Drivers around drivers: to watch what is sent, to fail on purpose, to take a capability away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from portable.storage import Bucket
from portable.storage.around import DriverAround
from portable.storage.driver import (
    Capabilities,
    OpenRead,
    StorageDriver,
)


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
        return self._change(bytes(self._body.read(size)))

    def close(self) -> None:
        self._body.close()
