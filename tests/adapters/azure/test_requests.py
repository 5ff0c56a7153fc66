"""What is sent, and what is made of Azure's own ways."""

from __future__ import annotations

import gzip
import subprocess
import time
import zlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from azure.storage.blob import BlobBlock, ContentSettings

from portable.errors import (
    AlreadyExists,
    BucketNotFound,
    NotFound,
    ObjectChanged,
    PortableError,
    Unsupported,
)
from portable.storage import Bucket
from portable.storage.driver import Part, WriteOptions
from portable.testing.faults import Fault, FaultProxy, error_answer
from portable_azure import copying
from portable_azure.blocks import block_id, new_upload
from portable_azure.shapes import page

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from portable_azure.storage import AzureStorage

pytestmark = pytest.mark.xdist_group("azurite")
WRITE = WriteOptions(content_type="a/b", metadata={})
LARGE = bytes(range(256)) * 36 * 1024


def driver_of(bucket: Bucket) -> AzureStorage:
    driver: Any = bucket._connection.driver
    return driver  # type: ignore[no-any-return]


def staged(bucket: Bucket, key: str, *bodies: bytes) -> tuple[str, list[Any]]:
    """An upload with blocks, neither committed nor aborted."""
    driver = driver_of(bucket)
    upload = driver.begin(key, WRITE)
    parts = [
        driver.upload_part(key, upload, Part(number, 0, body, 0))
        for number, body in enumerate(bodies, 1)
    ]
    return upload, parts


