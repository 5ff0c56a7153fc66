"""Every call does what its blocking twin does, on each provider."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import portable
from portable.aio import AsyncBucket
from portable.aio._threads import THREADS
from portable.errors import AlreadyExists, InvalidArgument, InvalidKey, NotFound
from portable.storage import Bucket
from portable.testing.drivers import Watch

MIB = 1024**2


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(3):
        await asyncio.sleep(0)
        yield b"x" * (4 * MIB)


def test_objects_are_stored_read_copied_and_removed(bucket: Bucket) -> None:
    async def story(aio: AsyncBucket) -> None:
        stored = await aio.put("a/1", b"one", metadata={"step": "7"})
        assert stored.revision == (await aio.stat("a/1")).revision
        assert await aio.get("a/1") == b"one"
        assert await aio.get("a/1", range=(1, None)) == b"ne"
        assert await aio.get_ranges("a/1", [(0, 1), (2, 3)]) == [b"o", b"e"]
        assert (await aio.stat("a/1")).metadata == {"step": "7"}
        await aio.copy("a/1", "a/2")
        await aio.move("a/2", "b/2")
        assert [info.key async for info in aio.list()] == ["a/1", "b/2"]
        assert (await aio.listdir()).prefixes == ["a/", "b/"]
        await aio.delete("b/2")
        assert not await aio.exists("b/2")
        await aio.put("b/3", b"")
        assert (await aio.delete_many(info.key async for info in aio.list("b/"))).deleted == 1
        assert (await aio.delete_prefix("a/")).deleted == 1
        assert [info async for info in aio.list()] == []
        assert await aio.abort_stale_uploads(0) == 0
        await aio.close()

    asyncio.run(story(AsyncBucket(bucket)))


def test_files_are_written_and_read(bucket: Bucket) -> None:
    async def story(aio: AsyncBucket) -> None:
        async with aio.open("text", "w") as text:
            await text.write("eins\nzwei\n")
        assert text.info is not None
        assert text.info.size == 10
        async with aio.open("text", "r") as lines:
            assert [line async for line in lines] == ["eins\n", "zwei\n"]
        writer = await aio.open("large", "wb")
        for _ in range(3):
            await writer.write(b"x" * (4 * MIB))
        assert await writer.tell() == 12 * MIB
        await writer.close()
        async with aio.open("large") as file:
            assert await file.seek(-2, 2) == 12 * MIB - 2
            assert await file.read() == b"xx"
        assert file.closed

    asyncio.run(story(AsyncBucket(bucket)))


def test_a_put_takes_what_comes_asynchronously(bucket: Bucket) -> None:
    seen: list[int] = []

    async def story(aio: AsyncBucket) -> None:
        info = await aio.put("large", chunks(), progress=lambda done, _: seen.append(done))
        assert info.size == 12 * MIB
        assert await aio.get("large") == b"x" * (12 * MIB)

    asyncio.run(story(AsyncBucket(bucket)))
    assert seen == [4 * MIB, 8 * MIB, 12 * MIB]


def test_errors_are_the_same(bucket: Bucket) -> None:
    async def story(aio: AsyncBucket) -> None:
        with pytest.raises(NotFound, match="missing") as caught:
            await aio.get("missing")
        assert caught.value.operation == "get"
        with pytest.raises(NotFound):
            await aio.open("missing")
        await aio.put("a", b"1")
        with pytest.raises(AlreadyExists):
            await aio.put("a", b"2", if_absent=True)
        with pytest.raises(AlreadyExists):
            await aio.put("a", chunks(), if_absent=True)
        with pytest.raises(InvalidKey):
            await aio.put("/a", b"2")
        with pytest.raises(InvalidArgument):
            aio.list(limit=-1)
        assert await aio.get("a") == b"1"

    asyncio.run(story(AsyncBucket(bucket)))


def test_two_hundred_gets_at_once_share_the_threads(bucket: Bucket) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def before(_name: str, _key: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)

    def after(_name: str, _key: str) -> None:
        nonlocal running
        with lock:
            running -= 1

    async def story(aio: AsyncBucket) -> None:
        await aio.put("a", b"1")
        began = time.monotonic()
        assert await asyncio.gather(*(aio.get("a") for _ in range(200))) == [b"1"] * 200
        assert time.monotonic() - began < 10

    asyncio.run(story(AsyncBucket(Watch(before=before, after=after).on(bucket))))
    assert 8 < most <= THREADS == 32


def test_a_listing_is_fetched_a_little_ahead(memory: Bucket) -> None:
    """The page after the one in use, and the one after that; no more."""
    for number in range(4500):
        memory.put(f"{number:05}", b"")
    watch = Watch()

    async def story(aio: AsyncBucket) -> None:
        found = aio.list()
        assert watch.count("list") == 0
        assert (await anext(found)).key == "00000"
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert watch.count("list") == 3
        assert len([info async for info in found]) == 4499

    asyncio.run(story(AsyncBucket(watch.on(memory))))


def test_the_functions_work_on_the_active_profile_of_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task may have a profile of its own: it reaches the thread."""
    monkeypatch.chdir(tmp_path)
    Path("portable.toml").write_text(
        "default = 'one'\n"
        + "".join(
            f"[{name}]\nstorage = '{(tmp_path / name).as_uri()}'\n" for name in ("one", "two")
        )
    )

    async def story(name: str) -> str:
        with portable.profile(name):
            await portable.aio.put("who", name.encode())
            await asyncio.sleep(0.01)
            return (await portable.aio.get("who")).decode()

    async def both() -> tuple[str, str]:
        one, two = await asyncio.gather(story("one"), story("two"))
        return one, two

    assert asyncio.run(both()) == ("one", "two")
    assert portable.open_bucket((tmp_path / "one").as_uri()).get("who") == b"one"


def test_one_bucket_serves_many_loops(bucket: Bucket) -> None:
    """One after the other, and at the same time in threads."""
    aio = AsyncBucket(bucket)

    async def story(number: int) -> bytes:
        await aio.put(f"{number}", b"%d" % number)
        return await aio.get(f"{number}")

    for number in range(3):
        assert asyncio.run(story(number)) == b"%d" % number
    answers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(asyncio.run(story(n)))) for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [b"%d" % number for number in range(5)]
