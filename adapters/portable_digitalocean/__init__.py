"""DigitalOcean Spaces, through the S3 driver, and Droplets.

URLs: ``spaces://bucket/prefix?region=nyc3`` and ``droplets://nyc1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, Scheme, StorageService
from portable_digitalocean.compute_settings import DropletSettings
from portable_digitalocean.settings import SpacesSettings
from portable_obstore.choice import is_wanted

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver
    from portable.storage.driver import StorageDriver


def _connect_storage(settings: SpacesSettings) -> StorageDriver:
    from portable_digitalocean.storage import SpacesStorage, connect_fast  # imports boto3

    if is_wanted(settings.engine, needs="boto3"):
        return connect_fast(settings)
    return SpacesStorage(settings.s3)


def _connect_compute(settings: DropletSettings) -> ComputeDriver:
    from portable_digitalocean.compute import Droplets  # imports urllib3

    return Droplets(settings)


ADAPTER = Adapter(
    name="digitalocean",
    extra="digitalocean",
    storage=StorageService(
        settings=SpacesSettings,
        schemes=(Scheme(name="spaces", host="bucket", path="prefix"),),
        connect=_connect_storage,
    ),
    compute=ComputeService(
        settings=DropletSettings,
        schemes=(Scheme(name="droplets", host="region", path=""),),
        connect=_connect_compute,
    ),
    credentials=(
        "Spaces keys come from SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY, or SPACES_KEY "
        "and SPACES_SECRET, in the environment; else from boto3's own chain. The token for "
        "Droplets comes from DIGITALOCEAN_TOKEN, or DIGITALOCEAN_ACCESS_TOKEN, and nowhere else"
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
