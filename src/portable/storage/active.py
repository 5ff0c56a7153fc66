"""Buckets from the configuration: by name, by URL, and the active profile's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from portable.active import Active
from portable.errors import ConfigError
from portable.storage.bucket import Bucket
from portable.storage.connecting import connector

if TYPE_CHECKING:
    from collections.abc import Callable

    from portable.adapter import Adapter, StorageSettings
    from portable.storage.connection import Connection


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
    return Bucket(connector(adapter.name, settings), settings, provider=adapter.name)


def opener(name_or_url: str | None, otherwise: str) -> partial[Bucket]:
    """How to open a bucket of the profile that is active now; it may be pickled.

    What is wrong with the bucket matters at its first use: then it is a `ConfigError` that begins
    with *otherwise*.
    """
    from portable.config import resolve_storage

    try:
        resolved = resolve_storage(name_or_url)
    except ConfigError as error:
        return partial(_refuse, f"{otherwise}: {error}")
    return partial(_opened, resolved.adapter.name, resolved.settings)


def _opened(name: str, settings: StorageSettings) -> Bucket:
    from portable import discovery

    return bucket_from(discovery.adapter(name), settings)


def _refuse(why: str) -> Bucket:
    raise ConfigError(why)


class ActiveBucket(Bucket):
    """The bucket of whichever profile is active when a method is called; its own, or by name."""

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._buckets: dict[tuple[str, StorageSettings], Bucket] = {}
        self._active = Active(self._resolve)

    def __reduce__(self) -> tuple[Callable[..., Bucket], tuple[str, ...]]:
        return (_active_bucket, ()) if self._name is None else (ActiveBucket, (self._name,))

    @property
    def _connection(self) -> Connection:
        return self._active.current()

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
