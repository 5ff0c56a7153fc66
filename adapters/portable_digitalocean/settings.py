"""What can be configured. Keys come from the environment, or boto3's own chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from portable.adapter import StorageSettings
from portable_aws.settings import S3Settings

# https://docs.digitalocean.com/products/spaces/details/limits/
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z]{3}\d{1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacesSettings(StorageSettings):
    """One bucket.

    Attributes:
        bucket: Its name.
        region: The datacenter that it is in, such as ``"nyc3"``.
        endpoint: Another server than Spaces, for tests; the bucket is then in the URL's path.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        conditional_writes: True where the bucket is known to enforce If-Match and If-None-Match;
            else conditions are refused here. `portable doctor` finds out.
        engine: What carries objects' data: boto3 (``"sdk"``), or obstore (``"fast"``) wherever it
            does the same; ``"auto"``: obstore where it is installed.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    bucket: str
    region: str
    endpoint: str | None = None
    allow_http: bool = False
    conditional_writes: bool = False
    engine: Literal["auto", "sdk", "fast"] = "auto"
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"spaces://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def endpoint_id(self) -> str:
        return self.s3.endpoint_id

    @property
    def s3(self) -> S3Settings:
        """The same bucket for the S3 driver."""
        # The wildcard certificate covers one label: a name with a dot goes into the path.
        is_path = self.endpoint is not None or "." in self.bucket
        return S3Settings(
            bucket=self.bucket,
            prefix=self.prefix,
            deadline=self.deadline,
            attempts=self.attempts,
            concurrency=self.concurrency,
            region=self.region,
            endpoint=self.endpoint or f"https://{self.region}.digitaloceanspaces.com",
            allow_http=self.allow_http,
            addressing="path" if is_path else "virtual",
            checksums="when_required",
            conditional_writes=self.conditional_writes,
            engine=self.engine,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            ca_bundle=self.ca_bundle,
        )

    def problems(self) -> list[str]:
        found = self.s3.problems()
        if not _BUCKET.fullmatch(self.bucket) and not any("'bucket'" in each for each in found):
            found.append(f"'bucket' {self.bucket!r} isn't the name of a Spaces bucket")
        if not REGION.fullmatch(self.region):
            found.append(f"'region' {self.region!r} isn't a datacenter, such as \"nyc3\"")
        return found
