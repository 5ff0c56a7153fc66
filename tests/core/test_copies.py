"""Copying and moving while others write."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Mapping, Sequence

import pytest

import portable
from portable.errors import (
    DeadlineExceeded,
    InvalidType,
    ObjectChanged,
    PortableError,
    Throttled,
)
from portable.retry import Surroundings
from portable.storage import Bucket
from portable.storage.around import DriverAround
from portable.storage.driver import StorageDriver, StoredObject, WriteOptions
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage


class WrittenBeforeDelete(DriverAround):
    """Another writer stores something new at the last moment before a delete."""

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        write = WriteOptions(content_type="text/plain", metadata={})
        self.inner.put(keys[0], b"newer", zlib.crc32(b"newer"), write)
        return self.inner.delete(keys, if_match=if_match)


def test_a_copy_goes_to_a_bucket_and_to_no_name_of_one() -> None:
    bucket = portable.open_bucket("memory://here")
    with pytest.raises(InvalidType, match=r"to is a bucket, as .* gives it, not str"):
        bucket.copy("a", "b", to="memory://there")  # type: ignore[arg-type]


def test_a_move_never_removes_what_it_did_not_copy() -> None:
    """Even when the source is replaced between the copy and the delete."""
    settings = MemorySettings(name=uuid.uuid4().hex)
    bucket = Bucket(
        lambda: WrittenBeforeDelete(MemoryStorage(settings)), settings, provider="memory"
    )
    bucket.put("source", b"older")
    with pytest.raises(ObjectChanged, match="both are kept") as caught:
        bucket.move("source", "target")
    assert caught.value.operation == "move"
    assert (bucket.get("source"), bucket.get("target")) == (b"newer", b"older")


class BusyOnce(DriverAround):
    """A server that gives up a copy after 500 seconds, the first time."""

    def __init__(self, inner: StorageDriver, clock: list[float]) -> None:
        super().__init__(inner)
        self._clock = clock

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        self._clock[0] += 500.0
        if self._clock[0] < 1000:
            raise Throttled("slow down", retryable=True)
        return super().copy(source, target, origin=origin)


def test_a_copy_on_the_server_has_time_for_all_its_bytes() -> None:
    """As data that passes through has; the deadline is for what is small."""
    settings, clock = MemorySettings(name=uuid.uuid4().hex), [0.0]
    bucket = Bucket(
        lambda: BusyOnce(MemoryStorage(settings), clock),
        settings,
        provider="memory",
        surroundings=Surroundings(clock=lambda: clock[0], sleep=lambda _: None),
    )
    bucket.put("large", bytes(8 * 1024**2))
    bucket.put("small", b"x")
    assert bucket.copy("large", "target").size == 8 * 1024**2
    clock[0] = 0.0
    with pytest.raises(DeadlineExceeded):
        bucket.copy("small", "target")
