"""What boto3 makes of faults before moto."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from portable.testing.faults import Fault, FaultProxy, slow_down
from portable.testing.servers import S3Server, client, moto_server, running_with_bucket
from tests.testing.faults.upstream import BODY


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, "bucket") as server:
        yield server


@pytest.fixture
def s3_proxy(moto: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port) as proxy:
        yield proxy


class TestThroughBoto3:
    def test_a_lost_answer_looks_like_a_conflict(
        self, moto: S3Server, s3_proxy: FaultProxy
    ) -> None:
        """The SDK's own retry meets what its first attempt stored."""
        s3 = client(replace(moto, endpoint=s3_proxy.endpoint), retries={"total_max_attempts": 2})
        s3_proxy.add(Fault("lost", method="PUT", path="/bucket/lost"))
        with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
            s3.put_object(Bucket="bucket", Key="lost", Body=b"mine", IfNoneMatch="*")
        assert s3.get_object(Bucket="bucket", Key="lost")["Body"].read() == b"mine"
        assert [r.method for r in s3_proxy.requests] == ["PUT", "PUT", "GET"]
        s3.close()

    def test_a_flipped_upload_is_refused(self, moto: S3Server, s3_proxy: FaultProxy) -> None:
        s3 = client(replace(moto, endpoint=s3_proxy.endpoint))
        s3_proxy.add(Fault("flip_up", method="PUT", at=500))
        with pytest.raises(s3.exceptions.ClientError, match=r"BadDigest|XAmzContentSHA256Mismatch"):
            s3.put_object(Bucket="bucket", Key="flip", Body=BODY)
        with pytest.raises(s3.exceptions.ClientError, match="404"):
            s3.head_object(Bucket="bucket", Key="flip")
        s3.close()

    def test_a_cut_upload_is_not_stored(self, moto: S3Server, s3_proxy: FaultProxy) -> None:
        from botocore.exceptions import BotoCoreError

        s3 = client(replace(moto, endpoint=s3_proxy.endpoint))
        s3_proxy.add(Fault("cut_up", method="PUT", at=500))
        with pytest.raises(BotoCoreError):
            s3.put_object(Bucket="bucket", Key="cut", Body=BODY)
        with pytest.raises(s3.exceptions.ClientError, match="404"):
            s3.head_object(Bucket="bucket", Key="cut")
        s3.close()

    def test_throttling_is_read_as_such(self, moto: S3Server, s3_proxy: FaultProxy) -> None:
        s3 = client(replace(moto, endpoint=s3_proxy.endpoint))
        s3_proxy.add(Fault("status", answer=slow_down()))
        with pytest.raises(s3.exceptions.ClientError, match="SlowDown"):
            s3.put_object(Bucket="bucket", Key="slow", Body=b"x")
        s3.put_object(Bucket="bucket", Key="slow", Body=b"x")
        assert [r.status for r in s3_proxy.requests] == [503, 200]
        s3.close()
