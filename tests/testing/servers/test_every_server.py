"""What each of the servers of S3 promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from portable.testing.faults import FaultProxy
from portable.testing.servers import S3Server, client, make_bucket
from tests.testing.servers.starting import BUCKET, STARTERS, code, crc32, started


@pytest.fixture(scope="module", params=sorted(STARTERS))
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    with ExitStack() as stack:
        server = started(stack, request.param)
        make_bucket(server, BUCKET)
        yield server


class TestEveryServer:
    def test_it_stores_and_gives_back(self, server: S3Server) -> None:
        s3 = client(server)
        s3.put_object(Bucket=BUCKET, Key="ü/a b+c", Body=b"body")
        assert s3.get_object(Bucket=BUCKET, Key="ü/a b+c")["Body"].read() == b"body"
        s3.close()

    def test_make_bucket_twice_is_fine(self, server: S3Server) -> None:
        make_bucket(server, "twice")
        make_bucket(server, "twice")

    def test_repr_hides_the_secret(self, server: S3Server) -> None:
        assert repr(server.secret_key) not in repr(replace(server, access_key="k"))
        assert "secret" not in repr(server)

    def test_a_wrong_secret_is_refused_where_it_says_so(self, server: S3Server) -> None:
        s3 = client(replace(server, secret_key="wrong"))
        if server.checks_credentials:
            with pytest.raises(ClientError) as caught:
                s3.list_objects_v2(Bucket=BUCKET)
            assert code(caught) == (403, "SignatureDoesNotMatch")
        else:
            s3.list_objects_v2(Bucket=BUCKET)
        s3.close()

    def test_a_wrong_checksum_is_refused(self, server: S3Server) -> None:
        s3 = client(server)
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=BUCKET, Key="bad", Body=b"body", ChecksumCRC32=crc32(b"other"))
        assert code(caught) == (400, "BadDigest")
        s3.close()

    def test_no_bucket_is_made_on_the_way(self, server: S3Server) -> None:
        s3 = client(server)
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket="absent", Key="k", Body=b"")
        assert code(caught) == (404, "NoSuchBucket")
        s3.close()

    def test_a_bucket_with_objects_stays(self, server: S3Server) -> None:
        s3 = client(server)
        make_bucket(server, "full")
        s3.put_object(Bucket="full", Key="k", Body=b"")
        with pytest.raises(ClientError) as caught:
            s3.delete_bucket(Bucket="full")
        assert code(caught) == (409, "BucketNotEmpty")
        s3.close()

    def test_signatures_hold_through_the_proxy(self, server: S3Server) -> None:
        with FaultProxy(server.port) as proxy:
            s3 = client(replace(server, endpoint=proxy.endpoint))
            s3.put_object(Bucket=BUCKET, Key="é through", Body=b"x" * 100_000)
            got = s3.get_object(Bucket=BUCKET, Key="é through")["Body"].read()
            assert got == b"x" * 100_000
            assert [r.status for r in proxy.requests] == [200, 200]
            s3.close()
