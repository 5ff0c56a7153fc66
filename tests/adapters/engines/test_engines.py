"""Two engines, one behaviour: what each call goes by, and that nobody can tell."""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable.errors import (
    EndpointRefused,
    IntegrityError,
    MissingDependency,
    NotFound,
    PortableError,
    PreconditionFailed,
    Unavailable,
    Unsupported,
)
from portable.storage import ObjectInfo
from portable.testing.faults import Fault, FaultProxy, error_answer, too_many_requests
from portable.testing.servers import S3Server, client
from portable_obstore import choice

from .conftest import BUCKET, Open

AGO = datetime(2020, 1, 1, tzinfo=UTC)


def by_obstore(proxy: FaultProxy) -> list[bool]:
    """For each request since the proxy was cleared: was it sent by obstore?"""
    return [
        "boto" not in (request.header("user-agent") or "").lower() for request in proxy.requests
    ]


def same(info: ObjectInfo) -> ObjectInfo:
    """Without what differs from write to write."""
    assert abs(info.last_modified - datetime.now(UTC)) < timedelta(seconds=120)
    return replace(info, last_modified=AGO)


WRITES: dict[str, dict[str, Any]] = {
    "plain": {},
    "described": {"content_type": "text/x; charset=utf-8", "metadata": {"who": "me", "a_1": ""}},
    "unicode": {"metadata": {"who": "Žižek ✓ 日本", "edge": " spaces ", "word": "=?utf-8?b?x?="}},
    "cold": {"storage_class": "STANDARD_IA"},
    "absent": {"if_absent": True},
}


@pytest.mark.parametrize("key", ["a", "f/b.json", "ü/é %41+#?&=~", "sp ace/'\"<>[]{}|^`"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("size", [0, 5, 70_000, 300_000])
def test_a_call_gives_the_same_by_either_engine(
    open_bucket: Open, key: str, write: dict[str, Any], size: int
) -> None:
    """Each engine reads what each has written."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    fast, sdk = open_bucket("fast"), open_bucket("sdk")
    found = []
    for writer in (fast, sdk):
        fast.delete(key)
        found.append(same(writer.put(key, data, **write)))
        for reader in (fast, sdk):
            found += [same(reader.stat(key))]
            assert reader.get(key) == data
            assert reader.get(key, range=(2, 70_001)) == data[2:70_001]
            assert reader.get(key, range=(-3, None)) == data[-3:]
            assert reader.get(key, if_match=found[0].revision) == data
            with reader.open(key) as file:
                assert file.read() == data
    fast.delete(key)
    assert all(info == found[0] for info in found)


@pytest.mark.parametrize("key", ["/lead", "a//b", "a/../b", "./a", "tab\there", "back\\slash"])
def test_a_foreign_key_that_obstore_would_change_goes_by_the_sdk(
    open_bucket: Open, server: S3Server, key: str
) -> None:
    """It strips, refuses or rewrites them."""
    client(server).put_object(Bucket=BUCKET, Key=key, Body=b"foreign")
    try:
        assert open_bucket("fast").get(key) == b"foreign"
    finally:
        client(server).delete_object(Bucket=BUCKET, Key=key)


def test_reads_and_small_puts_go_by_obstore(open_bucket: Open, proxy: FaultProxy) -> None:
    """One request each."""
    bucket = open_bucket()
    bucket.put("a", bytes(1000))
    bucket.get("a")
    bucket.get("a", range=(1, 5))
    assert by_obstore(proxy) == [True] * 3


def test_conditions_large_bodies_and_classes_go_by_the_sdk(
    open_bucket: Open, proxy: FaultProxy
) -> None:
    bucket = open_bucket()
    revision = bucket.put("a", b"1").revision
    proxy.clear()
    bucket.put("a", b"2", if_match=revision)
    bucket.put("a", bytes(300_000))
    bucket.put("a", b"", storage_class="STANDARD_IA")
    assert by_obstore(proxy) == [False] * 3


def test_writes_that_ask_for_encryption_go_by_the_sdk(open_bucket: Open, proxy: FaultProxy) -> None:
    """Only it sees that the server did encrypt."""
    bucket = open_bucket(encryption="AES256")
    bucket.put("a", b"1")
    assert by_obstore(proxy) == [False]
    assert bucket.get("a") == b"1"
    assert by_obstore(proxy) == [False, True]


def test_a_foreign_object_is_proven_by_its_etag(
    open_bucket: Open, proxy: FaultProxy, server: S3Server
) -> None:
    """No second request where the ETag is the MD5 of a small body."""
    client(server).put_object(Bucket=BUCKET, Key="foreign", Body=b"abc")
    assert open_bucket().get("foreign") == b"abc"
    assert by_obstore(proxy) == [True]


def test_a_foreign_object_that_its_etag_cant_prove_is_proven_by_the_servers_checksum(
    open_bucket: Open, proxy: FaultProxy, server: S3Server
) -> None:
    """A large one; the SDK asks for the checksum, obstore brings the bytes."""
    data = bytes(range(256)) * 400
    client(server).put_object(Bucket=BUCKET, Key="foreign", Body=data, ChecksumAlgorithm="CRC32")
    bucket = open_bucket()
    assert bucket.get("foreign") == data
    assert sorted(by_obstore(proxy)) == [False, True]
    proxy.add(Fault("flip_down", method="GET", at=50_000, times=None))
    with pytest.raises(IntegrityError, match="CRC-32"):
        bucket.get("foreign")


@pytest.mark.parametrize("size", [100, 200_000])
def test_a_spoiled_answer_is_noticed_and_read_again(
    open_bucket: Open, proxy: FaultProxy, size: int
) -> None:
    bucket = open_bucket()
    data = bytes(range(100)) * (size // 100)
    bucket.put("a", data)
    proxy.clear()
    proxy.add(Fault("flip_down", method="GET", at=50, times=1))
    assert bucket.get("a") == data
    # In between: another tool may have replaced the content, and the server's digest would tell.
    assert by_obstore(proxy) == [True, False, True, True]


def test_a_spoiled_put_is_refused_by_the_server(open_bucket: Open, proxy: FaultProxy) -> None:
    """The signature holds the body's SHA-256; the put is sent again and is right."""
    bucket = open_bucket()
    proxy.add(Fault("flip_up", method="PUT", at=50, times=1))
    bucket.put("a", bytes(1000))
    assert bucket.get("a") == bytes(1000)
    assert zlib.crc32(bytes(1000)) == int(bucket.stat("a").checksum.value, 16)  # type: ignore[union-attr]


def test_after_a_throttle_the_sdk_hears_when_to_come_back(
    open_bucket: Open, proxy: FaultProxy
) -> None:
    bucket = open_bucket()
    bucket.put("a", b"1")
    proxy.clear()
    proxy.add(Fault("status", answer=too_many_requests(1), times=2))
    assert bucket.get("a") == b"1"
    assert by_obstore(proxy) == [True, False, False]


def test_a_redirect_to_another_host_is_not_followed(open_bucket: Open, proxy: FaultProxy) -> None:
    """obstore would take the session token along."""
    bucket = open_bucket()
    bucket.put("a", b"1")
    with FaultProxy(proxy.port) as stranger:
        location = f"http://localhost:{stranger.port}/{BUCKET}/a"
        proxy.add(Fault("redirect", location=location, times=None))
        with pytest.raises(EndpointRefused, match="redirect"):
            bucket.get("a")
        assert stranger.requests == []


def test_a_body_that_stalls_is_given_up(open_bucket: Open, proxy: FaultProxy) -> None:
    bucket = open_bucket(read_timeout=0.3, attempts=2)
    bucket.put("a", bytes(200_000))
    proxy.add(Fault("stall", method="GET", seconds=2.0, at=100_000, times=None))
    with pytest.raises(Unavailable):
        bucket.get("a")


def test_a_missing_object_and_a_missing_bucket_are_told_apart(open_bucket: Open) -> None:
    with pytest.raises(NotFound) as caught:
        open_bucket().get("missing")
    assert type(caught.value) is NotFound
    with pytest.raises(NotFound, match="bucket"):
        open_bucket(bucket="no-such-bucket-here").get("missing")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.text(max_size=20),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=2),
)
def test_no_argument_makes_obstore_panic(
    open_bucket: Open, text: str, kind: str, metadata: dict[str, str]
) -> None:
    """A panic is no `Exception`, so nothing would catch it."""
    bucket = open_bucket()
    for call in (
        lambda: bucket.get("a", if_match=text),
        lambda: bucket.get(text),
        lambda: bucket.put("panic", b"", content_type=kind, metadata=metadata),
        lambda: bucket.put("panic", b"", storage_class=text),
    ):
        with contextlib.suppress(PortableError, PreconditionFailed):
            call()


