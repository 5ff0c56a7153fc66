"""Servers, proxies in front of them, and buckets by either engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.faults import FaultProxy
from portable.testing.servers import (
    S3Server,
    ServerUnavailable,
    ministack,
    running_with_bucket,
    skip_or_fail,
)
from portable.testing.targets.gcs import isolate as isolate_gcp
from portable.testing.targets.s3 import isolate
from portable_aws import ADAPTER
from portable_aws.settings import S3Settings

from .clouds import Azure, Cloud, Gcp, running_azure, running_gcp

BUCKET = "fast-tests"
Open = Callable[..., Bucket]


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    with running_with_bucket(ministack, BUCKET) as server:
        yield server


@pytest.fixture
def of_aws(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the server and no others."""
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
def open_bucket(proxy: FaultProxy, of_aws: None) -> Iterator[Open]:
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


@pytest.fixture(scope="session")
def _gcp() -> Iterator[Gcp]:
    with running_gcp() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def _azure() -> Iterator[Azure]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(running_azure())
        except ServerUnavailable as error:
            skip_or_fail(error)


def _alone(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """With an environment that holds its credentials and no others."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    isolate_gcp(monkeypatch)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    cloud.proxy.clear()
    yield cloud
    cloud.close()


@pytest.fixture
def gcp(_gcp: Gcp, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    yield from _alone(_gcp, monkeypatch)


@pytest.fixture
def azure(_azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    yield from _alone(_azure, monkeypatch)


@pytest.fixture(params=["gcp", "azure"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each."""
    found: Cloud = request.getfixturevalue(request.param)
    return found
