"""moto, with a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from portable.testing.servers import S3Server, client, make_bucket

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
from tests.testing.servers.starting import BUCKET, started


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with ExitStack() as stack:
        server = started(stack, "moto")
        make_bucket(server, BUCKET)
        yield server


@pytest.fixture
def s3(moto: S3Server) -> Iterator[S3Client]:
    s3 = client(moto)
    yield s3
    s3.close()
