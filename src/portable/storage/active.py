"""Buckets from the configuration: by name, by URL, and the active profile's."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from portable.config import state
from portable.storage.bucket import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from portable.adapter import Adapter, StorageSettings
    from portable.storage.connection import Connection
    from portable.storage.driver import StorageDriver

FRESH_SECONDS = 1.0


def open_bucket(name_or_url: str | None = None) -> Bucket:
    """Open a bucket by its name in the active profile, or by a URL such as ``s3://acme/team``.

    Without either it is the active profile's own: the one that `portable.storage` works on.

    Nothing is sent before the first call.

    Raises:
        ConfigError: no bucket of that name, an unknown scheme, or settings that can't be used.
        MissingDependency: raised at the first call, when the provider's SDK isn't installed.
    """
    from portable.config import resolve_storage

    resolved = resolve_storage(name_or_url)
    return bucket_from(resolved.adapter, resolved.settings)


def bucket_from(adapter: Adapter, settings: StorageSettings) -> Bucket:
    """A bucket of *adapter* with checked *settings*."""
    return Bucket(partial(_connect, adapter.name, settings), settings, provider=adapter.name)


def _connect(name: str, settings: StorageSettings) -> StorageDriver:
    from portable import discovery

    return discovery.connect_storage(discovery.adapter(name), settings)


class ActiveBucket(Bucket):
    """The bucket of whichever profile is active when a method is called; its own, or by name."""

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._buckets: dict[tuple[str, StorageSettings], Bucket] = {}
        self._resolved: dict[str | None, _Resolved] = {}

    def __reduce__(self) -> tuple[Callable[..., Bucket], tuple[str, ...]]:
        return (_active_bucket, ()) if self._name is None else (ActiveBucket, (self._name,))

    @property
    def _connection(self) -> Connection:
        block, seen = state.in_block.get(), _surroundings()
        last = self._resolved.get(block)
        if last is not None and last.seen == seen and time.monotonic() < last.until:
            return last.connection
        connection = self._resolve()
        self._resolved[block] = _Resolved(seen, time.monotonic() + FRESH_SECONDS, connection)
        return connection

    def _resolve(self) -> Connection:
        from portable.config import resolve_storage

        resolved = resolve_storage(self._name)
        key = (resolved.adapter.name, resolved.settings)
        bucket = bucket_from(resolved.adapter, resolved.settings)
        return self._buckets.setdefault(key, bucket)._connection


def _active_bucket() -> Bucket:
    """The one that the functions of `portable.storage` are methods of, in any process."""
    from portable import storage

    return storage._bucket


@dataclass(frozen=True, slots=True)
class _Resolved:
    """What the configuration came to, and what it was made from."""

    seen: tuple[object, ...]
    until: float
    connection: Connection


def _surroundings() -> tuple[object, ...]:
    """All that a configuration depends on, but for the file: that is read again in a second."""
    try:
        folder = os.getcwd()  # noqa: PTH109 - a fifth of Path.cwd()
    except FileNotFoundError:
        folder = ""
    # `os.environ` itself decodes every variable: 20 µs a call.
    variables = getattr(os.environ, "_data", os.environ)
    return state.configured(), folder, variables.copy()
