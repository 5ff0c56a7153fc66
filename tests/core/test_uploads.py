"""How writes are put together: one request or parts, nothing visible before the last."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from portable.errors import IntegrityError, InvalidArgument, NoSpace, Unavailable
from portable.retry import Surroundings
from portable.storage import Bucket, Capabilities
from portable.storage.around import DriverAround
from portable.storage.driver import Part, StorageDriver, StoredObject, UploadedPart, WriteOptions
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage

MIB = 1024**2
PART = 8 * MIB


class Watched(DriverAround):
    """Notes what is sent; `fail_part` fails one part."""

    def __init__(self, inner: StorageDriver, **changed: object) -> None:
        super().__init__(inner)
        self._able = replace(inner.capabilities, **changed)  # type: ignore[arg-type]
        self.puts: list[int] = []
        self.parts: list[Part] = []
        self.fail_part: tuple[int, Exception] | None = None
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        return self._able

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        self.puts.append(len(body))
        return super().put(key, body, crc32, write)

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.parts.append(part)
        try:
            if self.fail_part is not None and self.fail_part[0] == part.number:
                raise self.fail_part[1]
            return super().upload_part(key, upload, part)
        finally:
            with self._lock:
                self.at_once -= 1


def bucket_and_driver(concurrency: int = 3, **changed: object) -> tuple[Bucket, Watched]:
    """A bucket over a watched driver."""
    settings = MemorySettings(name=uuid.uuid4().hex, concurrency=concurrency)
    driver = Watched(MemoryStorage(settings), **changed)
    surroundings = Surroundings(sleep=lambda _: None)
    return (
        Bucket(lambda: driver, settings, provider="memory", surroundings=surroundings),
        driver,
    )


def pieces(size: int) -> Iterator[bytes]:
    """So many bytes, a MiB at a time."""
    for start in range(0, size, MIB):
        yield bytes([start // MIB % 251]) * min(MIB, size - start)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART])
def test_what_fits_into_a_part_is_one_request(size: int) -> None:
    """Also when nobody says how much is to come."""
    bucket, driver = bucket_and_driver()
    bucket.put("key", pieces(size))
    with bucket.open("written", "wb") as file:
        file.write(b"".join(pieces(size)))
    assert driver.puts == [size, size]
    assert not driver.parts


@pytest.mark.parametrize("size", [PART + 1, 3 * PART, 5 * PART + 3])
def test_more_goes_in_parts_of_one_size(size: int) -> None:
    """But for the last; offsets and numbers follow one another."""
    bucket, driver = bucket_and_driver()
    bucket.put("key", pieces(size))
    parts = sorted(driver.parts, key=lambda part: part.number)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [part.offset for part in parts] == [PART * n for n in range(len(parts))]
    assert all(len(part.body) == PART for part in parts[:-1])
    assert bucket.get("key") == b"".join(pieces(size))


def test_no_more_parts_are_under_way_than_configured() -> None:
    """Each is memory."""
    bucket, driver = bucket_and_driver(concurrency=2)
    bucket.put("key", pieces(12 * PART))
    assert driver.most_at_once <= 2


def test_a_known_size_chooses_parts_that_are_large_enough() -> None:
    """So that the provider's number of parts holds it all."""
    bucket, driver = bucket_and_driver(parts_max=3)
    bucket.put("key", bytes(60 * MIB))
    assert sorted(len(part.body) for part in driver.parts) == [20 * MIB] * 3


def test_an_unknown_size_that_outgrows_the_parts_is_refused() -> None:
    """And leaves nothing behind."""
    bucket, driver = bucket_and_driver(parts_max=3)
    with pytest.raises(InvalidArgument, match="larger than 3 parts"):
        bucket.put("key", pieces(4 * PART))
    assert not bucket.exists("key")
    assert not list(driver.uploads(""))


