"""The aws provider conforms, with moto in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from portable.testing import Harness, StorageConformance
from portable.testing.targets.s3 import REGION, MotoOracle, isolate, s3_harness

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

QUIRKS = {
    "in_process": "mock_aws patches botocore in this process only",
    "no_wire": "mock_aws answers botocore only",
    "unsafe_threads": "moto 5.2.5 closes the body of an object that is replaced",
    "commit_ignores_if_match": "moto 5.2.5 ignores If-Match of CompleteMultipartUpload",
    "copy_ignores_if_match": "moto 5.2.5 ignores x-amz-copy-source-if-match",
    "uploads_undated": "moto 5.2.5 dates every upload 2010-11-10",
}


@pytest.fixture(scope="module")
def mocked() -> Iterator[S3Client]:
    """moto, begun once: it takes a while."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        isolate(patch)
        client = boto3.session.Session().client("s3", region_name=REGION)
        yield client
        client.close()


@pytest.mark.xdist_group("aws")
class TestAws(StorageConformance):
    """What users' own tests with `mock_aws` see."""

    sampled = True  # test_aws_servers.py has every variant, over a socket

    @pytest.fixture
    def harness(self, mocked: S3Client) -> Iterator[Harness]:
        """New buckets."""
        made: list[str] = []

        def bucket() -> str:
            made.append(f"portable-{uuid4().hex[:12]}")
            mocked.create_bucket(Bucket=made[-1])
            return made[-1]

        yield s3_harness(mocked, make_bucket=bucket, oracle=MotoOracle, quirks=QUIRKS)
        for name in made:
            MotoOracle(mocked, name).clear()
