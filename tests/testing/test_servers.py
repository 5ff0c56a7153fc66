"""The stand-in servers: what they promise, that nothing stays behind, and moto's checks."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError
from botocore.exceptions import ClientError

from portable.testing.faults import FaultProxy
from portable.testing.servers import (
    AzuriteServer,
    S3Server,
    ServerUnavailable,
    _environments,
    _process,
    azurite,
    client,
    container,
    make_bucket,
    make_container,
    ministack,
    moto_server,
    seaweedfs,
    servers_required,
    skip_or_fail,
)
from portable.testing.servers.checking import digests

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

STARTERS: dict[str, Callable[[], AbstractContextManager[S3Server]]] = {
    "moto": moto_server,
    "ministack": ministack,
    "seaweedfs": seaweedfs,
}
BUCKET = "bucket"
MIB = 1 << 20


def started(stack: ExitStack, name: str) -> S3Server:
    try:
        return stack.enter_context(STARTERS[name]())
    except ServerUnavailable as error:
        skip_or_fail(error)


@pytest.fixture(scope="module", params=sorted(STARTERS))
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    with ExitStack() as stack:
        server = started(stack, request.param)
        make_bucket(server, BUCKET)
        yield server


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


def code(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


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


class TestLife:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where servers put their folders: apart from those of tests that run meanwhile."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        return tmp_path

    @pytest.mark.parametrize("name", sorted(STARTERS))
    def test_nothing_is_left(self, name: str, home: Path) -> None:
        """No process, folder, socket file or open port."""
        with ExitStack() as stack:
            server = started(stack, name)
            assert len(leftovers(home, server.port)) >= 2
        assert leftovers(home, server.port) == []

    @pytest.mark.parametrize(
        ("name", "number"),
        [*((name, signal.SIGKILL) for name in sorted(STARTERS)), ("moto", signal.SIGTERM)],
    )
    def test_nothing_is_left_by_a_test_process_that_is_killed(
        self, name: str, number: int, home: Path
    ) -> None:
        script = (
            f"import time; from portable.testing.servers import {STARTERS[name].__name__} as s\n"
            "with s() as server: print(server.port, flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            port = process.stdout.readline()
            if not port:
                skip_or_fail(ServerUnavailable(process.communicate()[1]))
            process.send_signal(number)
        wait_for(lambda: not leftovers(home, int(port)))

    def test_a_process_that_just_ends_stops_it(self, home: Path) -> None:
        """Without leaving the `with` block."""
        script = (
            "from portable.testing.servers import moto_server\n"
            "context = moto_server(); print(context.__enter__().port)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        if "ServerUnavailable" in done.stderr:
            skip_or_fail(ServerUnavailable(done.stderr))
        assert done.returncode == 0, done.stderr
        assert leftovers(home, int(done.stdout)) == []

    def test_a_fork_does_not_stop_it(self, home: Path) -> None:
        """A child that leaves by way of its exit handlers, or the `with` block, owns nothing."""
        script = (
            "import os, sys, urllib.request as u\n"
            "from portable.testing.servers import moto_server\n"
            "with moto_server() as server:\n"
            "    if not os.fork(): sys.exit()\n"
            "    os.wait(); print(u.urlopen(server.endpoint + '/moto-api/').status)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        if "ServerUnavailable" in done.stderr:
            skip_or_fail(ServerUnavailable(done.stderr))
        assert done.stdout == "200\n", done.stderr
        assert leftovers(home) == []

    def test_one_that_ends_at_once_shows_its_log(self, home: Path) -> None:
        def plan(_port: int, _folder: Path) -> _process.Plan[S3Server]:
            argv = [sys.executable, "-c", "print('no such luck'); raise SystemExit(3)"]
            return _process.Plan(argv, {}, make_ready=refuse)

        with pytest.raises(ServerUnavailable, match=r"code 3\n.*\nno such luck"):
            with _process.running("sham", plan):
                pass
        assert leftovers(home) == []

    def test_one_that_is_never_ready_shows_its_log(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def plan(_port: int, _folder: Path) -> _process.Plan[S3Server]:
            script = "import time; print('waiting', flush=True); time.sleep(60)"
            return _process.Plan([sys.executable, "-c", script], {}, make_ready=refuse)

        monkeypatch.setattr(_process, "START_SECONDS", 1.0)
        with pytest.raises(ServerUnavailable, match=r"(?s)after 1 s: not yet.*waiting"):
            with _process.running("sham", plan):
                pass
        assert leftovers(home) == []

    def test_one_that_ignores_a_request_to_stop_is_killed(self, home: Path) -> None:
        """And so is what it started."""

        def plan(port: int, folder: Path) -> _process.Plan[S3Server]:
            script = (
                "import signal, subprocess, sys, time, pathlib\n"
                "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
                f"pathlib.Path({str(folder / 'ready')!r}).touch(); time.sleep(60)"
            )

            def make_ready() -> S3Server:
                if not (folder / "ready").exists():
                    raise OSError("not yet")
                return S3Server("sham", f"http://127.0.0.1:{port}", "k", "s", "r", False)

            return _process.Plan([sys.executable, "-c", script], {}, make_ready=make_ready)

        with _process.running("sham", plan):
            pass
        assert leftovers(home) == []


def refuse() -> S3Server:
    raise OSError("not yet")


def leftovers(home: Path, port: int = 0) -> list[str]:
    """Folders, processes that run in them, socket files, and *port* if something listens."""
    found = [str(path) for path in home.glob("portable-*")]
    offsets = range(8)
    ports = {port + offset for offset in offsets} | {port + 10_000 + offset for offset in offsets}
    sockets = Path("/tmp").glob("seaweedfs-*.sock")
    found += [str(path) for path in sockets if int(path.stem.rpartition("-")[2]) in ports]
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink().is_relative_to(home):
                found.append(str(entry))
        except OSError:
            pass  # it ended, or is somebody else's
    with socket.socket() as probe:
        if port and probe.connect_ex(("127.0.0.1", port)) == 0:
            found.append(f"port {port}")
    return found


def wait_for(is_true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_true()


@pytest.fixture(scope="module")
def azure() -> Iterator[AzuriteServer]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(azurite())
        except ServerUnavailable as error:
            skip_or_fail(error)
        make_container(server, BUCKET)
        yield server


@pytest.mark.xdist_group("azurite")
class TestAzurite:
    def test_it_stores_and_gives_back(self, azure: AzuriteServer) -> None:
        make_container(azure, BUCKET)
        with container(azure, BUCKET) as client:
            client.upload_blob("ü/a b+c", b"body")
            assert client.download_blob("ü/a b+c").readall() == b"body"

    def test_a_wrong_key_and_a_wrong_digest_are_refused(self, azure: AzuriteServer) -> None:
        other = replace(azure, key=base64.b64encode(b"other").decode())
        with container(other, BUCKET) as client, pytest.raises(HttpResponseError) as caught:
            client.upload_blob("key", b"body")
        assert caught.value.status_code == 403
        assert azure.key not in repr(azure)
        wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}
        with container(azure, BUCKET) as client, pytest.raises(HttpResponseError) as caught:
            client.upload_blob("key", b"body", headers=wrong)
        assert caught.value.status_code == 400
        assert "Md5Mismatch" in str(caught.value)

    def test_queues_answer_there_too(self, azure: AzuriteServer) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{azure.queue_endpoint}?comp=list", timeout=10)
        with caught.value as answer:
            assert "Azurite-Queue" in answer.headers["Server"]

    def test_nothing_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with ExitStack() as stack:
            try:
                server = stack.enter_context(azurite())
            except ServerUnavailable as error:
                skip_or_fail(error)
            assert len(leftovers(tmp_path, server.port)) >= 2
        assert leftovers(tmp_path, server.port) == []


class TestEnvironments:
    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PORTABLE_TEST_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache"

    def test_without_uv_it_says_what_to_install(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(ServerUnavailable, match=r"portable-cloud\[testing\]"):
            _environments.environment("x", ["six"])

    def test_what_cannot_be_installed_gives_the_reason(self, cache: Path) -> None:
        """And leaves nothing that a later call would take for complete."""
        for _ in range(2):
            with pytest.raises(ServerUnavailable, match="no-such-file"):
                _environments.environment("x", ["./no-such-file.whl"])

    def test_many_processes_make_one(self, cache: Path) -> None:
        script = (
            "from portable.testing.servers import _environments as e\n"
            "made = e._make\n"
            "def loud(*arguments): print('made'); made(*arguments)\n"
            "e._make = loud; print(e.environment('x', []))"
        )
        # uv refuses to install nothing, so what it is asked for is left out.
        script = script.replace("e._make = loud", "e._make = loud; e._uv = quiet")
        script = script.replace(
            "def loud", "uv = e._uv\ndef quiet(*a): a[0] == 'venv' and uv(*a)\ndef loud"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        output = "".join(process.communicate()[0] for process in processes)
        assert output.count("made\n") == 1
        assert len({line for line in output.splitlines() if line != "made"}) == 1

    def test_an_unusable_cache_is_a_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("PORTABLE_TEST_CACHE", str(tmp_path / "file"))
        with pytest.raises(ServerUnavailable, match="file"):
            _environments.environment("x", ["six"])

    @pytest.mark.parametrize(
        ("ci", "required", "expected"),
        [("", "", False), ("true", "", True), ("", "1", True), ("", "0", False)],
    )
    def test_required_in_ci(
        self, monkeypatch: pytest.MonkeyPatch, ci: str, required: str, expected: bool
    ) -> None:
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PORTABLE_REQUIRE_SERVERS", required)
        assert servers_required() is expected
        outcome = pytest.fail.Exception if expected else pytest.skip.Exception
        with pytest.raises(outcome, match="why"):
            skip_or_fail(ServerUnavailable("why"))


class TestDigests:
    """Check values: https://reveng.sourceforge.io/crc-catalogue, of ``123456789``."""

    @pytest.mark.parametrize("native", [True, False])
    @pytest.mark.parametrize(
        ("name", "expected"),
        [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
    )
    def test_check_values(
        self, name: str, expected: str, native: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not native:
            monkeypatch.setattr(digests, "native", None)
        assert digests.DIGESTS[name](b"123456789").hex() == expected

    def test_combined_is_that_of_the_whole(self) -> None:
        choose = random.Random(7)
        for _ in range(100):
            first, second = (choose.randbytes(choose.randrange(5000)) for _ in range(2))
            combined = digests.combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second))
            assert combined == zlib.crc32(first + second)


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


