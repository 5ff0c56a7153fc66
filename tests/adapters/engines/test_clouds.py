"""Google Cloud Storage and Azure by either engine: what goes by which, and that nobody can tell."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from portable.errors import (
    BucketNotFound,
    EndpointRefused,
    IntegrityError,
    NotFound,
    ObjectChanged,
    PortableError,
    PreconditionFailed,
    Unavailable,
    Unsupported,
)
from portable.storage import Bucket
from portable.storage.driver import StoredObject
from portable.testing.faults import Answer, Fault, FaultProxy
from portable_obstore import choice

from .clouds import BUCKET, Cloud

WRITES: Mapping[str, dict[str, Any]] = {
    "plain": {},
    "described": {"content_type": "text/x; charset=utf-8", "metadata": {"who": "me", "a_1": ""}},
    "unicode": {"metadata": {"who": "Žižek ✓ 日本", "edge": " spaces ", "word": "=?utf-8?b?x?="}},
}


def told(bucket: Bucket, key: str, **asked: Any) -> StoredObject:
    """What a read says of the object, but for what obstore doesn't hear."""
    given = {"start": 0, "end": None, "if_match": None, **asked}
    body = bucket._connection.driver.read(key, **given)
    body.close()
    return replace(body.info, storage_class=None)


@pytest.mark.parametrize("key", ["a", "f/b.json", "ü/é %41+#?&=~;", "sp ace/'\"<>[]{}|^`"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("size", [0, 5, 300_000])
def test_a_read_gives_the_same_by_either_engine(
    cloud: Cloud, key: str, write: dict[str, Any], size: int
) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    fast, sdk = cloud.open("fast"), cloud.open("sdk")
    info = fast.put(key, data, **write)
    for bucket in (fast, sdk):
        assert bucket.get(key) == data
        assert bucket.get(key, range=(2, 70_001)) == data[2:70_001]
        assert bucket.get(key, range=(-3, None)) == data[-3:]
        assert bucket.get(key, if_match=info.revision) == data
        with bucket.open(key) as file:
            assert file.read() == data
    assert told(fast, key) == told(sdk, key)
    if size:
        assert told(fast, key, start=1, end=3) == told(sdk, key, start=1, end=3)


def test_reads_go_by_obstore_and_all_else_by_the_sdk(cloud: Cloud) -> None:
    """One request each. No put of obstore's has a digest."""
    bucket = cloud.open()
    bucket.put("a", bytes(1000))
    bucket.put("empty", b"")
    bucket.stat("a")
    list(bucket.list())
    assert cloud.by_obstore() == [False] * 4
    cloud.proxy.clear()
    bucket.get("a")
    bucket.get("a", range=(1, 5))
    assert cloud.by_obstore() == [True] * 2


def test_auto_is_obstore_even_where_moto_is_imported(cloud: Cloud) -> None:
    """Its mocks answer boto3 alone."""
    import moto  # noqa: F401

    bucket = cloud.open("auto")
    bucket.put("a", b"1")
    assert bucket.get("a") == b"1"
    assert cloud.by_obstore() == [False, True]


def test_auto_is_the_sdk_without_obstore(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> object:
        return None if name == "obstore" else object()

    monkeypatch.setattr(choice, "find_spec", find)
    bucket = cloud.open("auto")
    bucket.put("a", b"1")
    assert bucket.get("a") == b"1"
    assert cloud.by_obstore() == [False, False]


def test_a_read_is_of_the_revision_asked_for(cloud: Cloud) -> None:
    bucket = cloud.open()
    first = bucket.put("a", b"1").revision
    bucket.put("a", b"2")
    with pytest.raises(PreconditionFailed):
        bucket.get("a", if_match=first)


def test_a_file_that_is_replaced_while_it_is_read_is_told(cloud: Cloud) -> None:
    bucket = cloud.open()
    bucket.put("a", bytes(2_000_000))
    with bucket.open("a") as file:
        file.read(10)
        bucket.put("a", bytes(2_000_000))
        file.seek(1_900_000)
        with pytest.raises(ObjectChanged):
            file.read(10)


@pytest.mark.parametrize("key", ["a//b", "./a", "tab\there"])
def test_a_foreign_key_that_obstore_would_change_goes_by_the_sdk(cloud: Cloud, key: str) -> None:
    with pytest.raises(NotFound):
        cloud.open().get(key)
    assert cloud.by_obstore() == [False] * len(cloud.proxy.requests)


def test_a_missing_object_and_a_missing_bucket_are_told_apart(cloud: Cloud) -> None:
    """The former in one request."""
    with pytest.raises(NotFound) as caught:
        cloud.open().get("missing")
    assert type(caught.value) is NotFound
    assert cloud.by_obstore() == [True]
    with pytest.raises(BucketNotFound):
        cloud.open(bucket="no-such-bucket-here").get("missing")


@pytest.mark.parametrize("size", [100, 200_000])
def test_a_spoiled_answer_is_noticed_and_read_again(cloud: Cloud, size: int) -> None:
    bucket = cloud.open()
    data = bytes(range(100)) * (size // 100)
    bucket.put("a", data)
    cloud.proxy.clear()
    cloud.proxy.add(Fault("flip_down", method="GET", at=50, times=1))
    assert bucket.get("a") == data
    # In between: another tool may have replaced the content, and the server's digest would tell.
    assert cloud.by_obstore() == [True, False, True, True]
    cloud.proxy.add(Fault("flip_down", method="GET", at=50, times=None))
    with pytest.raises(IntegrityError):
        bucket.get("a")


def test_after_a_throttle_the_sdk_hears_when_to_come_back(cloud: Cloud) -> None:
    bucket = cloud.open()
    bucket.put("a", b"1")
    cloud.proxy.clear()
    cloud.proxy.add(Fault("status", answer=cloud.busy, times=2))
    assert bucket.get("a") == b"1"
    assert cloud.by_obstore() == [True, False, False]


def test_a_redirect_to_another_host_is_not_followed(cloud: Cloud) -> None:
    bucket = cloud.open()
    bucket.put("a", b"1")
    with FaultProxy(cloud.proxy.port) as stranger:
        location = f"http://localhost:{stranger.port}/{BUCKET}/a"
        cloud.proxy.add(Fault("redirect", location=location, times=None))
        with pytest.raises(EndpointRefused, match="redirect"):
            bucket.get("a")
        assert stranger.requests == []


def test_a_body_that_stalls_is_given_up(cloud: Cloud) -> None:
    bucket = cloud.open(read_timeout=0.3, attempts=2)
    bucket.put("a", bytes(200_000))
    cloud.proxy.add(Fault("stall", method="GET", seconds=2.0, at=100_000, times=None))
    with pytest.raises(Unavailable):
        bucket.get("a")


def test_a_server_that_obstore_never_understands_is_the_sdks(cloud: Cloud) -> None:
    """One answer is enough to see: an emulator may leave out what obstore insists on."""
    bucket = cloud.open()
    bucket.put("a", b"1")
    bucket.put("b", b"2")
    cloud.proxy.clear()
    cloud.proxy.add(Fault("status", answer=Answer(200, (), b"who knows")))
    assert [bucket.get("a"), bucket.get("b")] == [b"1", b"2"]
    assert cloud.by_obstore() == [True, False, False]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_in_the_environment_is_the_sdks_business(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, cloud.proxy.endpoint)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Unsupported, match=r"engines\.md"):
        cloud.open("fast").get("a")


@pytest.mark.parametrize(
    "name", ["GOOGLE_SERVICE_ACCOUNT", "SERVICE_ACCOUNT", "AZURE_STORAGE_ENCRYPTION_KEY"]
)
def test_what_only_obstore_would_obey_makes_the_sdk_read(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bucket = cloud.open("auto")
    bucket.put("a", b"1")
    cloud.proxy.clear()
    monkeypatch.setenv(name, "ours@example.com")
    assert bucket.get("a") == b"1"
    assert cloud.by_obstore() == [("AZURE" in name) != (bucket._connection.provider == "azure")]


def test_other_variables_of_obstores_change_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AZURE_CONTAINER_NAME": "other",
        "AZURE_DISABLE_TAGGING": "no boolean",
        "AZURE_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_PROXY_URL": "http://127.0.0.1:9",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": "other",
        "AZURE_STORAGE_TOKEN": "other",
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_USE_FABRIC_ENDPOINT": "true",
        "GOOGLE_APPLICATION_CREDENTIALS": "/there/is/none",
        "GOOGLE_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_BEARER_TOKEN": "other",
        "GOOGLE_BUCKET": "other",
        "GOOGLE_PROXY_URL": "http://127.0.0.1:9",
        "GOOGLE_SKIP_SIGNATURE": "no boolean",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = cloud.open("fast")
    bucket.put("a", b"1")
    cloud.proxy.clear()
    assert bucket.get("a") == b"1"
    assert cloud.by_obstore() == [True]


def test_a_ca_bundle_is_the_sdks_business(cloud: Cloud) -> None:
    """obstore isn't even tried: nothing listens there."""
    endpoint = cloud.settings().endpoint.replace("http:", "https:")  # type: ignore[attr-defined]
    bucket = cloud.open("fast", endpoint=endpoint, ca_bundle=os.devnull)
    with pytest.raises(Unsupported, match=r"engines\.md"):
        bucket.get("a")


@pytest.mark.parametrize("text", ["\0", "ü", '"', "\r\nx: y", "*"])
def test_no_argument_makes_obstore_panic(cloud: Cloud, text: str) -> None:
    """A panic is no `Exception`, so nothing would catch it."""
    bucket = cloud.open()
    with contextlib.suppress(PortableError):
        bucket.get("a", if_match=text)
    with contextlib.suppress(PortableError):
        bucket.get(text)