def test_a_proxy_in_the_environment_is_the_sdks_business(
    open_bucket: Open, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
    monkeypatch.setenv("http_proxy", proxy.endpoint)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Unsupported, match=r"engines\.md"):
        open_bucket("fast").get("a")


def test_fast_needs_obstore_and_auto_does_not(
    open_bucket: Open, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> object:
        return None if name == "obstore" else object()

    monkeypatch.setattr(choice, "find_spec", find)
    with pytest.raises(MissingDependency, match="pip install"):
        open_bucket("fast").get("a")
    open_bucket("auto").put("a", b"1")
    assert by_obstore(proxy) == [False]


def test_auto_is_the_sdk_where_moto_is_imported(open_bucket: Open, proxy: FaultProxy) -> None:
    import moto  # noqa: F401

    open_bucket("auto").put("a", b"1")
    assert by_obstore(proxy) == [False]


def test_no_secret_is_shown(
    open_bucket: Open, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in an error, its cause included, nor by the driver and what it holds."""
    secret, token = "very-secret-key-material", "very-secret-session-token"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    bucket = open_bucket()
    shown = []
    for fault in (
        Fault("lost", times=None),
        Fault("status", answer=error_answer(500, "InternalError"), times=None),
        Fault("status", answer=error_answer(403, "AccessDenied"), times=None),
    ):
        proxy.clear()
        proxy.add(fault)
        with pytest.raises(PortableError) as caught:
            bucket.get("a")
        shown += [str(caught.value), str(caught.value.__cause__), repr(caught.value.__cause__)]
    driver: Any = bucket._connection.driver
    shown += [repr(driver), repr(driver._store), repr(driver._store.config)]
    assert not [text for text in shown if secret in text or token in text]
