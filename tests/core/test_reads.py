"""How reads are put together: one request or many, always one revision, always verified."""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Callable
from itertools import count, pairwise

import pytest

from portable.errors import IntegrityError, ObjectChanged, PreconditionFailed, Unavailable
from portable.retry import Surroundings
from portable.storage import Bucket
from portable.storage.around import DriverAround
from portable.storage.driver import OpenRead, StorageDriver, StoredObject, WriteOptions
from portable.storage.large import SAMPLE_BYTES
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage

MIB = 1024**2
LARGE = os.urandom(40 * MIB + 7)


class Watched(DriverAround):
    """Notes the ranges that are asked for; each body may be spoiled by `spoil`."""

    def __init__(self, inner: StorageDriver) -> None:
        super().__init__(inner)
        self.asked: list[tuple[int, int | None]] = []
        self.spoil: Callable[[OpenRead], OpenRead] = lambda body: body

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        self.asked.append((start, end))
        return self.spoil(super().read(key, start=start, end=end, if_match=if_match))


class Body:
    """An answer that gives only what is left of it."""

    def __init__(self, inner: OpenRead, *, after: int, failure: Exception | None = None) -> None:
        self.info: StoredObject = inner.info
        self._inner = inner
        self._left = after
        self._failure = failure

    def read(self, size: int, /) -> bytes | memoryview:
        if self._left == 0:
            if self._failure is not None:
                raise self._failure
            return b""
        data = self._inner.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._inner.close()


def bucket_and_driver(clock_step: float = 0.0) -> tuple[Bucket, Watched]:
    """A bucket over a watched driver, whose clock goes on by *clock_step* at every look."""
    settings = MemorySettings(name=uuid.uuid4().hex)
    driver = Watched(MemoryStorage(settings))
    ticks = count()
    surroundings = Surroundings(
        clock=lambda: next(ticks) * clock_step, sleep=lambda _: None, random=lambda: 0.5
    )
    bucket = Bucket(lambda: driver, settings, provider="memory", surroundings=surroundings)
    return bucket, driver


def test_a_fast_answer_is_read_on() -> None:
    """One request, however large the object."""
    bucket, driver = bucket_and_driver()
    bucket.put("large", LARGE)
    assert bucket.get("large") == LARGE
    assert driver.asked == [(0, None)]


def test_a_slow_answer_is_helped_by_others() -> None:
    """What is left is read in parts, side by side, each byte asked for once."""
    bucket, driver = bucket_and_driver(clock_step=0.01)
    bucket.put("large", LARGE)
    assert bucket.get("large") == LARGE
    first, *others = driver.asked
    assert first == (0, None)
    assert len(others) >= 3
    others.sort()
    assert all(left[1] == right[0] for left, right in pairwise(others))
    assert others[-1][1] == len(LARGE)


@pytest.mark.parametrize(("pauses", "is_split"), [((MIB,), False), ((MIB, 3 * MIB), True)])
def test_one_pause_of_a_fast_answer_makes_it_no_slow_one(
    pauses: tuple[int, ...], is_split: bool
) -> None:
    """A near server may pause once; what pauses again and again is slow."""
    now, read = 0.0, 0

    class Pausing(Body):
        def read(self, size: int, /) -> bytes | memoryview:
            nonlocal now, read
            data = super().read(size)
            before, read = read, read + len(data)
            now += any(before < pause <= read for pause in pauses)
            return data

    settings = MemorySettings(name=uuid.uuid4().hex)
    driver = Watched(MemoryStorage(settings))
    surroundings = Surroundings(clock=lambda: now, sleep=lambda _: None)
    bucket = Bucket(lambda: driver, settings, provider="memory", surroundings=surroundings)
    bucket.put("large", LARGE)
    driver.spoil = lambda body: Pausing(body, after=len(LARGE))
    assert bucket.get("large") == LARGE
    assert (len(driver.asked) > 1) is is_split


def test_parts_of_two_versions_are_never_mixed() -> None:
    """The object is replaced after the first answer: it is read again from the start."""
    bucket, driver = bucket_and_driver(clock_step=0.01)
    bucket.put("large", LARGE)
    newer = LARGE[::-1]
    answers = count()

    def replace_after_first(body: OpenRead) -> OpenRead:
        if next(answers) == 0:
            driver.inner.put("large", newer, zlib.crc32(newer), _like(body.info))
        return body

    driver.spoil = replace_after_first
    assert bucket.get("large") == newer


