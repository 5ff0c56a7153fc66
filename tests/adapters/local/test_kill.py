"""Writers that are killed at any moment: nothing torn, nothing lost that was acknowledged.

PORTABLE_KILLS sets the number of kills, 200 by default, spread over the ways and the works.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from portable.errors import NotFound

from .support import WAYS, Make, Store, forked

KILLS = int(os.environ.get("PORTABLE_KILLS", "200"))
KEYS = ("a", "b/c/d", "b/c/" + "e" * 250)
Work = Callable[[Store, str, int], None]


def body_of(number: int) -> bytes:
    """A body that tells its number and whether it is whole."""
    seed = b"%020d" % number
    content = seed + hashlib.sha256(seed).digest() * (1 + number % 7 * 900)
    return hashlib.sha256(content).digest() + content


def number_of(body: bytes) -> int:
    assert hashlib.sha256(body[32:]).digest() == body[:32], "torn"
    number = int(body[32:52])
    assert body == body_of(number), "torn"
    return number


def put(store: Store, key: str, number: int) -> None:
    store.put(key, body_of(number), metadata={"n": str(number)})


def put_after_delete(store: Store, key: str, number: int) -> None:
    store.delete(key)
    put(store, key, number)


def upload(store: Store, key: str, number: int) -> None:
    body = body_of(number)
    store.upload(key, [body[:20_000], body[20_000:]] if len(body) > 20_000 else [body])


def copy_then_delete(store: Store, key: str, number: int) -> None:
    put(store, key + ".new", number)
    store.copy(key + ".new", key)
    store.delete(key + ".new")


WORKS: dict[str, Work] = {
    "put": put,
    "delete and put": put_after_delete,
    "multipart": upload,
    "copy and delete": copy_then_delete,
}


@pytest.mark.timeout(max(120, KILLS))
@pytest.mark.parametrize("work", WORKS)
def test_a_killed_writer_leaves_whole_acknowledged_objects_only(make: Make, work: str) -> None:
    kills = max(1, KILLS // (len(WAYS) * len(WORKS)))
    random.seed(f"{work} {kills}")
    store = make()
    for number, key in enumerate(KEYS):
        put(store, key, number)
    started = len(KEYS)
    for _ in range(kills):
        acknowledged = killed(store, WORKS[work], started)
        store = make()  # connecting removes what was left
        assert store.leftovers() == []
        for key, number in acknowledged.items():
            found = value(store, key)
            if work == "delete and put" and found is None:
                put(store, key, number)  # the kill came between the two
                continue
            assert found is not None, "lost"
            assert found >= number, "an older one than was acknowledged"
            assert found <= max(acknowledged.values()) + 1
        names = set(KEYS) | {key + ".new" for key in KEYS}
        assert set(store.keys()) <= names
        started = max(acknowledged.values()) + 2
    for key in list(store.keys("")):
        store.delete(key)
    assert store.files() == store.leftovers() == []


def killed(store: Store, work: Work, started: int) -> dict[str, int]:
    """Let a child write until it is killed; return the last acknowledged number of each key."""
    acknowledged = {key: value(store, key) or 0 for key in KEYS}
    reader, writer = os.pipe()

    def write() -> None:
        own = Store(store.root, store.way)
        number = started
        while True:
            work(own, KEYS[number % len(KEYS)], number)
            os.write(writer, b"%020d" % number)
            number += 1

    child = forked(write)
    os.close(writer)
    os.set_blocking(reader, True)
    said = os.read(reader, 20)  # it is at work
    time.sleep(random.uniform(0, 0.012))
    os.kill(child, signal.SIGKILL)
    for number in numbers(reader, said):
        acknowledged[KEYS[number % len(KEYS)]] = number
    os.waitpid(child, 0)
    return acknowledged


def numbers(reader: int, said: bytes) -> Iterator[int]:
    with open(reader, "rb") as pipe:
        said += pipe.read()
    assert len(said) >= 20
    for start in range(0, len(said), 20):
        yield int(said[start : start + 20])


def value(store: Store, key: str) -> int | None:
    try:
        answer = store.driver.read(key, start=0, end=None, if_match=None)
    except NotFound:
        return None
    body = answer.read(1 << 24)
    answer.close()
    number = number_of(body)
    assert answer.info.crc32 is not None, "attributes parted from the data"
    assert answer.info.metadata in ({}, {"n": str(number)})
    return number
