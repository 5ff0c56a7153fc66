"""What a started server is, and how to talk to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

TIMEOUT_SECONDS = 20

T = TypeVar("T")


class ServerUnavailable(RuntimeError):
    """A stand-in server can't be installed or started here; the text says why."""


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server that speaks as AWS does: S3, and some of them SQS.

    Attributes:
        name: ``"moto"``, ``"ministack"``, ``"seaweedfs"`` or ``"fauxqs"``.
        endpoint: ``http://127.0.0.1:PORT``.
        checks_credentials: Does a wrong key or secret fail? If not, anything is let in.
    """

    name: str
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    checks_credentials: bool

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])


def client(server: S3Server, **config: Any) -> S3Client:
    """Return a boto3 client of *server* that addresses buckets by path and sends each call once.

    *config* is for `botocore.config.Config` and wins over that.
    """
    made: S3Client = _client(server, "s3", {"s3": {"addressing_style": "path"}, **config})
    return made


def queue_client(server: S3Server, **config: Any) -> SQSClient:
    """Return a boto3 client of the SQS that *server* has, if it has one; else as `client`."""
    made: SQSClient = _client(server, "sqs", config)
    return made


def _client(server: S3Server, service: str, config: dict[str, Any]) -> Any:
    import boto3
    from botocore.config import Config

    settings: dict[str, Any] = {
        "retries": {"total_max_attempts": 1},
        "connect_timeout": TIMEOUT_SECONDS,
        "read_timeout": TIMEOUT_SECONDS,
    }
    # boto3's default session is shared by all threads and isn't safe to make clients with.
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(**(settings | config)),
    )


def make_bucket(server: S3Server, name: str) -> None:
    """Create bucket *name*; one that is there already is fine."""
    s3 = client(server)
    already = (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists)
    try:
        with suppress(*already):
            s3.create_bucket(Bucket=name)
    finally:
        s3.close()


def servers_required() -> bool:
    """Is a server that can't be started a failure (CI) and not a reason to skip (a laptop)?"""
    answer = os.environ.get("PORTABLE_REQUIRE_SERVERS") or os.environ.get("CI") or ""
    return answer.lower() not in ("", "0", "false", "no")


def skip_or_fail(error: ServerUnavailable) -> NoReturn:
    """End the running test: failed where the servers are required, else skipped."""
    import pytest

    if servers_required():
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


def prove_usable(server: S3Server) -> None:
    """Store an object in a new bucket and remove both; raise what goes wrong."""
    s3 = client(server)
    try:
        bucket = f"portable-start-{server.port}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="object", Body=b"body")
        s3.delete_object(Bucket=bucket, Key="object")
        s3.delete_bucket(Bucket=bucket)
    finally:
        s3.close()


@contextmanager
def required(server: AbstractContextManager[T]) -> Iterator[T]:
    """Run a server, or several, for a test or a fixture; skip or fail where that can't be."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except ServerUnavailable as error:
            skip_or_fail(error)
        yield started


@contextmanager
def running_with_bucket(
    start: Callable[[], AbstractContextManager[S3Server]], bucket: str
) -> Iterator[S3Server]:
    """Run a server for a fixture, with *bucket* on it; skip or fail where it can't be started."""
    with required(start()) as server:
        make_bucket(server, bucket)
        yield server
