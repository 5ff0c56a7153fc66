"""What is really sent: headers, addresses, bodies, and nothing at all where a call is refused."""

from __future__ import annotations

import base64
import hashlib
import socket
import zlib
from collections.abc import Callable
from dataclasses import replace as replaced
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portable.errors import InvalidArgument, PortableError, Unavailable, Unsupported
from portable.storage import Bucket
from portable.testing.faults import Answer, Fault, FaultProxy, Request, slow_down
from portable_aws.body import ONE_SEND, RequestBody

MIB = 1024 * 1024
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/abcd"


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def only(proxy: FaultProxy, method: str, *, query: str = "") -> Request:
    found = [r for r in proxy.requests if r.method == method and query in r.target]
    assert len(found) == 1, [(r.method, r.target) for r in proxy.requests]
    return found[0]


class TestOneLayerRetries:
    @pytest.mark.parametrize("attempts", [1, 3])
    def test_the_sdk_adds_no_requests(
        self, open_bucket: Any, proxy: FaultProxy, attempts: int
    ) -> None:
        """Of ours there are as many as configured."""
        proxy.add(Fault("status", answer=slow_down(), times=None))
        with pytest.raises(PortableError):
            open_bucket(attempts=attempts).get("key")
        assert len(proxy.requests) == attempts

    def test_nor_where_the_environment_asks_it_to(
        self, open_bucket: Any, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else an outage would be multiplied by somebody's shell."""
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
        monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
        proxy.add(Fault("status", answer=slow_down(), times=None))
        with pytest.raises(PortableError):
            open_bucket().get("key")
        assert len(proxy.requests) == 1


class TestIntegrity:
    def test_a_put_carries_the_crc32(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """Of what was sent, in the header that S3 checks before it stores."""
        bucket.put("sent", b"some data")
        sent = only(proxy, "PUT")
        assert sent.header("x-amz-checksum-crc32") == crc32(b"some data")
        assert sent.body == b"some data"

    def test_each_part_does_and_the_commit_the_whole(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        data = bytes(range(256)) * (9 * MIB // 256)
        bucket.put("sent-large", data)
        begun = only(proxy, "POST", query="?uploads")
        assert begun.header("x-amz-checksum-algorithm") == "CRC32"
        assert begun.header("x-amz-checksum-type") == "FULL_OBJECT"
        parts = [r for r in proxy.requests if r.method == "PUT"]
        assert [r.header("x-amz-checksum-crc32") for r in parts] == [crc32(r.body) for r in parts]
        commit = only(proxy, "POST", query="?uploadId")
        assert commit.header("x-amz-checksum-crc32") == crc32(data)

    def test_older_servers_get_a_content_md5(self, open_bucket: Any, proxy: FaultProxy) -> None:
        """And no header that they would refuse."""
        open_bucket(checksums="when_required").put("sent", b"some data")
        sent = only(proxy, "PUT")
        md5 = hashlib.md5(b"some data", usedforsecurity=False).digest()
        assert sent.header("content-md5") == base64.b64encode(md5).decode()
        assert not [name for name, _ in sent.headers if "checksum" in name.lower()]
        assert (sent.header("x-amz-meta-portable") or "").endswith(
            f"{zlib.crc32(b'some data'):08x}"
        )


class TestConditions:
    @pytest.mark.parametrize("size", [10, 8 * MIB + 1])
    def test_if_absent_is_sent_with_the_request_that_publishes(
        self, bucket: Bucket, proxy: FaultProxy, size: int
    ) -> None:
        """And with no other."""
        key = f"absent-{size}"
        bucket.delete(key)
        proxy.clear()
        bucket.put(key, bytes(size), if_absent=True)
        carried = [r.header("if-none-match") for r in proxy.requests]
        assert carried == [None] * (len(carried) - 1) + ["*"]

    @pytest.mark.parametrize("size", [10, 8 * MIB + 1])
    def test_if_match_is_too(self, bucket: Bucket, proxy: FaultProxy, size: int) -> None:
        revision = bucket.put("matched", b"old").revision
        proxy.clear()
        bucket.put("matched", bytes(size), if_match=revision)
        carried = [r.header("if-match") for r in proxy.requests]
        assert carried == [None] * (len(carried) - 1) + [revision]

    def test_later_reads_are_pinned(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """A read that goes on after a break asks for the same revision."""
        revision = bucket.put("pinned", bytes(50_000)).revision
        proxy.clear()
        proxy.add(Fault("truncate", method="GET", at=10_000))
        with bucket.open("pinned") as file:
            with pytest.raises(Unavailable):  # one attempt only
                file.read()
        assert only(proxy, "GET").header("if-match") == revision


class TestEncryption:
    @pytest.mark.parametrize("kind", ["AES256", "aws:kms"])
    def test_every_write_asks_for_it(self, open_bucket: Any, proxy: FaultProxy, kind: Any) -> None:
        """Put, begin and copy; with the key where there is one."""
        key = KMS_KEY if kind == "aws:kms" else None
        bucket = open_bucket(encryption=kind, kms_key=key)
        bucket.put("sealed", b"x")
        bucket.put("sealed-large", bytes(8 * MIB + 1))
        bucket.copy("sealed", "sealed-too")
        asking = [
            r
            for r in proxy.requests
            if r.target.endswith("?uploads") or (r.method == "PUT" and "uploadId" not in r.target)
        ]
        assert len(asking) == 3
        for sent in asking:
            assert sent.header("x-amz-server-side-encryption") == kind
            assert sent.header("x-amz-server-side-encryption-aws-kms-key-id") == key

    @pytest.mark.parametrize("call", ["put", "large", "copy"])
    def test_an_answer_that_does_not_confirm_it_is_refused(
        self, open_bucket: Any, proxy: FaultProxy, call: str
    ) -> None:
        """The data may be stored in the clear: nobody may think otherwise."""
        bucket = open_bucket(encryption="AES256")
        bucket.put("sealed", b"x")
        proxy.add(Fault("swap", match=_publishes, change=_without_encryption, times=None))
        calls: dict[str, Callable[[], object]] = {
            "put": lambda: bucket.put("sealed", b"y"),
            "large": lambda: bucket.put("sealed", bytes(8 * MIB + 1)),
            "copy": lambda: bucket.copy("sealed", "sealed-too"),
        }
        with pytest.raises(Unsupported, match="doesn't confirm the encryption"):
            calls[call]()

    def test_a_signed_put_carries_it(self, open_bucket: Any) -> None:
        """Whoever uses the URL must send it, or the signature fails."""
        signed = open_bucket(encryption="AES256").sign("key", method="PUT")
        assert signed.headers["x-amz-server-side-encryption"] == "AES256"
        assert "x-amz-server-side-encryption" in signed.url.lower()


def _publishes(request: Request) -> bool:
    return request.method == "PUT" or request.target.endswith("?uploads")


def _without_encryption(_: Request, answer: Answer) -> Answer:
    kept = [(k, v) for k, v in answer.headers if "server-side-encryption" not in k.lower()]
    return replaced(answer, headers=tuple(kept))


class TestAddresses:
    def test_an_endpoint_gets_the_bucket_in_the_path(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        bucket.put("k", b"")
        sent = only(proxy, "PUT")
        assert sent.target == "/aws-tests/k"
        assert sent.header("host") == f"127.0.0.1:{proxy.port}"

    def test_aws_gets_it_in_the_host(self, open_bucket: Any) -> None:
        """Nothing is sent to make a signed URL."""
        bucket = open_bucket(endpoint=None, region="eu-west-1")
        assert bucket.sign("k").url.startswith("https://aws-tests.s3.eu-west-1.amazonaws.com/k?")

    def test_what_temporary_credentials_sign_ends_with_them(
        self, open_bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever was asked for; keys that last sign for as long as one likes."""
        asked, now = timedelta(hours=5), datetime.now(UTC)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        lasting = open_bucket(endpoint=None).sign("k", expires=asked)
        assert lasting.expires_at >= now + asked - timedelta(seconds=1)
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        ends = now + timedelta(hours=1)
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
        assert open_bucket(endpoint=None).sign("k", expires=asked).expires_at == ends
        soon = open_bucket(endpoint=None).sign("k", expires=60)
        assert soon.expires_at < now + timedelta(minutes=5)

    def test_an_endpoint_may_be_told_to_take_it_in_the_host(self, open_bucket: Any) -> None:
        bucket = open_bucket(endpoint="https://objects.example.com", addressing="virtual")
        assert bucket.sign("k").url.startswith("https://aws-tests.objects.example.com/k?")

    def test_keys_are_sent_as_they_are(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """Percent-encoded once, and nothing normalised."""
        bucket.put("a b/ü+%41/e\u0301", b"")
        assert only(proxy, "PUT").target == "/aws-tests/a%20b/%C3%BC%2B%2541/e%CC%81"


class TestBodies:
    def test_a_large_body_is_sent_in_blocks(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A timeout is for one block: a slow line doesn't fail a part for being large."""
        sizes: list[int] = []
        plain = socket.socket.sendall

        def sendall(self: socket.socket, data: Any, *flags: int) -> None:
            if self.getpeername()[1] == int(bucket.native.meta.endpoint_url.rpartition(":")[2]):
                sizes.append(len(data))
            plain(self, data, *flags)

        monkeypatch.setattr(socket.socket, "sendall", sendall)
        bucket.put("blocks", bytes(3 * MIB))
        assert max(sizes) <= ONE_SEND
        assert sum(sizes) >= 3 * MIB

    def test_a_body_rewinds_to_its_own_first_byte(self) -> None:
        """botocore rewinds whatever it is given to position 0."""
        body = RequestBody(memoryview(bytes(range(200)))[150:])
        assert body.read() == bytes(range(150, 200))
        body.seek(0)
        assert body.read() == bytes(range(150, 200))
        assert len(body) == 50

    def test_only_large_bodies_are_announced(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """A part is refused before it is sent; a small body goes at once, without a trip more."""
        bucket.put("small", b"x")
        bucket.put("just small", bytes(ONE_SEND))
        assert [r.header("expect") for r in proxy.requests] == [None, None]
        proxy.clear()
        bucket.put("large", bytes(ONE_SEND + 1))
        assert only(proxy, "PUT").header("expect") == "100-continue"


REFUSED: dict[str, Callable[[Bucket], object]] = {
    "empty key": lambda b: b.put("", b""),
    "leading slash": lambda b: b.put("/a", b""),
    "trailing slash": lambda b: b.put("a/", b""),
    "dot dot": lambda b: b.put("a/../b", b""),
    "empty segment": lambda b: b.put("a//b", b""),
    "control character": lambda b: b.put("a\nb", b""),
    "backslash": lambda b: b.put("a\\b", b""),
    "surrogate": lambda b: b.put("\ud800", b""),
    "long key": lambda b: b.put("k" * 1025, b""),
    "key no str": lambda b: b.put(3, b""),  # type: ignore[arg-type]
    "text as data": lambda b: b.put("k", "text"),  # type: ignore[arg-type]
    "metadata name": lambda b: b.put("k", b"", metadata={"A-b": "x"}),
    "metadata size": lambda b: b.put("k", b"", metadata={"a": "x" * 3000}),
    "metadata type": lambda b: b.put("k", b"", metadata={"a": 1}),  # type: ignore[dict-item]
    "both conditions": lambda b: b.put("k", b"", if_absent=True, if_match="x"),
    "empty if_match": lambda b: b.put("k", b"", if_match=""),
    "content type": lambda b: b.put("k", b"", content_type="a\r\nb: c"),
    "range": lambda b: b.get("k", range=(1, 2, 3)),  # type: ignore[arg-type]
    "NUL": lambda b: b.get("a\0b"),
    "empty get": lambda b: b.get(""),
    "mode": lambda b: b.open("k", "ab"),
    "reader with metadata": lambda b: b.open("k", "rb", metadata={}),  # type: ignore[call-overload]
    "limit": lambda b: list(b.list(limit=-1)),
    "empty prefix": lambda b: b.delete_prefix(""),
    "one key as many": lambda b: b.delete_many("abc"),
    "copy target": lambda b: b.copy("a", "/b"),
    "move target": lambda b: b.move("a", "b/"),
    "sign method": lambda b: b.sign("k", method="POST"),
    "sign too long": lambda b: b.sign("k", expires=8 * 24 * 3600),
    "sign too short": lambda b: b.sign("k", expires=0),
    "sign content type": lambda b: b.sign("k", content_type="text/plain"),
    "age": lambda b: b.abort_stale_uploads(older_than="1d"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_argument_sends_nothing(bucket: Bucket, proxy: FaultProxy, name: str) -> None:
    """Not even a look at the bucket."""
    with pytest.raises(InvalidArgument) as caught:
        REFUSED[name](bucket)
    assert proxy.requests == []
    assert caught.value.provider == "aws"


@pytest.mark.parametrize("options", [{"if_absent": True}, {"if_match": "x"}])
def test_a_condition_that_the_server_ignores_sends_nothing(
    open_bucket: Any, proxy: FaultProxy, options: dict[str, Any]
) -> None:
    bucket = open_bucket(conditional_writes=False)
    with pytest.raises(Unsupported, match="doesn't enforce"):
        bucket.put("k", b"", **options)
    with pytest.raises(Unsupported, match="doesn't enforce"):
        bucket.open("k", "wb", **options)
    assert proxy.requests == []