PARTS = (b"a" * 5 * MIB, b"b" * 5 * MIB, b"tail")
WHOLE = crc32(b"".join(PARTS))


class TestUploadsAtMoto:
    def begin(self, s3: S3Client, key: str, **options: Any) -> str:
        upload = s3.create_multipart_upload(
            Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC32", **options
        )
        return upload["UploadId"]

    def send_parts(self, s3: S3Client, key: str, upload: str) -> list[Any]:
        named: Any = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        parts: list[Any] = []
        for number, part in enumerate(PARTS, 1):
            sent = s3.upload_part(**named, PartNumber=number, Body=part, ChecksumCRC32=crc32(part))
            parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": crc32(part)})
        return parts

    def complete(
        self, s3: S3Client, key: str, upload: str, parts: list[Any], **options: Any
    ) -> Any:
        return s3.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **options
        )

    def test_the_whole_objects_crc_must_match(self, s3: S3Client) -> None:
        upload = self.begin(s3, "full", ChecksumType="FULL_OBJECT")
        parts = self.send_parts(s3, "full", upload)
        full = {"ChecksumType": "FULL_OBJECT"}
        with pytest.raises(ClientError) as caught:
            self.complete(s3, "full", upload, parts, ChecksumCRC32=crc32(b"other"), **full)
        assert code(caught) == (400, "BadDigest")
        done = self.complete(s3, "full", upload, parts, ChecksumCRC32=WHOLE, **full)
        assert (done["ChecksumCRC32"], done["ChecksumType"]) == (WHOLE, "FULL_OBJECT")
        head = s3.head_object(Bucket=BUCKET, Key="full", ChecksumMode="ENABLED")
        assert (head["ChecksumCRC32"], head["ChecksumType"]) == (WHOLE, "FULL_OBJECT")

    def test_a_checksum_of_checksums_says_so(self, s3: S3Client) -> None:
        upload = self.begin(s3, "composite")
        done = self.complete(s3, "composite", upload, self.send_parts(s3, "composite", upload))
        assert done["ChecksumType"] == "COMPOSITE"
        head = s3.head_object(Bucket=BUCKET, Key="composite", ChecksumMode="ENABLED")
        assert head["ChecksumCRC32"] == done["ChecksumCRC32"]
        assert head["ChecksumCRC32"].endswith("-3")

    def test_parts_sizes_and_kinds_must_match(self, s3: S3Client) -> None:
        upload = self.begin(s3, "odd", ChecksumType="FULL_OBJECT")
        parts = self.send_parts(s3, "odd", upload)
        wrong = [{**parts[0], "ChecksumCRC32": crc32(b"other")}, *parts[1:]]
        with pytest.raises(ClientError, match="InvalidPart"):
            self.complete(s3, "odd", upload, wrong)
        with pytest.raises(ClientError, match="InvalidRequest"):
            self.complete(s3, "odd", upload, parts, MpuObjectSize=1)
        with pytest.raises(ClientError, match="InvalidRequest"):
            self.complete(s3, "odd", upload, parts, ChecksumType="COMPOSITE")

    def test_copied_parts_count(self, s3: S3Client) -> None:
        s3.put_object(Bucket=BUCKET, Key="source", Body=b"0123456789")
        upload = self.begin(s3, "copied", ChecksumType="FULL_OBJECT")
        part = s3.upload_part_copy(
            Bucket=BUCKET,
            Key="copied",
            UploadId=upload,
            PartNumber=1,
            CopySource={"Bucket": BUCKET, "Key": "source"},
            CopySourceRange="bytes=2-5",
        )
        parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
        with pytest.raises(ClientError, match="BadDigest"):
            self.complete(s3, "copied", upload, parts, ChecksumCRC32=crc32(b"0123456789"))
        self.complete(s3, "copied", upload, parts, ChecksumCRC32=crc32(b"2345"))

    def test_conditions_on_the_object_to_be_replaced(self, s3: S3Client) -> None:
        etag = s3.put_object(Bucket=BUCKET, Key="cas", Body=b"old")["ETag"]
        upload = self.begin(s3, "cas")
        parts = self.send_parts(s3, "cas", upload)
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
            with pytest.raises(ClientError) as caught:
                self.complete(s3, "cas", upload, parts, **condition)
            assert code(caught) == (412, "PreconditionFailed")
        self.complete(s3, "cas", upload, parts, IfMatch=etag)
        upload = self.begin(s3, "missing")
        parts = self.send_parts(s3, "missing", upload)
        with pytest.raises(ClientError) as caught:
            self.complete(s3, "missing", upload, parts, IfMatch=etag)
        assert code(caught) == (404, "NoSuchKey")

    def test_an_aborted_upload_is_gone(self, s3: S3Client) -> None:
        upload = self.begin(s3, "gone")
        parts = self.send_parts(s3, "gone", upload)
        s3.abort_multipart_upload(Bucket=BUCKET, Key="gone", UploadId=upload)
        with pytest.raises(ClientError) as caught:
            self.send_parts(s3, "gone", upload)
        assert code(caught) == (404, "NoSuchUpload")
        with pytest.raises(ClientError) as caught:
            self.complete(s3, "gone", upload, parts)
        assert code(caught) == (404, "NoSuchUpload")

    def test_the_time_at_which_an_upload_began(self, s3: S3Client) -> None:
        begun = time.time()
        upload = self.begin(s3, "timed")
        uploads = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="timed")["Uploads"]
        assert [u["UploadId"] for u in uploads] == [upload]
        assert abs(uploads[0]["Initiated"].timestamp() - begun) < 5


