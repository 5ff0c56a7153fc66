"""What is really sent: paths, headers, bodies, and how little of it."""

from __future__ import annotations

import base64
import gzip
import json
import urllib.request
from typing import Any

import google_crc32c
import pytest

from portable.errors import (
    InvalidKey,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    Unavailable,
)
from portable.storage import Bucket
from portable.storage.driver import WriteOptions
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import Answer, Fault, FaultProxy, Request
from portable_gcp import batch
from portable_gcp.client import key_path
from portable_gcp.storage import GcsStorage

from .conftest import BUCKET, Open

MIB = 1024**2


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def json_error(status: int, reason: str, words: str = "words") -> Answer:
    about = {"error": {"code": status, "message": words, "errors": [{"reason": reason}]}}
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(about).encode())


def foreign(fake: FakeGcs, key: str, data: bytes, **headers: str) -> None:
    """Store an object as another tool would."""
    request = urllib.request.Request(
        f"{fake.endpoint}/{BUCKET}/{key_path(key)}", data=data, headers=headers, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=20):
        pass


class TestOneRequestEach:
    @pytest.mark.parametrize(
        ("call", "path"),
        [
            (lambda bucket: bucket.put("new", b"x"), "/upload/storage/v1/b/gcp-tests/o"),
            (lambda bucket: bucket.get("a/key"), "/gcp-tests/a/key"),
            (lambda bucket: bucket.stat("a/key"), "/storage/v1/b/gcp-tests/o/a%2Fkey"),
            (lambda bucket: bucket.delete("a/key"), "/storage/v1/b/gcp-tests/o/a%2Fkey"),
            (lambda bucket: list(bucket.list()), "/storage/v1/b/gcp-tests/o"),
        ],
        ids=["put", "get", "stat", "delete", "list"],
    )
    def test_a_call_is_one_request(
        self, bucket: Bucket, proxy: FaultProxy, call: Any, path: str
    ) -> None:
        bucket.put("a/key", b"body")
        before = len(proxy.requests)
        call(bucket)
        (request,) = proxy.requests[before:]
        assert request.target.partition("?")[0] == path

    @pytest.mark.parametrize("attempts", [1, 3])
    def test_nothing_below_the_core_retries(
        self, open_bucket: Open, proxy: FaultProxy, attempts: int
    ) -> None:
        proxy.add(Fault("status", answer=json_error(503, "backendError"), times=None))
        with pytest.raises(Unavailable):
            open_bucket(attempts=attempts).stat("key")
        assert len(proxy.requests) == attempts


