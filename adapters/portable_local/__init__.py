"""Storage in a folder of this machine: plain files that any program can open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, Scheme, StorageService
from portable_local.settings import LocalSettings

if TYPE_CHECKING:
    from portable.storage.driver import StorageDriver


def _connect(settings: LocalSettings) -> StorageDriver:
    from portable_local.storage import LocalStorage

    return LocalStorage(settings)


ADAPTER = Adapter(
    name="local",
    storage=StorageService(
        settings=LocalSettings,
        schemes=(Scheme(name="file", host=None, path="path"),),
        connect=_connect,
    ),
    credentials="The local provider needs no credentials: the permissions of the files decide",
)
