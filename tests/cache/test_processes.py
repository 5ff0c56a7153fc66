"""One folder, many processes: one download for each object, and nothing left by a killed one."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
import zlib
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from portable.cache import Cache
from portable.storage import Bucket
from portable.testing.drivers import Watch
from tests.cache.looking import files

KIB = 1024
FORK = multiprocessing.get_context("fork")


def content(key: str) -> bytes:
    """Its own checksum leads, so that a mix of two is noticed."""
    body = random.Random(key).randbytes(20 * KIB)
    return zlib.crc32(body).to_bytes(4, "big") + body


def started(target: object, *args: object) -> BaseProcess:
    process = FORK.Process(target=target, args=args, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process


def joined(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def counted(bucket: Bucket, log: Path, *, seconds: float = 0.0) -> Bucket:
    """The bucket; every read of its is a line in a file."""

    def before(name: str, _key: str) -> None:
        if name == "read":
            with log.open("ab") as file:
                file.write(b"read\n")
            time.sleep(seconds)

    return Watch(before=before).on(bucket)


def reads(log: Path) -> int:
    return len(log.read_bytes().splitlines()) if log.exists() else 0


def test_eight_processes_that_ask_at_once_fetch_once(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a", content("a"))
    log, barrier = tmp_path / "log", FORK.Barrier(8)

    def ask() -> None:
        cache = Cache(counted(bucket, log, seconds=0.2), tmp_path / "cache")
        barrier.wait()
        assert cache.get("a") == content("a")

    assert joined([started(ask) for _ in range(8)]) == [0] * 8
    assert reads(log) == 1


@pytest.mark.parametrize("immutable", [False, True])
def test_a_crowd_reads_right_bytes_from_a_cache_that_is_too_small(
    bucket: Bucket, tmp_path: Path, immutable: bool
) -> None:
    keys = [f"{number:02}" for number in range(30)]
    for key in keys:
        bucket.put(key, content(key))
    limit = 10 * len(content("00")) + 5

    def use(seed: int) -> None:
        chance = random.Random(seed)
        cache = Cache(bucket, tmp_path / "cache", max_bytes=limit, immutable=immutable)
        for _ in range(120):
            key = chance.choice(keys)
            with cache.path(key) as path:
                assert path.read_bytes() == content(key)
            assert cache.get(key) == content(key)

    assert joined([started(use, seed) for seed in range(6)]) == [0] * 6
    cache = Cache(bucket, tmp_path / "cache", max_bytes=limit)
    assert 0 < cache.used_bytes() <= limit
    assert not [path for path in files(cache) if path.suffix == ".part"]


def test_readers_see_whole_revisions_while_a_writer_replaces_them(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("a", content("0"))

    def use() -> None:
        cache = Cache(bucket, tmp_path / "cache")
        for _ in range(100):
            data = cache.get("a")
            assert zlib.crc32(data[4:]).to_bytes(4, "big") == data[:4]

    readers = [started(use) for _ in range(4)]
    number = 0
    while any(process.is_alive() for process in readers):
        number += 1
        bucket.put("a", content(str(number)))
        time.sleep(0.002)  # else a reader may find it replaced each time it tries
    assert joined(readers) == [0] * 4
    assert Cache(bucket, tmp_path / "cache").get("a") == content(str(number))


def test_a_killed_download_blocks_nobody_and_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a", content("a"))
    log = tmp_path / "log"

    def stall() -> None:
        Cache(counted(bucket, log, seconds=60), tmp_path / "cache").get("a")

    def ask() -> None:
        assert Cache(bucket, tmp_path / "cache").get("a") == content("a")

    stalling = started(stall)
    while not reads(log):
        time.sleep(0.005)
    waiting = started(ask)
    waiting.join(0.2)
    assert waiting.is_alive()
    assert stalling.pid is not None
    os.kill(stalling.pid, signal.SIGKILL)
    assert joined([waiting]) == [0]
    (path,) = files(Cache(bucket, tmp_path / "cache"))
    assert path.suffix != ".part"


def test_what_a_killed_download_left_makes_room(bucket: Bucket, tmp_path: Path) -> None:
    """Nobody wants that object again, and the cache is full of its part."""
    for key in "ab":
        bucket.put(key, content(key))
    log = tmp_path / "log"
    limit = len(content("a"))

    def stall() -> None:
        Cache(counted(bucket, log, seconds=60), tmp_path / "cache", max_bytes=limit).get("a")

    stalling = started(stall)
    while not reads(log):
        time.sleep(0.005)
    assert stalling.pid is not None
    os.kill(stalling.pid, signal.SIGKILL)
    stalling.join()
    cache = Cache(bucket, tmp_path / "cache", max_bytes=limit)
    assert cache.get("b") == content("b")
    assert cache.used_bytes() == limit
    (path,) = files(cache)
    assert path.suffix != ".part"


def test_a_crowd_that_is_killed_again_and_again_spoils_nothing(
    bucket: Bucket, tmp_path: Path
) -> None:
    keys = [f"{number:02}" for number in range(12)]
    for key in keys:
        bucket.put(key, content(key))
    limit = 5 * len(content("00"))

    def use(seed: int) -> None:
        chance = random.Random(seed)
        cache = Cache(bucket, tmp_path / "cache", max_bytes=limit)
        while True:
            key = chance.choice(keys)
            if cache.get(key) != content(key):
                os._exit(3)

    chance = random.Random(7)
    running = [started(use, seed) for seed in range(4)]
    for seed in range(4, 64):
        time.sleep(chance.random() * 0.03)
        victim = running.pop(chance.randrange(len(running)))
        assert victim.is_alive(), victim.exitcode
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        running.append(started(use, seed))
    for process in running:
        assert process.is_alive(), process.exitcode
        process.kill()
        process.join()
    cache = Cache(bucket, tmp_path / "cache", max_bytes=limit)
    for key in keys:
        assert cache.get(key) == content(key)
    assert cache.used_bytes() <= limit
    assert not [path for path in files(cache) if path.suffix == ".part"]


def test_a_fork_in_the_middle_of_a_download_holds_no_lock(bucket: Bucket, tmp_path: Path) -> None:
    """A child has its parent's open files: the parent's death must be enough."""
    bucket.put("a", content("a"))
    log, child = tmp_path / "log", tmp_path / "child"

    def sleep() -> None:
        child.write_text(str(os.getpid()))
        time.sleep(60)

    def stall() -> None:
        def before(name: str, _key: str) -> None:
            if name == "read":
                started_in_a_fork(sleep)
                log.write_bytes(b"read\n")
                time.sleep(60)

        Cache(Watch(before=before).on(bucket), tmp_path / "cache").get("a")

    stalling = FORK.Process(target=stall)
    stalling.start()
    while not (reads(log) and child.exists() and child.read_text()):
        time.sleep(0.005)
    try:
        assert stalling.pid is not None
        os.kill(stalling.pid, signal.SIGKILL)
        stalling.join()
        asking = started(lambda: Cache(bucket, tmp_path / "cache").get("a"))
        assert joined([asking]) == [0]
    finally:
        os.kill(int(child.read_text()), signal.SIGKILL)


def started_in_a_fork(target: object) -> None:
    if os.fork() == 0:
        target()  # type: ignore[operator]
        os._exit(0)
