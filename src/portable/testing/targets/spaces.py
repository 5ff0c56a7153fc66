"""The digitalocean provider, against S3 servers on this machine."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from portable.storage import Bucket
from portable.storage.active import bucket_from
from portable.testing.harness import Harness
from portable.testing.targets.s3 import S3Oracle, fast_errors
from portable.testing.targets.s3 import isolate as isolate_s3
from portable_digitalocean import ADAPTER
from portable_digitalocean.settings import SpacesSettings

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_s3.client import S3Client

REGION = "nyc3"
UNSET = ("SPACES_KEY", "SPACES_SECRET")


def isolate(monkeypatch: pytest.MonkeyPatch, key: str, secret: str) -> None:
    """Let the adapter see this key and none of the machine's."""
    isolate_s3(monkeypatch, AWS_ACCESS_KEY_ID="not-this", AWS_SECRET_ACCESS_KEY="not-this")
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPACES_ACCESS_KEY_ID", key)
    monkeypatch.setenv("SPACES_SECRET_ACCESS_KEY", secret)


def open_spaces_bucket(bucket: str, prefix: str = "", **settings: Any) -> Bucket:
    """A bucket of the digitalocean provider."""
    return bucket_from(
        ADAPTER, SpacesSettings(bucket=bucket, prefix=prefix, **{"region": REGION, **settings})
    )


def spaces_harness(
    client: S3Client,
    *,
    make_bucket: Callable[[], str],
    endpoint: str,
    home: str = "",
    conditional_writes: bool = True,
    engine: Literal["auto", "sdk", "fast"] = "sdk",
    quirks: Mapping[str, str] | None = None,
    examples: int = 3,
) -> Harness:
    """What *make_bucket* makes on a server that *client* reaches.

    Args:
        home: A folder of it that takes the place of the bucket's root; ends in ``/``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = make_bucket()
    settings: dict[str, Any] = {
        "endpoint": endpoint,
        "conditional_writes": conditional_writes,
        "engine": engine,
    }

    def open_bucket(prefix: str) -> Bucket:
        return open_spaces_bucket(bucket, home + prefix.strip("/") if home else prefix, **settings)

    missing = f"portable-missing-{uuid.uuid4().hex[:12]}"
    return Harness(
        open_bucket=open_bucket,
        oracle=S3Oracle(client, bucket, home=home, stamps=True),
        other_bucket=lambda: open_spaces_bucket(make_bucket(), home, **settings),
        missing_bucket=lambda: open_spaces_bucket(missing, **settings),
        sdk_errors=(ClientError, BotoCoreError, *fast_errors(engine)),
        quirks=quirks or {},
        examples=examples,
    )
