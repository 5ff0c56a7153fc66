"""moto checks bodies as S3 does."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from portable.testing.servers import S3Server
from portable.testing.servers.checking import digests

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
from tests.testing.servers.starting import BUCKET, code, crc32

# moto takes a request without any for an anonymous one, which may do less.
UNCHECKED = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, Signature=0"


def send(
    moto: S3Server, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, bytes]:
    """One request with exactly these headers, and the body whatever they say of it."""
    with socket.create_connection(("127.0.0.1", moto.port), timeout=10) as connection:
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{moto.port}"]
        lines.append(f"Authorization: {UNCHECKED}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [] if "Content-Length" in headers else [f"Content-Length: {len(body)}"]
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return answer.status, answer.read()


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


class TestBodiesAtMoto:
    @pytest.mark.parametrize("target", ["/bucket/k", "/bucket/part?partNumber=1&uploadId="])
    @pytest.mark.parametrize("name", ["crc32", "crc32c", "crc64nvme", "sha1", "sha256", "md5"])
    def test_a_digest_must_match(
        self, moto: S3Server, s3: S3Client, name: str, target: str
    ) -> None:
        if "uploadId" in target:
            target += s3.create_multipart_upload(Bucket=BUCKET, Key="part")["UploadId"]
        header = "Content-MD5" if name == "md5" else f"x-amz-checksum-{name}"
        digest = digests.DIGESTS[name]
        status, answer = send(moto, "PUT", target, {header: b64(digest(b"other"))}, b"body")
        assert (status, b"<Code>BadDigest</Code>" in answer) == (400, True)
        status, answer = send(moto, "PUT", target, {header: b64(digest(b"body"))}, b"body")
        assert status == 200, answer

    def test_a_digest_must_be_one(self, moto: S3Server) -> None:
        status, answer = send(moto, "PUT", "/bucket/k", {"x-amz-checksum-crc32": "%%"}, b"body")
        assert (status, b"InvalidRequest" in answer) == (400, True)
        status, answer = send(moto, "PUT", "/bucket/k", {"Content-MD5": "%%"}, b"body")
        assert (status, b"InvalidDigest" in answer) == (400, True)

    def test_a_short_body_is_refused(self, moto: S3Server, s3: S3Client) -> None:
        status, answer = send(moto, "PUT", "/bucket/short", {"Content-Length": "5"}, b"body")
        assert (status, b"<Code>IncompleteBody</Code>" in answer) == (400, True)
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket=BUCKET, Key="short")

    def test_the_signed_digest_must_match(self, moto: S3Server) -> None:
        headers = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
        status, answer = send(moto, "PUT", "/bucket/k", headers, b"body")
        assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in answer) == (400, True)

    @pytest.mark.parametrize(
        ("content", "crc", "length", "expected"),
        [
            (b"content", crc32(b"content"), 7, None),
            (b"content", crc32(b"other"), 7, b"BadDigest"),
            (b"content", crc32(b"content"), 8, b"IncompleteBody"),
            (b"content", None, 7, b"MalformedTrailerError"),
        ],
    )
    def test_aws_chunked_is_decoded_and_its_trailer_checked(
        self,
        moto: S3Server,
        s3: S3Client,
        content: bytes,
        crc: str | None,
        length: int,
        expected: bytes | None,
    ) -> None:
        key = "chunked"
        headers = {
            "Content-Encoding": "aws-chunked",
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": str(length),
            "x-amz-trailer": "x-amz-checksum-crc32",
        }
        trailer = f"x-amz-checksum-crc32:{crc}\r\n\r\n" if crc else "\r\n"
        body = b"3\r\n%b\r\n4\r\n%b\r\n0\r\n" % (content[:3], content[3:]) + trailer.encode()
        status, answer = send(moto, "PUT", f"/bucket/{key}", headers, body)
        if expected:
            assert (status, expected in answer) == (400, True)
            return
        assert status == 200, answer
        got = s3.get_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
        assert (got["Body"].read(), got["ChecksumCRC32"]) == (content, crc)
        assert "ContentEncoding" not in got

    def test_aws_chunked_cut_in_the_middle_is_refused(self, moto: S3Server) -> None:
        headers = {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "7"}
        for body in (b"7\r\ncont", b"7\r\ncontent\r\n", b"zz\r\n"):
            status, answer = send(moto, "PUT", "/bucket/k", headers, body)
            assert (status, b"IncompleteBody" in answer) == (400, True)

    def test_a_given_digest_is_kept(self, s3: S3Client) -> None:
        """moto alone keeps it only if an SDK's own header names the algorithm."""
        put = s3.put_object(Bucket=BUCKET, Key="kept", Body=b"body", ChecksumCRC32=crc32(b"body"))
        assert put["ChecksumCRC32"] == crc32(b"body")
        head = s3.head_object(Bucket=BUCKET, Key="kept", ChecksumMode="ENABLED")
        assert (head["ChecksumCRC32"], head["ChecksumType"]) == (crc32(b"body"), "FULL_OBJECT")

    def test_limits(self, s3: S3Client) -> None:
        s3.put_object(Bucket=BUCKET, Key="k" * 1024, Body=b"", Metadata={"name": "v" * 2044})
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=BUCKET, Key="k" * 1025, Body=b"")
        assert code(caught) == (400, "KeyTooLongError")
        with pytest.raises(ClientError) as caught:
            s3.create_multipart_upload(Bucket=BUCKET, Key="k", Metadata={"name": "v" * 2045})
        assert code(caught) == (400, "MetadataTooLarge")

    def test_other_services_pass_untouched(self, moto: S3Server) -> None:
        import boto3

        session: Any = boto3.session.Session()
        sqs = session.client(
            "sqs",
            endpoint_url=moto.endpoint,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            region_name="us-east-1",
        )
        assert sqs.create_queue(QueueName="q")["QueueUrl"].endswith("/q")
        sqs.close()