class TestRequests:
    def test_connecting_sends_nothing(self, bucket: Bucket, proxy: FaultProxy) -> None:
        assert bucket.native.container_name == "azure-tests"
        assert proxy.requests == []

    def test_a_small_put_is_one_request(self, bucket: Bucket, proxy: FaultProxy) -> None:
        bucket.put("key", b"data", metadata={"who": "ü"})
        (sent,) = proxy.requests
        assert (sent.method, sent.body) == ("PUT", b"data")
        assert sent.header("content-md5") == "jXd/OF09/siBXSD3SWAm3A=="
        assert sent.header("x-ms-blob-type") == "BlockBlob"
        assert sent.header("x-ms-meta-who") == "=?utf-8?b?w7w=?="

    def test_every_block_has_its_digest(self, bucket: Bucket, proxy: FaultProxy) -> None:
        bucket.put("key", LARGE)
        blocks = [each for each in proxy.requests if "comp=block&" in each.target]
        assert len(blocks) == 2
        assert all(each.header("content-md5") for each in proxy.requests if each.method == "PUT")

    def test_a_netrc_file_is_not_looked_at(
        self, bucket: Bucket, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Requests would put its password in place of our signature."""
        (tmp_path / ".netrc").write_text("default login a password canary\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        bucket.put("key", b"x")
        assert str(proxy.requests[0].header("authorization")).startswith("SharedKey ")

    def test_the_end_of_an_object_is_pinned(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """Azure knows no range from the end, so it is looked at first."""
        bucket.put("key", b"0123456789")
        proxy.clear()
        driver = driver_of(bucket)
        read = driver.read("key", start=-3, end=None, if_match=None)
        assert read.read(100) == b"789"
        assert [each.method for each in proxy.requests] == ["HEAD", "GET"]
        assert proxy.requests[1].header("if-match") == read.info.revision

    def test_compressed_bytes_come_as_they_are_stored(
        self, bucket: Bucket, sdk: ContainerClient
    ) -> None:
        """Whatever their content encoding says."""
        packed = gzip.compress(b"plain" * 1000)
        said = ContentSettings(content_encoding="gzip")
        sdk.upload_blob("packed", packed, content_settings=said)
        assert bucket.get("packed") == packed

    def test_a_listing_begins_after_a_key(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """The service begins with it, and is asked for one more."""
        for key in "abcd":
            bucket.put(key, b"")
        proxy.clear()
        found = list(bucket.list(start_after="b", limit=2))
        assert [each.key for each in found] == ["c", "d"]
        assert found[0].metadata == {}
        assert found[0].checksum is not None
        (sent,) = proxy.requests
        assert "startFrom=b" in sent.target
        assert "maxresults=3" in sent.target

    @pytest.mark.parametrize("key", ["./x", "a/../b", "..", "a//b", "/a", "a/", "a;b?c#d%20"])
    def test_other_tools_keys_are_sent_as_they_are(
        self, bucket: Bucket, sdk: ContainerClient, key: str
    ) -> None:
        """No client on the way tidies the path up."""
        driver = driver_of(bucket)
        driver.put(key, b"theirs", 0, WRITE)
        assert list(sdk.list_blob_names()) == [key]
        assert driver.stat(key).size == 6
        driver.delete([key])
        assert list(sdk.list_blob_names()) == []

    def test_what_is_deleted_together_is_counted_alone(
        self, bucket: Bucket, sdk: ContainerClient
    ) -> None:
        keys = [f"many/{number}" for number in range(40)]
        for key in keys:
            bucket.put(key, b"")
        report = bucket.delete_many([*keys, "missing"])
        assert (report.deleted, dict(report.errors)) == (41, {})
        assert list(sdk.list_blob_names()) == []


class TestBlocks:
    def test_nobody_takes_anothers_block_for_his_own(self, bucket: Bucket) -> None:
        """Two uploads to one key, both with a block 1."""
        first, parts = staged(bucket, "key", b"first")
        staged(bucket, "key", b"second")
        driver_of(bucket).commit("key", first, parts, 0, WRITE)
        assert bucket.get("key") == b"first"

    def test_a_commit_that_dropped_anothers_blocks_is_not_silent(self, bucket: Bucket) -> None:
        """Azure drops them; whoever comes second is told, and nothing of his is visible."""
        driver = driver_of(bucket)
        first, parts = staged(bucket, "key", b"first")
        second, lost = staged(bucket, "key", b"second")
        driver.commit("key", first, parts, 0, WRITE)
        with pytest.raises(NotFound, match="another write to this key was finished meanwhile"):
            driver.commit("key", second, lost, 0, WRITE)
        assert bucket.get("key") == b"first"

    def test_a_commit_is_carried_out_once(self, bucket: Bucket) -> None:
        """Its blocks are used up: no later object is overwritten by a second one."""
        driver = driver_of(bucket)
        upload, parts = staged(bucket, "key", b"first")
        driver.commit("key", upload, parts, 0, WRITE)
        with pytest.raises(NotFound):
            driver.commit("key", upload, parts, 0, WRITE)

    def test_an_abort_drops_its_own_blocks_only(self, bucket: Bucket, sdk: ContainerClient) -> None:
        """They shrink to a byte: Azure can't remove any. Nothing becomes visible."""
        driver = driver_of(bucket)
        ours, _ = staged(bucket, "key", b"ours", b"more")
        theirs, parts = staged(bucket, "key", b"theirs")
        driver.abort("key", ours)
        driver.abort("key", ours)
        assert list(sdk.list_blob_names()) == []
        assert [each.upload for each in driver.uploads("")] == [theirs]
        _, blocks = sdk.get_blob_client("key").get_block_list("uncommitted")
        assert sorted(block.size for block in blocks) == [1, 1, 6]
        driver.commit("key", theirs, parts, 0, WRITE)
        assert bucket.get("key") == b"theirs"

    def test_uploads_over_an_object_are_found(self, bucket: Bucket) -> None:
        """A listing doesn't show them."""
        bucket.put("key", b"old")
        upload, _ = staged(bucket, "key", b"new")
        (found,) = driver_of(bucket).uploads("")
        assert (found.key, found.upload) == ("key", upload)

    def test_other_tools_uploads_are_left_alone(self, bucket: Bucket, sdk: ContainerClient) -> None:
        """Their age isn't known."""
        blob = sdk.get_blob_client("another")
        blob.stage_block("theirs", b"theirs")
        assert bucket.abort_stale_uploads(0) == 0
        blob.commit_block_list([BlobBlock("theirs")])
        assert bucket.get("another") == b"theirs"

    def test_block_ids_that_do_not_go_together(self, bucket: Bucket, sdk: ContainerClient) -> None:
        """All of a blob's have one length: the text says whose fault it is."""
        sdk.get_blob_client("another").stage_block("short", b"theirs")
        with pytest.raises(Unsupported, match="another tool has begun an upload"):
            bucket.put("another", LARGE)
        bucket.put("another", b"small ones pass")

    def test_ids_have_one_length(self) -> None:
        assert len({len(block_id(new_upload(), number)) for number in (1, 99, 50_000)}) == 1

    def test_no_container(self, open_bucket: Any) -> None:
        """A large put fails at its first block, and leaves nothing to abort."""
        with pytest.raises(BucketNotFound):
            open_bucket(container="no-such-container").put("key", LARGE)

    def test_if_absent_is_decided_at_the_commit(self, bucket: Bucket) -> None:
        driver = driver_of(bucket)
        upload, parts = staged(bucket, "key", b"ours")
        bucket.put("key", b"theirs")
        absent = WriteOptions(content_type="a/b", metadata={}, if_absent=True)
        with pytest.raises((AlreadyExists, NotFound)):
            driver.commit("key", upload, parts, 0, absent)
        assert bucket.get("key") == b"theirs"

    def test_an_upload_that_was_dropped_is_not_put_together(self, bucket: Bucket) -> None:
        """Of the blocks of a byte that took the place of its own; however young it is."""
        bucket.put("key", b"theirs")
        driver = driver_of(bucket)
        write = WriteOptions(content_type="a/b", metadata={})
        for is_dropped in (True, False):
            upload = driver.begin("key", write)
            part = Part(1, 0, LARGE, zlib.crc32(LARGE))
            parts = [driver.upload_part("key", upload, part)]
            if is_dropped:
                assert bucket.abort_stale_uploads(older_than=0) == 1
                with pytest.raises(NotFound, match="dropped meanwhile"):
                    driver.commit("key", upload, parts, 0, write)
                assert bucket.get("key") == b"theirs"
        driver.commit("key", upload, parts, 0, write)
        assert bucket.get("key") == LARGE

    def test_a_stream_of_unknown_length_has_its_digest(self, bucket: Bucket) -> None:
        """The metadata goes with the commit, when it is known. No file is read twice."""
        half = len(LARGE) // 2
        bucket.put("key", iter([LARGE[:half], LARGE[half:]]))
        checksum = bucket.stat("key").checksum
        assert checksum is not None
        assert checksum.value == f"{zlib.crc32(LARGE):08x}"


class TestCopies:
    @pytest.fixture
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("portable_azure.storage.WHOLE_MAX", 1000)
        monkeypatch.setattr(copying, "BLOCK", 1000)

    @pytest.mark.usefixtures("_small")
    def test_a_large_one_is_put_together_from_blocks(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        body = bytes(range(250)) * 10
        bucket.put("source", body, metadata={"who": "me"}, content_type="x/y")
        proxy.clear()
        info = bucket.copy("source", "target")
        assert bucket.get("target") == body
        found = bucket.stat("target")
        assert (found.metadata, found.content_type) == ({"who": "me"}, "x/y")
        assert (info.size, info.revision) == (2500, found.revision)
        ranges = [each.header("x-ms-source-range") for each in proxy.requests]
        assert {each for each in ranges if each} == {
            "bytes=0-999",
            "bytes=1000-1999",
            "bytes=2000-2499",
        }
        assert not any(each.body_length for each in proxy.requests if each.method == "GET")

    @pytest.mark.usefixtures("_small")
    def test_a_large_source_that_was_replaced(self, bucket: Bucket) -> None:
        """Nothing is published, and nothing is left."""
        bucket.put("source", b"x" * 2500)
        found = driver_of(bucket).stat("source")
        bucket.put("source", b"y" * 2500)
        with pytest.raises(ObjectChanged):
            driver_of(bucket).copy(found, "target", origin=driver_of(bucket))
        assert not bucket.exists("target")
        assert list(driver_of(bucket).uploads("")) == []

    @pytest.mark.usefixtures("_small")
    def test_what_is_under_way_ends_before_a_failed_copy_is_aborted(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        """A block that came after the abort would stay for a week."""
        bucket.put("source", b"x" * 2500)
        refused = error_answer(403, "AuthorizationFailure")
        proxy.add(Fault("status", method="PUT", path="target", answer=refused))
        late = Fault("pass", method="PUT", path="target", before=lambda _: time.sleep(0.2), times=2)
        proxy.add(late)
        with pytest.raises(PortableError):
            bucket.copy("source", "target")
        time.sleep(0.3)
        assert list(driver_of(bucket).uploads("")) == []

    def test_a_source_that_is_gone(self, bucket: Bucket) -> None:
        bucket.put("source", b"x")
        found = driver_of(bucket).stat("source")
        bucket.delete("source")
        with pytest.raises(ObjectChanged):
            driver_of(bucket).copy(found, "target", origin=driver_of(bucket))

    def test_a_url_too_long_for_the_service_is_streamed(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        """2 KiB, and a key of 1,024 bytes takes three."""
        key = "ü" * 500
        bucket.put(key, b"data")
        proxy.clear()
        bucket.copy(key, "target")
        assert bucket.get("target") == b"data"
        assert not any(each.header("x-ms-copy-source") for each in proxy.requests)

    def test_the_source_is_let_in_by_a_signature_for_it_alone(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        bucket.put("source", b"x")
        proxy.clear()
        bucket.copy("source", "target")
        (named,) = [h for h in (r.header("x-ms-copy-source") for r in proxy.requests) if h]
        assert "&sp=r&" in named
        assert "&sr=b&" in named


class TestSigning:
    def test_curl_puts_and_gets(self, bucket: Bucket, sdk: ContainerClient, tmp_path: Path) -> None:
        """With the header that Azure wants of a PUT."""
        (tmp_path / "body").write_bytes(b"by curl")
        put = bucket.sign("a key/ü.txt", method="PUT")
        headers = [part for name, text in put.headers.items() for part in ("-H", f"{name}: {text}")]
        assert put.headers["x-ms-blob-type"] == "BlockBlob"
        curl = ["curl", "-sS", "--fail-with-body", "--noproxy", "*"]
        subprocess.run([*curl, "-T", str(tmp_path / "body"), *headers, put.url], check=True)
        assert sdk.download_blob("a key/ü.txt").readall() == b"by curl"
        got = subprocess.run(
            [*curl, bucket.sign("a key/ü.txt").url], check=True, capture_output=True
        )
        assert got.stdout == b"by curl"

    def test_it_allows_one_thing_to_one_object(self, bucket: Bucket) -> None:
        query = unquote(bucket.sign("key", expires=timedelta(days=7)).url.partition("?")[2])
        assert "sp=r&" in query
        assert "sr=b&" in query


class TestDirectories:
    """Accounts with a hierarchical namespace have some, and Hadoop makes some elsewhere."""

    def test_a_marked_one_is_no_object(self, bucket: Bucket, sdk: ContainerClient) -> None:
        sdk.upload_blob("folder", b"", metadata={"hdi_isfolder": "true"})
        bucket.put("folder/file", b"x")
        assert [each.key for each in bucket.list()] == ["folder/file"]
        assert not bucket.exists("folder")
        with pytest.raises(NotFound, match="directory"):
            bucket.get("folder")

    def test_a_listing_that_says_so(self) -> None:
        """As the service does: https://learn.microsoft.com/rest/api/storageservices/list-blobs"""
        properties = (
            "<Last-Modified>Sun, 22 Nov 2026 10:00:00 GMT</Last-Modified><Etag>0x1</Etag>"
            "<Content-Length>0</Content-Length><ResourceType>{}</ResourceType>"
        )
        blobs = "".join(
            f"<Blob><Name>{name}</Name><Properties>{properties.format(kind)}</Properties></Blob>"
            for name, kind in (("a", "directory"), ("a/b", "file"))
        )
        body = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker /></EnumerationResults>"
        found = page(body.encode())
        assert [each.key for each in found.objects] == ["a/b"]
        assert found.objects[0].revision == '"0x1"'
        assert found.token is None

    def test_a_name_that_xml_cannot_hold(self) -> None:
        """It comes escaped, and says so."""
        body = (
            b'<EnumerationResults><Blobs><BlobPrefix><Name Encoded="true">a%EF%BF%BF/</Name>'
            b"</BlobPrefix></Blobs><NextMarker>more</NextMarker></EnumerationResults>"
        )
        found = page(body)
        assert list(found.prefixes) == ["a\uffff/"]
        assert found.token == "more"
