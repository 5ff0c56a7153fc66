"""The digitalocean provider, against S3 servers on this machine."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
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

    from portable.storage.driver import StorageDriver

REGION = "nyc3"
DOMAIN = f"{REGION}.digitaloceanspaces.test"
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


def open_by_host(bucket: str, port: int, prefix: str = "", **settings: Any) -> Bucket:
    """The same bucket by a name of its own, as Spaces has them: ``BUCKET.DOMAIN:port`` is here.

    Every process that uses the bucket knows the names; boto3 carries its data.
    """
    endpoint = f"http://{DOMAIN}:{port}"
    given = {"region": REGION, "endpoint": endpoint, "allow_http": True, **settings}
    known = SpacesSettings(bucket=bucket, prefix=prefix, **given)
    return Bucket(partial(_connect_by_host, known), known, provider=ADAPTER.name)


def _connect_by_host(settings: SpacesSettings) -> StorageDriver:
    from portable_digitalocean.storage import SpacesStorage

    if not isinstance(socket.getaddrinfo, _NamesHere):
        socket.getaddrinfo = _NamesHere(socket.getaddrinfo)
    return SpacesStorage(replace(settings.s3, addressing="virtual"))


class _NamesHere:
    """`socket.getaddrinfo` that knows what is below `DOMAIN` as this machine."""

    def __init__(self, others: Callable[..., Any]) -> None:
        self._others = others

    def __call__(self, host: Any, *rest: Any, **more: Any) -> Any:
        is_below = isinstance(host, str) and host.endswith(f".{DOMAIN}")
        return self._others("127.0.0.1" if is_below else host, *rest, **more)


def spaces_harness(
    client: S3Client,
    *,
    make_bucket: Callable[[], str],
    port: int,
    home: str = "",
    conditional_writes: bool = True,
    engine: Literal["sdk", "fast"] = "sdk",
    quirks: Mapping[str, str] | None = None,
    examples: int = 3,
) -> Harness:
    """What *make_bucket* makes on a server that *client* reaches.

    Args:
        port: Of the server, which knows buckets by their names below `DOMAIN`.
        home: A folder of it that takes the place of the bucket's root; ends in ``/``.
        engine: obstore looks names up by itself, so that with it the bucket is in the path.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = make_bucket()
    settings: dict[str, Any] = {"conditional_writes": conditional_writes, "engine": engine}

    def opened(name: str, prefix: str = "") -> Bucket:
        if engine == "sdk":
            return open_by_host(name, port, prefix, **settings)
        return open_spaces_bucket(name, prefix, endpoint=f"http://127.0.0.1:{port}", **settings)

    missing = f"portable-missing-{uuid.uuid4().hex[:12]}"
    return Harness(
        open_bucket=lambda prefix: opened(bucket, home + prefix.strip("/") if home else prefix),
        oracle=S3Oracle(client, bucket, home=home, stamps=True),
        other_bucket=lambda: opened(make_bucket(), home),
        missing_bucket=lambda: opened(missing),
        sdk_errors=(ClientError, BotoCoreError, *fast_errors(engine)),
        quirks=quirks or {},
        examples=examples,
    )
