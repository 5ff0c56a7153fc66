"""More than one CopyObject takes: copied on the server in parts, whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from portable.errors import ObjectChanged, PortableError
from portable.interrupt import Interrupted, Interruption
from portable.storage import Bucket
from portable.testing.faults import Fault, FaultProxy, slow_down
from portable_aws.storage import S3Storage

MIB = 1024**2
BODY = os.urandom(MIB) * 12


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portable_aws.storage.COPY_MAX", 6 * MIB)
    monkeypatch.setattr("portable_aws.storage.COPY_PART", 5 * MIB)


def leftovers(bucket: Bucket) -> int:
    return len(list(bucket._connection.driver.uploads("large/")))


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_it_is_the_same_object(open_bucket: Any, proxy: FaultProxy, checksums: str) -> None:
    """Nothing of it comes through here."""
    bucket = open_bucket(checksums=checksums)
    put = bucket.put("large/source", BODY, metadata={"who": "Zoë"}, content_type="x/y")
    proxy.clear()
    info = bucket.copy("large/source", "large/target")
    ranges = [each.header("x-amz-copy-source-range") for each in proxy.requests]
    assert sorted(each for each in ranges if each) == [
        "bytes=0-5242879",
        "bytes=10485760-12582911",
        "bytes=5242880-10485759",
    ]
    assert max(each.body_length for each in proxy.requests) < 10_000
    found = bucket.stat("large/target")
    assert (info.revision, info.checksum) == (found.revision, found.checksum)
    assert (found.metadata, found.content_type) == ({"who": "Zoë"}, "x/y")
    assert found.checksum == put.checksum
    assert bucket.get("large/target") == BODY
    assert leftovers(bucket) == 0


class Watched:
    """Which requests for parts run, and in which order requests end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, together: int) -> None:
        """Hold each part back until *together* of them run, or it is clear that they don't."""
        self._send: Callable[..., Any] = S3Storage._send
        self._together = together
        self._change = threading.Condition()
        self.running = self.most = 0
        self.ended: list[str] = []
        monkeypatch.setattr(S3Storage, "_send", lambda *given, **named: self(*given, **named))

    def __call__(self, driver: S3Storage, operation: str, **asked: Any) -> Any:
        if operation == "upload_part_copy":
            with self._change:
                self.running += 1
                self.most = max(self.most, self.running)
                self._change.notify_all()
                self._change.wait_for(lambda: self.most >= self._together, timeout=2)
        try:
            return self._send(driver, operation, **asked)
        finally:
            with self._change:
                self.running -= operation == "upload_part_copy"
                self.ended.append(operation)


def test_parts_are_copied_side_by_side(open_bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the setting 'concurrency' says, of an object of three parts."""
    bucket = open_bucket(concurrency=2)
    bucket.put("large/source", BODY)
    watched = Watched(monkeypatch, together=2)
    bucket.copy("large/source", "large/target")
    assert watched.most == 2
    assert bucket.get("large/target") == BODY


def test_what_is_under_way_ends_before_a_failed_copy_is_aborted(
    open_bucket: Any, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that came after the abort would stay, and cost money."""
    bucket = open_bucket(concurrency=3)
    bucket.put("large/source", BODY)
    proxy.add(Fault("status", method="PUT", path="large/target", answer=slow_down()))
    proxy.add(Fault("stall", method="PUT", path="large/target", seconds=0.2, times=None))
    watched = Watched(monkeypatch, together=3)
    with pytest.raises(PortableError):
        bucket.copy("large/source", "large/target")
    assert watched.ended[-4:] == ["upload_part_copy"] * 3 + ["abort_multipart_upload"]
    assert leftovers(bucket) == 0


def test_a_copy_in_parts_stops_when_the_call_is_interrupted(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the next part; nothing is left."""
    bucket.delete("large/target")
    bucket.put("large/source", BODY)
    interruption = Interruption()
    begin: Callable[..., str] = S3Storage.begin

    def asked(*given: Any) -> str:
        interruption.ask()
        return begin(*given)

    monkeypatch.setattr(S3Storage, "begin", asked)
    with interruption.heard(), pytest.raises(Interrupted):
        bucket.copy("large/source", "large/target")
    assert not bucket.exists("large/target")
    assert leftovers(bucket) == 0


def test_a_part_grows_where_there_would_be_too_many(
    bucket: Bucket, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 takes 10,000 parts, and objects of more than as many GiB."""
    bucket.put("large/source", BODY)
    driver = bucket._connection.driver
    limits = replace(driver.capabilities, parts_max=2)
    monkeypatch.setattr(driver, "capabilities", limits)
    proxy.clear()
    bucket.copy("large/source", "large/target")
    ranges = {each.header("x-amz-copy-source-range") for each in proxy.requests}
    assert ranges - {None} == {"bytes=0-6291455", "bytes=6291456-12582911"}


def test_a_source_that_was_replaced(bucket: Bucket) -> None:
    """Nothing is published, and nothing is left."""
    bucket.delete("large/target")
    bucket.put("large/source", BODY)
    driver = bucket._connection.driver
    found = driver.stat("large/source")
    bucket.put("large/source", BODY[::-1])
    with pytest.raises(ObjectChanged):
        driver.copy(found, "large/target", origin=driver)
    assert not bucket.exists("large/target")
    assert leftovers(bucket) == 0


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_part_that_fails(open_bucket: Any, proxy: FaultProxy, attempts: int) -> None:
    """Once: the copy is made again. For good: nothing is published, and nothing is left."""
    bucket = open_bucket(attempts=attempts)
    bucket.delete("large/target")
    bucket.put("large/source", BODY)
    part = Fault("status", method="PUT", path="large/target", answer=slow_down(), after=1)
    proxy.add(part)
    if attempts == 1:
        with pytest.raises(PortableError):
            bucket.copy("large/source", "large/target")
        assert not bucket.exists("large/target")
    else:
        bucket.copy("large/source", "large/target")
        assert bucket.get("large/target") == BODY
    assert leftovers(bucket) == 0
