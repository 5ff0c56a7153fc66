"""Servers, a proxy in front, and an environment without anybody's credentials."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.faults import FaultProxy
from portable.testing.servers import (
    S3Server,
    ministack,
    moto_server,
    running_with_bucket,
)
from portable_aws.settings import S3Settings
from portable_aws.storage import S3Storage

BUCKET = "aws-tests"
Open = Callable[..., Bucket]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, BUCKET) as server:
        yield server


@pytest.fixture(scope="session")
def signing() -> Iterator[S3Server]:
    """A server that checks signatures."""
    with running_with_bucket(ministack, BUCKET) as server:
        yield server


@pytest.fixture(scope="session")
def shared_proxy(moto: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port, keep_bodies=True) as proxy:
        yield proxy


@pytest.fixture
def open_bucket(moto: S3Server, proxy: FaultProxy) -> Iterator[Open]:
    """Open a bucket behind the proxy; each request is sent once."""
    with ExitStack() as stack:

        def open_bucket(**changed: Any) -> Bucket:
            usual = S3Settings(
                bucket=BUCKET,
                endpoint=proxy.endpoint,
                region="us-east-1",
                attempts=1,
                deadline=30.0,
                read_timeout=10.0,
                connect_timeout=10.0,
            )
            settings = replace(usual, **changed)
            surroundings = Surroundings(sleep=lambda _: None)
            bucket = Bucket(
                lambda: S3Storage(settings), settings, provider="aws", surroundings=surroundings
            )
            stack.callback(bucket.close)
            return bucket

        yield open_bucket


@pytest.fixture
def bucket(open_bucket: Open) -> Bucket:
    return open_bucket()
