"""The fake Google Cloud Storage: strict where the real one is, to clients that aren't ours."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import random
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c
import pytest
import requests
from google.api_core import exceptions as sdk
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from google.oauth2 import service_account

from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.gcs.state import _crc32c

if TYPE_CHECKING:
    from google.cloud.storage import Bucket
    from obstore.store import GCSStore

BUCKET = "bucket"
ACCOUNT: Any = service_account.Credentials
NOBODY: Any = AnonymousCredentials
MIB = 1024**2


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGcs]:
    with FakeGcs() as server:
        yield server


@pytest.fixture
def bucket(server: FakeGcs) -> Bucket:
    """Through google-cloud-storage, without retries."""
    server.make_bucket(BUCKET)
    return client(server).bucket(BUCKET)


@pytest.fixture
def store(server: FakeGcs, bucket: Bucket) -> GCSStore:
    """Through obstore, which speaks the XML API."""
    from obstore.store import GCSStore

    make: Any = GCSStore
    made: GCSStore = make(
        bucket.name,
        config={"base_url": server.endpoint},
        credential_provider=lambda: {"token": "anonymous", "expires_at": None},
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    return made


def client(server: FakeGcs, credentials: Any = None) -> Client:
    return Client(
        project="testing",
        credentials=credentials or NOBODY(),
        client_options={"api_endpoint": server.endpoint},
    )


def put(bucket: Bucket, key: str, data: bytes = b"body", **options: Any) -> Any:
    blob = bucket.blob(key)
    blob.upload_from_string(data, retry=None, **options)
    return blob


def xml(server: FakeGcs, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{server.endpoint}/{path}", timeout=20, **options)


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


class TestGenerations:
    def test_each_write_has_a_larger_one(self, bucket: Bucket) -> None:
        seen = [put(bucket, "key").generation for _ in range(5)]
        assert seen == sorted(set(seen))

    def test_a_put_meets_them(self, bucket: Bucket) -> None:
        first = put(bucket, "key", if_generation_match=0).generation
        with pytest.raises(sdk.PreconditionFailed):
            put(bucket, "key", if_generation_match=0)
        put(bucket, "key", if_generation_match=first)
        for stale in (first, 7):
            with pytest.raises(sdk.PreconditionFailed):
                put(bucket, "key", if_generation_match=stale)
        with pytest.raises(sdk.PreconditionFailed):
            put(bucket, "missing", if_generation_match=first)

    def test_a_read_meets_them(self, bucket: Bucket) -> None:
        blob = put(bucket, "key")
        assert blob.download_as_bytes(if_generation_match=blob.generation) == b"body"
        with pytest.raises(sdk.PreconditionFailed):
            blob.download_as_bytes(if_generation_match=7)
        with pytest.raises(sdk.NotModified):
            bucket.get_blob("key", if_generation_not_match=blob.generation)
        old = blob.generation
        put(bucket, "key", b"new")
        with pytest.raises(sdk.NotFound):
            bucket.blob("key", generation=old).download_as_bytes()

    def test_a_delete_meets_them(self, bucket: Bucket) -> None:
        blob = put(bucket, "key")
        with pytest.raises(sdk.PreconditionFailed):
            bucket.blob("key").delete(if_generation_match=7, retry=None)
        bucket.blob("key").delete(if_generation_match=blob.generation, retry=None)
        with pytest.raises(sdk.NotFound):
            bucket.blob("key").delete(retry=None)

    def test_a_copy_meets_those_of_both_ends(self, bucket: Bucket) -> None:
        source, target = put(bucket, "source"), put(bucket, "target", b"old")
        with pytest.raises(sdk.PreconditionFailed):
            bucket.blob("target").rewrite(source, if_generation_match=0, retry=None)
        with pytest.raises(sdk.PreconditionFailed):
            bucket.blob("target").rewrite(source, if_source_generation_match=7, retry=None)
        bucket.blob("target").rewrite(
            source,
            if_generation_match=target.generation,
            if_source_generation_match=source.generation,
            retry=None,
        )
        assert bucket.blob("target").download_as_bytes() == b"body"

    def test_a_compose_meets_them(self, bucket: Bucket) -> None:
        parts = [put(bucket, name, name.encode()) for name in ("a", "b")]
        bucket.blob("ab").compose(parts, if_generation_match=0, retry=None)
        assert bucket.blob("ab").download_as_bytes() == b"ab"
        with pytest.raises(sdk.PreconditionFailed):
            bucket.blob("ab").compose(parts, if_generation_match=0, retry=None)

    def test_a_patch_meets_those_of_the_metadata(self, bucket: Bucket) -> None:
        blob = put(bucket, "key")
        blob.metadata = {"a": "1"}
        blob.patch(if_metageneration_match=1, retry=None)
        blob.metadata = {"a": "2"}
        with pytest.raises(sdk.PreconditionFailed):
            blob.patch(if_metageneration_match=1, retry=None)
        assert bucket.get_blob("key").metadata == {"a": "1"}

    def test_a_number_that_is_none_is_refused(self, server: FakeGcs, bucket: Bucket) -> None:
        path = f"storage/v1/b/{BUCKET}/o/key?ifGenerationMatch=abc"
        put(bucket, "key")
        assert xml(server, "GET", path).status_code == 400


class TestChecksums:
    def test_a_wrong_one_is_refused_and_nothing_stored(
        self, server: FakeGcs, bucket: Bucket
    ) -> None:
        wrong = {"crc32c": crc32c(b"other"), "md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}
        for name, value in wrong.items():
            body = (
                f"--b\r\nContent-Type: application/json\r\n\r\n{json.dumps({'name': 'k', name: value})}"
                "\r\n--b\r\nContent-Type: text/plain\r\n\r\nbody\r\n--b--"
            )
            path = f"upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"
            kind = {"Content-Type": "multipart/related; boundary=b"}
            assert xml(server, "POST", path, data=body, headers=kind).status_code == 400
        for header, value in (
            ("x-goog-hash", f"crc32c={crc32c(b'other')}"),
            ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ):
            answer = xml(server, "PUT", f"{BUCKET}/k", data=b"body", headers={header: value})
            assert (answer.status_code, "BadDigest" in answer.text) == (400, True)
        assert list(bucket.list_blobs()) == []

    def test_it_gives_right_ones(self, bucket: Bucket) -> None:
        assert put(bucket, "key", b"hello").crc32c == crc32c(b"hello")

    def test_its_own_crc32c_is_the_librarys(self) -> None:
        data = random.Random(1).randbytes(999)
        assert _crc32c(data) == google_crc32c.value(data)


class TestReading:
    @pytest.mark.parametrize(
        ("asked", "status", "body"),
        [
            ("bytes=0-1", 206, b"01"),
            ("bytes=8-", 206, b"89"),
            ("bytes=8-99", 206, b"89"),
            ("bytes=-3", 206, b"789"),
            ("bytes=-99", 206, b"0123456789"),
            ("bytes=10-", 416, None),
            ("bytes=0-1,4-5", 200, b"0123456789"),
        ],
    )
    def test_a_range(
        self, server: FakeGcs, bucket: Bucket, asked: str, status: int, body: bytes | None
    ) -> None:
        put(bucket, "key", b"0123456789")
        for path in (f"{BUCKET}/key", f"download/storage/v1/b/{BUCKET}/o/key?alt=media"):
            answer = xml(server, "GET", path, headers={"Range": asked})
            assert answer.status_code == status
            assert body is None or answer.content == body

    def test_an_object_kept_packed_is_unpacked_unless_the_client_can(
        self, server: FakeGcs, bucket: Bucket
    ) -> None:
        packed = gzip.compress(b"text")
        xml(server, "PUT", f"{BUCKET}/key", data=packed, headers={"Content-Encoding": "gzip"})
        plain = xml(server, "GET", f"{BUCKET}/key", headers={"Accept-Encoding": "identity"})
        assert plain.content == b"text"
        assert "Content-Encoding" not in plain.headers
        assert bucket.blob("key").download_as_bytes(raw_download=True) == packed

    def test_a_missing_bucket_is_told_from_a_missing_object(
        self, server: FakeGcs, bucket: Bucket
    ) -> None:
        assert "NoSuchKey" in xml(server, "GET", f"{BUCKET}/nope").text
        assert "NoSuchBucket" in xml(server, "GET", "nobody/nope").text
        with pytest.raises(sdk.NotFound, match="bucket does not exist"):
            list(client(server).bucket("nobody").list_blobs(retry=None))


class TestListing:
    def test_pages_prefixes_and_offsets(self, bucket: Bucket) -> None:
        keys = ["a", "a-", "a/1", "a/2", "a/3/x", "b/1", "é", "😀", "\uffee"]
        for key in keys:
            put(bucket, key)
        in_order = sorted(keys, key=str.encode)
        for size in (1, 2, 3, 100):
            assert [blob.name for blob in bucket.list_blobs(page_size=size)] == in_order
            found = bucket.list_blobs(prefix="a", delimiter="/", page_size=size)
            assert [blob.name for blob in found] == ["a", "a-"]
            assert set(found.prefixes) == {"a/"}
        assert [blob.name for blob in bucket.list_blobs(start_offset="a/2")] == in_order[3:]

    def test_the_xml_api_lists_alike(self, bucket: Bucket, store: GCSStore) -> None:
        keys = [f"{number:04}" for number in range(1002)] + ["x/1", "x/2/3"]
        for key in keys:
            put(bucket, key, b"")
        assert [each["path"] for page in store.list() for each in page] == sorted(keys)
        level = store.list_with_delimiter("x")
        assert level["common_prefixes"] == ["x/2"]
        assert [each["path"] for each in level["objects"]] == ["x/1"]


class TestObstore:
    def test_it_puts_gets_and_deletes(self, bucket: Bucket, store: GCSStore) -> None:
        store.put("a/key", b"body", attributes={"Content-Type": "x/y", "name": "value"})
        blob = bucket.get_blob("a/key")
        assert (blob.content_type, blob.metadata) == ("x/y", {"name": "value"})
        assert bytes(store.get("a/key").bytes()) == b"body"
        assert bytes(store.get_range("a/key", start=1, end=3)) == b"od"
        assert store.head("a/key")["size"] == 4
        store.copy("a/key", "b")
        store.delete(["a/key", "b"])
        assert list(bucket.list_blobs()) == []

    def test_it_creates_and_swaps(self, bucket: Bucket, store: GCSStore) -> None:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        first: Any = store.put("key", b"1", mode="create")
        with pytest.raises(AlreadyExistsError):
            store.put("key", b"2", mode="create")
        store.put("key", b"2", mode=first)
        with pytest.raises(PreconditionError):
            store.put("key", b"3", mode=first)
        assert bucket.blob("key").download_as_bytes() == b"2"

    def test_it_uploads_in_parts(self, bucket: Bucket, store: GCSStore) -> None:
        data = random.Random(2).randbytes(12 * MIB)
        store.put("key", data, use_multipart=True, chunk_size=5 * MIB)
        blob = bucket.get_blob("key")
        assert blob.download_as_bytes() == data
        assert blob.md5_hash is None
        assert blob.crc32c == crc32c(data)


class TestMultipart:
    def begin(self, server: FakeGcs) -> str:
        answer = xml(server, "POST", f"{BUCKET}/key?uploads", headers={"x-goog-meta-a": "b"})
        return answer.text.partition("<UploadId>")[2].partition("<")[0]

    def complete(
        self, server: FakeGcs, upload: str, parts: list[tuple[int, str]], **headers: str
    ) -> str:
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
        path = f"{BUCKET}/key?uploadId={upload}"
        return xml(server, "POST", path, data=body, headers=headers).text

    def part(self, server: FakeGcs, upload: str, number: int, data: bytes) -> str:
        path = f"{BUCKET}/key?uploadId={upload}&partNumber={number}"
        return xml(server, "PUT", path, data=data).headers["ETag"]

    def test_nothing_is_there_before_it_is_complete(self, server: FakeGcs, bucket: Bucket) -> None:
        upload = self.begin(server)
        tag = self.part(server, upload, 1, b"body")
        assert list(bucket.list_blobs()) == []
        assert upload in xml(server, "GET", f"{BUCKET}?uploads").text
        assert "CompleteMultipartUploadResult" in self.complete(server, upload, [(1, tag)])
        assert bucket.get_blob("key").metadata == {"a": "b"}
        assert "NoSuchUpload" in self.complete(server, upload, [(1, tag)])

    def test_what_is_wrong_is_refused(self, server: FakeGcs, bucket: Bucket) -> None:
        upload = self.begin(server)
        tags = [self.part(server, upload, number, b"body") for number in (1, 2)]
        both = [(1, tags[0]), (2, tags[1])]
        assert "EntityTooSmall" in self.complete(server, upload, both)
        assert "InvalidPartOrder" in self.complete(server, upload, both[::-1])
        assert "InvalidPart" in self.complete(server, upload, [(3, tags[0])])
        assert "InvalidPart" in self.complete(server, upload, [(1, "other")])
        condition = {"x-goog-if-generation-match": "0"}
        assert "NotImplemented" in self.complete(server, upload, both[:1], **condition)
        assert list(bucket.list_blobs()) == []


class TestResumable:
    def test_the_sdk_uploads_in_chunks(self, bucket: Bucket) -> None:
        data = random.Random(3).randbytes(3 * 256 * 1024 + 5)
        blob = bucket.blob("key", chunk_size=256 * 1024)
        blob.upload_from_string(data, if_generation_match=0)
        assert bucket.blob("key").download_as_bytes() == data
        with pytest.raises(sdk.PreconditionFailed):
            bucket.blob("key", chunk_size=256 * 1024).upload_from_string(
                data, if_generation_match=0
            )


class TestBatch:
    def test_each_call_has_its_answer(self, server: FakeGcs, bucket: Bucket) -> None:
        for key in ("a", "b c"):
            put(bucket, key)
        with client(server).batch(raise_exception=False) as batch:
            for key in ("a", "missing", "b c"):
                bucket.delete_blob(key, client=batch._client)
        assert [response.status_code for response in batch._responses] == [204, 404, 204]


class TestAccess:
    @pytest.fixture
    def guarded(self) -> Iterator[FakeGcs]:
        with FakeGcs(needs_credentials=True) as server:
            server.make_bucket(BUCKET)
            yield server

    def test_who_has_no_credentials_is_refused(self, guarded: FakeGcs) -> None:
        path = f"storage/v1/b/{BUCKET}/o"
        assert xml(guarded, "GET", path).json()["error"]["code"] == 401
        assert xml(guarded, "GET", f"{BUCKET}/key").status_code == 401

    def test_an_account_is_let_in_and_another_kept_out(self, guarded: FakeGcs) -> None:
        allowed = ACCOUNT.from_service_account_info(guarded.account("a"))
        put(client(guarded, allowed).bucket(BUCKET), "key")
        denied = ACCOUNT.from_service_account_info(guarded.account("b", allowed=False))
        with pytest.raises(sdk.Forbidden):
            put(client(guarded, denied).bucket(BUCKET), "key")

    def test_a_token_that_was_taken_back_or_made_up_is_refused(self, guarded: FakeGcs) -> None:
        made_up = {"Authorization": "Bearer made-up"}
        assert xml(guarded, "GET", f"{BUCKET}/key", headers=made_up).status_code == 401

    def test_a_signature_is_of_one_request_for_its_time(self, guarded: FakeGcs) -> None:
        allowed = ACCOUNT.from_service_account_info(guarded.account("a"))
        bucket = client(guarded, allowed).bucket(BUCKET)
        blob = put(bucket, "a/é b")
        options = {"version": "v4", "api_access_endpoint": guarded.endpoint}
        url = blob.generate_signed_url(expiration=timedelta(seconds=60), **options)
        assert requests.get(url, timeout=20).content == b"body"
        assert requests.delete(url, timeout=20).status_code == 403
        assert requests.get(url.replace("%20b", "%20c"), timeout=20).status_code == 403
        assert requests.get(url[:-1] + "z", timeout=20).status_code == 403
        short = blob.generate_signed_url(expiration=timedelta(seconds=1), **options)
        time.sleep(1.1)
        assert requests.get(short, timeout=20).status_code == 400


class TestServer:
    def test_it_runs_as_a_process(self, tmp_path: Path) -> None:
        """As ``python -m portable.testing.fakes.gcs PORT``."""
        import subprocess
        import sys

        from portable.testing.servers._ports import reserved

        with reserved() as (port, _):
            command = [sys.executable, "-m", "portable.testing.fakes.gcs", str(port)]
            with subprocess.Popen(command) as process:
                try:
                    assert _first_answer(port) == 404
                finally:
                    process.terminate()

    def test_it_stops_at_once_and_lets_go_of_its_port(self) -> None:
        server = FakeGcs()
        server.start()
        port = int(server.endpoint.rpartition(":")[2])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as idle:
            idle.request("GET", "/nobody/key")
            idle.getresponse().read()
            started = time.monotonic()
            server.stop()
            assert time.monotonic() - started < 10
        with FakeGcs(port):
            pass

    def test_bodies_in_chunks_and_what_is_no_http(self, server: FakeGcs, bucket: Bucket) -> None:
        xml(server, "PUT", f"{BUCKET}/key", data=iter([b"in ", b"chunks"]))
        assert bucket.blob("key").download_as_bytes() == b"in chunks"
        port = int(server.endpoint.rpartition(":")[2])
        import socket

        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            peer.sendall(b"\x16\x03\x01 is no http\r\n\r\n")
            assert peer.recv(100) == b""


def _first_answer(port: int) -> int:
    until = time.monotonic() + 20
    while True:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as peer:
                peer.request("GET", "/nobody/key")
                return peer.getresponse().status
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