def test_more_than_an_object_can_hold_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """By the file's size alone."""
    bucket, driver = bucket_and_driver(parts_max=2, part_max=PART, put_max=PART)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2 * PART + 1)
    with pytest.raises(InvalidArgument, match="more than one object can hold"):
        bucket.put("key", large)
    assert not driver.parts


def test_a_part_that_fails_for_good_ends_the_upload() -> None:
    """What was there before stays, and no parts remain."""
    bucket, driver = bucket_and_driver()
    bucket.put("key", b"old")
    driver.fail_part = (3, NoSpace("full"))
    with pytest.raises(NoSpace) as caught:
        bucket.put("key", pieces(9 * PART))
    assert caught.value.operation == "put"
    assert bucket.get("key") == b"old"
    assert not list(driver.uploads(""))


def test_a_part_that_fails_for_now_is_sent_again() -> None:
    """From its own first byte."""
    bucket, driver = bucket_and_driver()
    driver.fail_part = (2, Unavailable("reset", ambiguous=True))
    sent = 0

    def heal(*_: object) -> None:
        nonlocal sent
        sent += 1
        if sum(part.number == 2 for part in driver.parts) >= 2:
            driver.fail_part = None

    bucket._connection.surroundings = Surroundings(sleep=heal)
    data = b"".join(pieces(3 * PART))
    bucket.put("key", data)
    assert sent >= 1
    assert bucket.get("key") == data


class Interrupted(BaseException):
    """As Ctrl-C is."""


def test_an_interrupt_in_the_source_publishes_nothing() -> None:
    """And drops the parts that were sent."""
    bucket, driver = bucket_and_driver()

    def source() -> Iterator[bytes]:
        yield from pieces(3 * PART)
        raise Interrupted

    with pytest.raises(Interrupted):
        bucket.put("key", source())
    assert not bucket.exists("key")
    assert not list(driver.uploads(""))


def test_a_file_that_changes_meanwhile_is_not_published(tmp_path: Path) -> None:
    """Half of one version and half of another is neither."""
    bucket, driver = bucket_and_driver(concurrency=1)
    path = tmp_path / "file"
    path.write_bytes(bytes(5 * PART))

    def grow(done: int, total: int | None) -> None:
        with path.open("ab") as other:
            other.write(b"more")

    with pytest.raises(IntegrityError, match="written to while"):
        bucket.put("key", path, progress=grow)
    assert not bucket.exists("key")
    assert not list(driver.uploads(""))


@pytest.mark.parametrize("size", [100, 20 * MIB])
def test_a_progress_callback_that_raises_publishes_nothing(size: int) -> None:
    """The call failed, so the object isn't there."""
    bucket, driver = bucket_and_driver()

    def refuse(done: int, total: int | None) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        bucket.put("key", bytes(size), progress=refuse)
    assert not bucket.exists("key")
    assert not list(driver.uploads(""))


@pytest.mark.parametrize("size", [0, 100, 20 * MIB])
def test_progress_ends_at_the_size(size: int) -> None:
    """And only grows."""
    bucket, _ = bucket_and_driver()
    seen: list[tuple[int, int | None]] = []
    bucket.put("key", bytes(size), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


@pytest.mark.parametrize("size", [100, 20 * MIB])
def test_without_native_checksums_the_digest_rides_in_the_metadata(
    tmp_path: Path, size: int
) -> None:
    """Of bytes, of files from where they stand; users don't see it."""
    bucket, driver = bucket_and_driver(checksum="metadata")
    path = tmp_path / "file"
    path.write_bytes(b"head" + b"x" * size)
    with path.open("rb") as file:
        file.seek(4)
        info = bucket.put("key", file)
    assert info.checksum == bucket.put("bytes", b"x" * size).checksum is not None
    assert info.metadata == {}
    assert driver.stat("key").metadata != {}


def test_without_native_checksums_a_long_stream_has_no_digest() -> None:
    """The metadata goes before the parts; what put says is what stat says."""
    bucket, _ = bucket_and_driver(checksum="metadata")
    assert bucket.put("key", pieces(2 * PART)).checksum is None
