"""More than one CopyObject takes: copied on the server in parts, whole or not at all."""

from __future__ import annotations

import os
from typing import Any

import pytest

from portable.errors import ObjectChanged, PortableError
from portable.storage import Bucket
from portable.testing.faults import Fault, FaultProxy, slow_down

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
    assert [each for each in ranges if each] == [
        "bytes=0-5242879",
        "bytes=5242880-10485759",
        "bytes=10485760-12582911",
    ]
    assert max(each.body_length for each in proxy.requests) < 10_000
    found = bucket.stat("large/target")
    assert (info.revision, info.checksum) == (found.revision, found.checksum)
    assert (found.metadata, found.content_type) == ({"who": "Zoë"}, "x/y")
    assert found.checksum == put.checksum
    assert bucket.get("large/target") == BODY
    assert leftovers(bucket) == 0


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
