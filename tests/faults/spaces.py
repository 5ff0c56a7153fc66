"""Spaces: the S3 driver as DigitalOcean's settings make it, without the checksums of newer S3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from portable.adapter import StorageSettings
from portable.testing.targets.s3 import ENVIRONMENT
from portable.testing.targets.spaces import REGION
from portable_digitalocean import ADAPTER
from portable_digitalocean.settings import SpacesSettings

from .dialect import BUCKET, FAST_READS, READ_TIMEOUT
from .s3 import S3

if TYPE_CHECKING:
    from .scenes import Operation


class Spaces(S3):
    """boto3."""

    name = "digitalocean sdk"
    provider = "digitalocean"
    adapter = ADAPTER
    whole = False

    def environment(self) -> Mapping[str, str]:
        return {
            "SPACES_ACCESS_KEY_ID": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            "SPACES_SECRET_ACCESS_KEY": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        }

    def settings(self, endpoint: str) -> StorageSettings:
        return SpacesSettings(
            bucket=BUCKET,
            endpoint=endpoint,
            region=REGION,
            conditional_writes=True,
            engine=self.engine,
            read_timeout=READ_TIMEOUT,
            connect_timeout=READ_TIMEOUT,
        )

    def reusable(self, settings: StorageSettings) -> bool:
        return self.engine == "sdk"

    def takes(self, operation: Operation) -> bool:
        return not operation.settings


class FastSpaces(Spaces):
    """obstore."""

    name = "digitalocean fast"
    engine = "fast"

    def takes(self, operation: Operation) -> bool:
        return operation.name in FAST_READS | {"put small"}