def test_an_object_that_is_replaced_all_the_time_is_an_error() -> None:
    """And a caller who asked for one revision is told that it is gone."""
    bucket, driver = bucket_and_driver(clock_step=0.01)
    revision = bucket.put("large", LARGE).revision

    def replace_each_time(body: OpenRead) -> OpenRead:
        driver.inner.put("large", LARGE, zlib.crc32(LARGE), _like(body.info))
        return body

    driver.spoil = replace_each_time
    with pytest.raises(ObjectChanged) as caught:
        bucket.get("large")
    assert caught.value.resource.endswith("/large")
    with pytest.raises(PreconditionFailed):
        bucket.get("large", if_match=revision)


@pytest.mark.parametrize("failure", [None, Unavailable("reset", ambiguous=True)])
@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_body_that_breaks_off_is_read_on_from_there(failure: Exception | None, size: int) -> None:
    """By a range, not from the beginning."""
    bucket, driver = bucket_and_driver()
    data = LARGE[:size]
    bucket.put("key", data)
    answers = count()

    def break_first(body: OpenRead) -> OpenRead:
        return Body(body, after=size // 2, failure=failure) if next(answers) == 0 else body

    driver.spoil = break_first
    assert bucket.get("key") == data
    assert driver.asked == [(0, None), (size // 2, size)]


def test_a_body_that_always_breaks_off_is_given_up() -> None:
    """After as many attempts as are configured."""
    bucket, driver = bucket_and_driver()
    bucket.put("key", b"0123456789")
    driver.spoil = lambda body: Body(body, after=0)
    with pytest.raises(Unavailable, match="10 bytes early"):
        bucket.get("key")
    assert len(driver.asked) == 6


def flipped(body: OpenRead) -> OpenRead:
    """The same answer, one bit of its first byte another."""

    class Flipped(Body):
        def read(self, size: int, /) -> bytes | memoryview:
            data = super().read(size)
            return bytes([data[0] ^ 1]) + data[1:] if data else data

    return Flipped(body, after=2**40)


def test_a_bit_that_flipped_once_is_read_again() -> None:
    """A `get` has given nothing out yet."""
    bucket, driver = bucket_and_driver()
    bucket.put("key", b"0123456789")
    answers = count()
    driver.spoil = lambda body: flipped(body) if next(answers) == 0 else body
    assert bucket.get("key") == b"0123456789"


@pytest.mark.parametrize("clock_step", [0.0, 0.01])
@pytest.mark.parametrize("data", [b"0123456789", LARGE], ids=["small", "large"])
def test_bytes_that_are_wrong_for_good_are_an_error(data: bytes, clock_step: float) -> None:
    """On every way of reading a whole object."""
    bucket, driver = bucket_and_driver(clock_step)
    bucket.put("key", data)
    driver.spoil = flipped
    with pytest.raises(IntegrityError, match="CRC-32"):
        bucket.get("key")
    with bucket.open("key") as file, pytest.raises(IntegrityError, match="CRC-32"):
        file.read()


def test_near_ranges_share_a_request() -> None:
    """And come back in the order asked, overlaps and empty ones included."""
    bucket, driver = bucket_and_driver()
    bucket.put("large", LARGE)
    wanted = [(20 * MIB, 20 * MIB + 5), (100, 200), (150, 60_000), (7, 7), (-3, None)]
    assert bucket.get_ranges("large", wanted) == [LARGE[slice(*pair)] for pair in wanted]
    assert sorted(driver.asked) == [
        (100, 60_000),
        (20 * MIB, 20 * MIB + 5),
        (len(LARGE) - 3, len(LARGE)),
    ]


def test_reading_on_asks_for_ever_larger_blocks() -> None:
    """A jump begins small again: a reader of a few bytes doesn't pay for megabytes."""
    bucket, driver = bucket_and_driver()
    bucket.put("large", LARGE)
    with bucket.open("large") as file:
        file.read(10)
        assert driver.asked == [(0, 512 * 1024)]
        file.seek(30 * MIB)
        file.read(10)
        assert driver.asked[1] == (30 * MIB, 30 * MIB + 256 * 1024)
        file.seek(0)
        assert file.read() == LARGE


def _like(info: StoredObject) -> WriteOptions:
    return WriteOptions(content_type="text/plain", metadata=info.metadata or {})


class Careless(Watched):
    """A server that ignores If-Match, as some do."""

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        return super().read(key, start=start, end=end, if_match=None)


@pytest.mark.parametrize("wanted", [None, (0, 3), (2, None), (-3, None), (-3, -1)])
def test_a_revision_is_compared_here_where_the_server_doesnt(
    wanted: tuple[int | None, int | None] | None,
) -> None:
    """Otherwise a `get` of one revision would return another's bytes."""
    settings = MemorySettings(name=uuid.uuid4().hex)
    bucket = Bucket(lambda: Careless(MemoryStorage(settings)), settings, provider="memory")
    old = bucket.put("key", b"old body").revision
    new = bucket.put("key", b"new body").revision
    with pytest.raises(PreconditionFailed):
        bucket.get("key", range=wanted, if_match=old)
    with pytest.raises(PreconditionFailed), bucket.open("key", if_match=old) as file:
        file.read()
    assert bucket.get("key", range=wanted, if_match=new)


class InPlace:
    """An answer that puts its bytes where they are wanted, and breaks off before the end."""

    def __init__(self, info: StoredObject, data: bytes, room: memoryview, *, after: int) -> None:
        self.info = info
        self._data = data
        self._room = room
        self._position = 0
        self._end = after
        self.closed = 0

    def read(self, size: int, /) -> bytes | memoryview:
        start, end = self._position, min(self._position + size, self._end)
        self._room[start:end] = self._data[start:end]
        self._position = end
        return self._room[start:end]

    def close(self) -> None:
        self.closed += 1


class Long(Watched):
    """A driver with a way of its own for many bytes, which gives only the first *after* of them."""

    def __init__(self, inner: StorageDriver, *, after: int | None) -> None:
        super().__init__(inner)
        self.after = after
        self.asked_long: list[tuple[int, int]] = []
        self.given: list[InPlace] = []

    def read_into(
        self, room: memoryview, info: StoredObject, *, start: int, end: int
    ) -> OpenRead | None:
        self.asked_long.append((start, end))
        if self.after is None:
            return None
        assert len(room) == end - start
        body = InPlace(info, LARGE[start:end], room, after=min(self.after, end - start))
        self.given.append(body)
        return body


def bucket_and_long_driver(after: int | None, data: bytes = LARGE) -> tuple[Bucket, Long]:
    """A bucket with the object "large" over a driver with long reads, near as can be."""
    settings = MemorySettings(name=uuid.uuid4().hex)
    driver = Long(MemoryStorage(settings), after=after)
    surroundings = Surroundings(clock=lambda: 0.0, sleep=lambda _: None)
    bucket = Bucket(lambda: driver, settings, provider="memory", surroundings=surroundings)
    bucket.put("large", data)
    return bucket, driver


def test_a_long_way_on_a_fast_line_is_read_in_the_drivers_own_way_for_it() -> None:
    """Once the line is known to be fast, and to the end."""
    bucket, driver = bucket_and_long_driver(after=len(LARGE))
    assert bucket.get("large") == LARGE
    assert driver.asked == [(0, None)]
    assert driver.asked_long == [(SAMPLE_BYTES, len(LARGE))]
    assert driver.given[0].closed


def test_a_long_read_that_breaks_off_goes_on_in_the_usual_way() -> None:
    """At the next byte, and isn't tried again."""
    bucket, driver = bucket_and_long_driver(after=100_000)
    assert bucket.get("large") == LARGE
    assert driver.asked == [(0, None), (SAMPLE_BYTES + 100_000, len(LARGE))]
    assert len(driver.asked_long) == 1


def test_where_a_driver_has_no_better_way_the_open_answer_is_read_on() -> None:
    bucket, driver = bucket_and_long_driver(after=None)
    assert bucket.get("large") == LARGE
    assert driver.asked == [(0, None)]
    assert len(driver.asked_long) == 1


def test_what_isnt_long_isnt_asked_for_twice() -> None:
    bucket, driver = bucket_and_long_driver(after=len(LARGE), data=LARGE[: 33 * MIB])
    assert bucket.get("large") == LARGE[: 33 * MIB]
    assert driver.asked_long == []
