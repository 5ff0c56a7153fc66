"""Connections from the configuration."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from portable.retry import Surroundings
from portable.storage.connection import Connection
from portable.storage.keys import check_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from portable.adapter import StorageSettings
    from portable.storage.driver import StorageDriver


def connection_to(name_or_url: str) -> Connection:
    """Reach a bucket by its name in the active profile, or by a URL. Nothing is sent.

    Raises:
        ConfigError: there is no such bucket, or its settings can't be used.
    """
    from portable.config import resolve_storage

    resolved = resolve_storage(name_or_url)
    name, settings = resolved.adapter.name, resolved.settings
    return connection_by(connector(name, settings), settings, name)


def connection_by(
    connect: Callable[[], StorageDriver],
    settings: StorageSettings,
    provider: str,
    surroundings: Surroundings | None = None,
) -> Connection:
    """A connection by what makes its driver; arguments as of `Bucket`."""
    prefix = settings.prefix.strip("/")
    if prefix:
        check_key(prefix)
    return Connection(
        connect=connect,
        provider=provider,
        settings=settings,
        prefix=f"{prefix}/" if prefix else "",
        surroundings=surroundings or Surroundings(),
    )


def connector(name: str, settings: StorageSettings) -> Callable[[], StorageDriver]:
    """What makes the driver of the adapter *name*; it may be pickled."""
    return partial(_connect, name, settings)


def _connect(name: str, settings: StorageSettings) -> StorageDriver:
    from portable import discovery

    return discovery.connect_storage(discovery.adapter(name), settings)
