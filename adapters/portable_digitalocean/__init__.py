"""DigitalOcean Spaces, through the S3 driver.

URLs: ``spaces://bucket/prefix?region=nyc3``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, Scheme, StorageService
from portable_digitalocean.settings import SpacesSettings
from portable_obstore.choice import is_wanted

if TYPE_CHECKING:
    from portable.storage.driver import StorageDriver


def _connect_storage(settings: SpacesSettings) -> StorageDriver:
    from portable_digitalocean.storage import SpacesStorage, connect_fast  # imports boto3

    if is_wanted(settings.engine, needs="boto3"):
        return connect_fast(settings)
    return SpacesStorage(settings.s3)


ADAPTER = Adapter(
    name="digitalocean",
    extra="digitalocean",
    storage=StorageService(
        settings=SpacesSettings,
        schemes=(Scheme(name="spaces", host="bucket", path="prefix"),),
        connect=_connect_storage,
    ),
    credentials=(
        "Spaces keys come from SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY, or SPACES_KEY "
        "and SPACES_SECRET, in the environment; else from boto3's own chain"
    ),
    instead={
        "queue": (
            "use the provider 'postgres' on a managed PostgreSQL database: "
            "postgres://HOST:PORT/DATABASE?name=jobs"
        ),
    },
    # A key is granted these for a bucket:
    # https://docs.digitalocean.com/products/spaces/how-to/manage-access/
    permissions={
        "put": "Read/Write/Delete",
        "get": "Read",
        "stat": "Read",
        "list": "Read",
        "delete": "Read/Write/Delete",
        "multipart": "Read/Write/Delete",
        "abort": "Read/Write/Delete",
        "copy": "Read/Write/Delete",
        "sign": "Read",
    },
)