class TestCopiesAtMoto:
    def test_conditions_on_the_source(self, s3: S3Client) -> None:
        etag = s3.put_object(Bucket=BUCKET, Key="é source", Body=b"x")["ETag"]
        source: Any = {"Bucket": BUCKET, "Key": "é source"}
        target: Any = {"Bucket": BUCKET, "Key": "target", "CopySource": source}
        conditions: Any = ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag})
        for condition in conditions:
            with pytest.raises(ClientError) as caught:
                s3.copy_object(**target, **condition)
            assert code(caught) == (412, "PreconditionFailed")
        s3.copy_object(**target, CopySourceIfMatch=etag)

    def test_conditions_on_the_target(self, s3: S3Client) -> None:
        s3.put_object(Bucket=BUCKET, Key="from", Body=b"x")
        s3.put_object(Bucket=BUCKET, Key="to", Body=b"y")
        with pytest.raises(ClientError) as caught:
            s3.copy_object(
                Bucket=BUCKET,
                Key="to",
                CopySource={"Bucket": BUCKET, "Key": "from"},
                IfNoneMatch="*",
            )
        assert code(caught) == (412, "PreconditionFailed")


def test_servers_keep_out_of_the_callers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile or an endpoint in the environment changes nothing."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "stale")
    with ExitStack() as stack:
        server = started(stack, "ministack")
        make_bucket(server, BUCKET)
    assert os.environ["AWS_SESSION_TOKEN"] == "stale"