class TestIntegrity:
    def test_a_put_carries_its_crc32c(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """In the metadata, which Google compares before it stores."""
        bucket.put("key", b"some data", metadata={"x": "é"})
        (sent,) = proxy.requests
        described = json.loads(sent.body.split(b"\r\n\r\n")[1].split(b"\r\n--")[0])
        assert described["crc32c"] == crc32c(b"some data")
        assert described["name"] == "key"

    def test_each_part_carries_its_crc32c(self, bucket: Bucket, proxy: FaultProxy) -> None:
        bucket.put("key", bytes(range(256)) * (9 * MIB // 256))
        parts = [request for request in proxy.requests if "partNumber" in request.target]
        assert len(parts) == 2
        assert [part.header("x-goog-hash") for part in parts] == [
            f"crc32c={crc32c(part.body)}" for part in parts
        ]

    @pytest.mark.parametrize("size", [1000, 9 * MIB])
    def test_what_was_spoiled_on_the_way_is_sent_again(
        self, bucket: Bucket, proxy: FaultProxy, size: int
    ) -> None:
        """The server refuses it; the second try is good."""
        data = bytes(size)
        rule = proxy.add(Fault("flip_up", method="PUT" if size > MIB else "POST", at=-100))
        bucket.put("key", data)
        assert rule.fired == 1
        assert bucket.get("key") == data

    def test_an_object_kept_packed_is_given_as_stored(self, bucket: Bucket, fake: FakeGcs) -> None:
        """Google unpacks it for clients that don't say they can."""
        packed = gzip.compress(b"text " * 100)
        foreign(fake, "page.html", packed, **{"Content-Encoding": "gzip"})
        assert bucket.get("page.html") == packed
        assert bucket.get("page.html", range=(0, 2)) == packed[:2]
        assert bucket.stat("page.html").size == len(packed)

    def test_an_object_unpacked_on_the_way_is_refused(
        self, open_bucket: Open, fake: FakeGcs, proxy: FaultProxy
    ) -> None:
        """By a proxy, say: its bytes aren't those that were stored."""
        headers = (
            ("x-goog-generation", "7"),
            ("x-goog-stored-content-length", "100"),
            ("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT"),
        )
        proxy.add(Fault("status", answer=Answer(200, headers, b"longer"), times=None))
        with pytest.raises(Unavailable, match="100 bytes are stored"):
            open_bucket(attempts=1).get("key")


class TestConditions:
    @pytest.mark.parametrize("revision", ["0", "-1", "x", "1e3", "٣", "1" * 30])
    def test_a_revision_that_is_none_of_googles_matches_nothing(
        self, bucket: Bucket, proxy: FaultProxy, revision: str
    ) -> None:
        """0 above all: it means "no object" there."""
        for call in (
            lambda: bucket.put("key", b"x", if_match=revision),
            lambda: bucket.put("key", bytes(9 * MIB), if_match=revision),
            lambda: bucket.get("key", if_match=revision),
        ):
            with pytest.raises(PreconditionFailed):
                call()
        assert proxy.requests == []

    def test_a_read_goes_on_with_its_generation(self, bucket: Bucket, proxy: FaultProxy) -> None:
        revision = bucket.put("key", bytes(1000)).revision
        proxy.add(Fault("truncate", method="GET", at=100))
        bucket.get("key")
        assert [request.header("x-goog-if-generation-match") for request in proxy.requests[1:]] == [
            None,
            revision,
        ]

    def test_an_answer_of_another_generation_is_refused(self, driver: GcsStorage) -> None:
        """Some stand-ins ignore the condition."""
        driver.put("key", b"one", 0, WriteOptions(content_type="x/y", metadata={}))
        with pytest.raises(PreconditionFailed):
            driver.read("key", start=0, end=None, if_match="7")
        with pytest.raises(PreconditionFailed):
            driver.delete(["key"], if_match="7")


class TestKeys:
    @pytest.mark.parametrize("key", ["a/../b", "./a", "a//b", "/a", "a/", "..", "a/.."])
    def test_foreign_keys_are_read_as_they_are(
        self, bucket: Bucket, fake: FakeGcs, key: str
    ) -> None:
        foreign(fake, key, b"theirs")
        assert [info.key for info in bucket.list()] == [key]
        assert bucket.get(key) == b"theirs"
        assert bucket.stat(key).size == 6
        bucket.delete(key)
        assert list(bucket.list()) == []

    @pytest.mark.parametrize("key", [".portable-unfinished/x", "a/.portable-unfinished/x"])
    def test_the_folder_of_unfinished_uploads_takes_no_keys(
        self, bucket: Bucket, proxy: FaultProxy, key: str
    ) -> None:
        for data in (b"x", bytes(9 * MIB)):
            with pytest.raises(InvalidKey, match="unfinished"):
                bucket.put(key, data)
        assert proxy.requests == []

    def test_that_folder_is_not_listed(self, bucket: Bucket, fake: FakeGcs) -> None:
        for key in (
            ".portable-unfinished/x",
            "a/.portable-unfinished/x",
            "a/x.portable-unfinished/y",
        ):
            foreign(fake, key, b"x")
        assert [info.key for info in bucket.list()] == ["a/x.portable-unfinished/y"]
        assert bucket.listdir().prefixes == ["a/"]
        assert bucket.listdir("a/").prefixes == ["a/x.portable-unfinished/"]


class TestBatches:
    def test_a_hundred_keys_are_one_request(self, bucket: Bucket, proxy: FaultProxy) -> None:
        report = bucket.delete_many(f"key-{number}" for number in range(batch.MOST + 1))
        assert report.ok
        assert [request.method for request in proxy.requests] == ["POST", "DELETE"]

    def test_keys_of_any_letters_are_deleted(self, bucket: Bucket) -> None:
        keys = ["é/日本", "a b", "%41", "q?a=1#f", "a\"'<>&"]
        for key in keys:
            bucket.put(key, b"x")
        assert bucket.delete_many(keys).deleted == len(keys)
        assert list(bucket.list()) == []

    def test_one_key_that_is_refused_is_reported(self, bucket: Bucket, proxy: FaultProxy) -> None:
        proxy.add(Fault("status", answer=_answered([204, 403, 404])))
        report = bucket.delete_many(["a", "b", "c"])
        assert report.deleted == 2
        assert isinstance(report.errors["b"], PermissionDenied)

    def test_keys_that_are_all_refused_are_an_error(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        proxy.add(Fault("status", answer=_answered([403, 403])))
        with pytest.raises(PermissionDenied):
            bucket.delete_many(["a", "b"])

    def test_a_batch_with_a_call_that_may_succeed_later_is_sent_again(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        proxy.add(Fault("status", answer=_answered([204, 503])))
        assert bucket.delete_many(["a", "b"]).ok
        assert len(proxy.requests) == 2

    @pytest.mark.parametrize("body", [b"", b"--batch\r\n\r\n--batch--", b"x" * 100])
    def test_an_answer_that_is_not_whole_proves_nothing(
        self, open_bucket: Open, proxy: FaultProxy, body: bytes
    ) -> None:
        kind = (("Content-Type", "multipart/mixed; boundary=batch"),)
        proxy.add(Fault("status", answer=Answer(200, kind, body), times=None))
        with pytest.raises(PortableError, match="batch"):
            open_bucket(attempts=1).delete_many(["a", "b"])


def _answered(statuses: list[int]) -> Answer:
    parts = [
        f"--batch\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
        f"HTTP/1.1 {status} Words\r\nContent-Type: application/json\r\n\r\n"
        for number, status in enumerate(statuses)
    ]
    kind = (("Content-Type", "multipart/mixed; boundary=batch"),)
    return Answer(200, kind, ("\r\n".join(parts) + "\r\n--batch--").encode())


class TestStorageClass:
    @pytest.mark.parametrize("size", [1, 9 * MIB])
    def test_one_that_no_header_can_have(self, bucket: Bucket, fake: FakeGcs, size: int) -> None:
        """It is refused here or by Google, and never becomes a header of its own."""
        with pytest.raises(PortableError):
            bucket.put("key", bytes(size), storage_class="X\r\nx-goog-acl: public-read")
        assert list(bucket.list()) == []

    @pytest.mark.parametrize("size", [1, 9 * MIB])
    def test_one_is_kept(self, bucket: Bucket, size: int) -> None:
        bucket.put("key", bytes(size), storage_class="COLDLINE")
        assert bucket.stat("key").storage_class == "COLDLINE"


class TestBilling:
    def test_the_project_that_pays_is_named_in_every_request(
        self, open_bucket: Open, proxy: FaultProxy
    ) -> None:
        bucket = open_bucket(billing_project="acme-billing")
        bucket.put("key", b"x")
        bucket.get("key")
        list(bucket.list())
        assert {_payer(request) for request in proxy.requests} == {"acme-billing"}


def _payer(request: Request) -> str | None:
    return request.header("x-goog-user-project")
