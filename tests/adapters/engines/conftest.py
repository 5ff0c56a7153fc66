"""One S3 server, a proxy in front of it, and buckets by either engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.faults import FaultProxy
from portable.testing.servers import S3Server, ministack, running_with_bucket
from portable.testing.targets.s3 import isolate
from portable_aws import ADAPTER
from portable_aws.settings import S3Settings

BUCKET = "fast-tests"
Open = Callable[..., Bucket]


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    with running_with_bucket(ministack, BUCKET) as server:
        yield server


@pytest.fixture(autouse=True)
def _environment(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    isolate(
        monkeypatch, AWS_ACCESS_KEY_ID=server.access_key, AWS_SECRET_ACCESS_KEY=server.secret_key
    )


@pytest.fixture(scope="session")
def shared_proxy(server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def open_bucket(proxy: FaultProxy) -> Iterator[Open]:
    """Opens the bucket behind the proxy; retries wait for nothing."""
    assert ADAPTER.storage is not None
    connect = ADAPTER.storage.connect
    with ExitStack() as stack:

        def open_bucket(engine: str = "fast", **given: Any) -> Bucket:
            usual = {"bucket": BUCKET, "endpoint": proxy.endpoint, "region": "us-east-1"}
            settings = S3Settings(**(usual | given), engine=engine)  # type: ignore[arg-type]
            bucket = Bucket(
                lambda: connect(settings),
                settings,
                provider="aws",
                surroundings=Surroundings(sleep=lambda _: None),
            )
            stack.callback(bucket.close)
            return bucket

        yield open_bucket
