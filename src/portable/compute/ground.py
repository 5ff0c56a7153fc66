"""What a job's machines and its storage have in common: signed requests, or a folder."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from portable.errors import Unsupported
from portable.storage.around import innermost
from portable.storage.driver import FolderDriver

if TYPE_CHECKING:
    from portable.compute.connection import Connection
    from portable.storage import Bucket


def folder_of(bucket: Bucket, key: str) -> str | None:
    """The path of *key* on this machine; `None` where the bucket isn't a folder of it."""
    connection = bucket._connection
    driver = innermost(connection.driver)
    return driver.file_of(connection.prefix + key) if isinstance(driver, FolderDriver) else None


def uses_folder(connection: Connection) -> bool:
    """Do machines read and write this bucket's files, and need no signed requests?

    Raises:
        Unsupported: they can do neither.
    """
    bucket = connection.bucket
    if connection.capabilities.files and folder_of(bucket, "a") is not None:
        return True
    if bucket.capabilities.sign_max is None:
        raise Unsupported(
            f"jobs of the provider {connection.provider!r} can't be kept in {bucket.url}: their "
            f"machines would need signed requests, and {bucket.provider!r} has none. Give the "
            f"profile a cloud's bucket as its 'storage', or set compute.storage to one, or run "
            f"the job on the local provider"
        )
    return False


def place_of(connection: Connection) -> str:
    """Whose machines these are: others can't look after them."""
    place = f"{connection.provider} {connection.settings.url}"
    return f"{place} on {socket.gethostname()}" if connection.capabilities.files else place
