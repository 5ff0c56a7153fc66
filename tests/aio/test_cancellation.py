"""What a cancelled call leaves: all or nothing, and no work going on behind one's back."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from portable.aio import AsyncBucket
from portable.errors import Unavailable
from portable.storage import Bucket
from portable.testing.drivers import Watch

MIB = 1024**2


class Gate(Watch):
    """Holds the driver's calls of one kind until it is opened."""

    def __init__(self, name: str, *, skip: int = 0) -> None:
        super().__init__(before=self._hold)
        self._name, self._skip = name, skip
        self.reached, self.open = threading.Event(), threading.Event()

    def _hold(self, name: str, _key: str) -> None:
        if name == self._name and self.count(name) > self._skip:
            self.reached.set()
            assert self.open.wait(10)

    async def wait(self) -> None:
        while not self.reached.is_set():
            await asyncio.sleep(0.001)


async def cancelled_at(gate: Gate, call: Coroutine[Any, Any, object]) -> float:
    """Cancel *call* while the driver is at the gate; seconds until it has ended."""
    task = asyncio.create_task(call)
    await gate.wait()
    began = time.monotonic()
    task.cancel()
    threading.Timer(0.1, gate.open.set).start()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - began


def test_a_cancelled_put_has_ended_when_it_returns(bucket: Bucket) -> None:
    """It was on its way: the whole object is there, and at once."""
    gate = Gate("put")

    async def story(aio: AsyncBucket) -> None:
        assert await cancelled_at(gate, aio.put("a", b"whole")) > 0.05
        assert bucket.get("a") == b"whole"

    asyncio.run(story(AsyncBucket(gate.on(bucket))))


def test_a_put_of_many_parts_cancelled_midway_leaves_nothing(bucket: Bucket) -> None:
    bucket.put("a", b"old")
    gate = Gate("upload_part")

    async def story(aio: AsyncBucket) -> None:
        await cancelled_at(gate, aio.put("a", b"x" * (40 * MIB)))
        assert gate.count("commit") == 0
        assert gate.count("abort") == 1
        assert bucket.get("a") == b"old"
        assert list(bucket._connection.driver.uploads(bucket._connection.prefix)) == []

    asyncio.run(story(AsyncBucket(gate.on(bucket))))


def test_a_put_cancelled_at_its_commit_is_all_or_nothing(bucket: Bucket) -> None:
    gate = Gate("commit")

    async def story(aio: AsyncBucket) -> None:
        await cancelled_at(gate, aio.put("a", b"x" * (17 * MIB)))
        assert bucket.get("a") == b"x" * (17 * MIB)

    asyncio.run(story(AsyncBucket(gate.on(bucket))))


def test_a_put_from_a_stream_that_is_cancelled_publishes_nothing(bucket: Bucket) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * (9 * MIB)
        await asyncio.sleep(60)

    async def story(aio: AsyncBucket) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await aio.put("a", stalling())
        assert not bucket.exists("a")
        assert list(bucket._connection.driver.uploads(bucket._connection.prefix)) == []

    asyncio.run(story(AsyncBucket(bucket)))


@pytest.mark.parametrize("ending", [asyncio.CancelledError, KeyError])
def test_a_body_that_ends_badly_publishes_nothing(
    bucket: Bucket, ending: type[BaseException]
) -> None:
    async def body(aio: AsyncBucket, mode: str, data: object) -> None:
        async with aio.open("a", mode) as file:
            await file.write(data)
            raise ending

    async def story(aio: AsyncBucket) -> None:
        for mode, data in (("wb", b"x" * (9 * MIB)), ("w", "text")):
            with pytest.raises(ending):
                await body(aio, mode, data)
        assert not bucket.exists("a")

    asyncio.run(story(AsyncBucket(bucket)))


def test_a_forgotten_writer_publishes_nothing(bucket: Bucket) -> None:
    async def story(aio: AsyncBucket) -> None:
        writer = await aio.open("a", "wb")
        await writer.write(b"x")
        del writer
        gc.collect()
        assert not bucket.exists("a")

    asyncio.run(story(AsyncBucket(bucket)))


def test_a_cancelled_write_ends_the_file(memory: Bucket) -> None:
    gate = Gate("upload_part")

    async def story(aio: AsyncBucket) -> None:
        writer = await aio.open("a", "wb")
        await cancelled_at(gate, writer.write(b"x" * (80 * MIB)))
        with pytest.raises(ValueError, match="closed"):
            await writer.write(b"more")
        assert not memory.exists("a")

    asyncio.run(story(AsyncBucket(gate.on(memory))))


def test_a_cancelled_read_of_a_file_ends_it(memory: Bucket) -> None:
    memory.put("a", b"x" * MIB)
    gate = Gate("read")

    async def story(aio: AsyncBucket) -> None:
        file = await aio.open("a")
        await cancelled_at(gate, file.read())
        with pytest.raises(ValueError, match="closed"):
            await file.read()

    asyncio.run(story(AsyncBucket(gate.on(memory))))


def test_a_cancelled_get_returns_at_once_and_its_thread_reads_no_further(bucket: Bucket) -> None:
    bucket.put("a", b"x" * (40 * MIB))
    gate = Gate("read")
    pieces = 0

    def piece(data: bytes) -> bytes:
        nonlocal pieces
        pieces += 1
        return data

    gate.body = piece

    async def story(aio: AsyncBucket) -> None:
        task = asyncio.create_task(aio.get("a"))
        await gate.wait()
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 8, "it waits for a gate that nobody opens"
        gate.open.set()
        await asyncio.sleep(0.3)

    asyncio.run(story(AsyncBucket(gate.on(bucket))))
    assert pieces == 0
    assert gate.count("read") == 1


def test_a_cancelled_call_is_not_tried_again(memory: Bucket) -> None:
    """Its thread wakes from the pause before the next attempt, and ends."""
    tried = threading.Event()

    def fail(_name: str, _key: str) -> None:
        tried.set()
        raise Unavailable("down", retry_after=30)

    watch = Watch(before=fail)

    async def story(aio: AsyncBucket) -> float:
        task = asyncio.create_task(aio.delete("a"))
        while not tried.is_set():
            await asyncio.sleep(0.001)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(story(AsyncBucket(watch.on(memory)))) < 15
    assert watch.calls == ["delete"]


def test_a_cancelled_delete_prefix_stops_after_its_batch(memory: Bucket) -> None:
    for number in range(50):
        memory.put(f"{number:03}", b"")
    gate = Gate("delete")
    gate.capabilities = {"delete_max": 10}

    async def story(aio: AsyncBucket) -> None:
        await cancelled_at(gate, aio.delete_prefix("0"))
        left = len(list(memory.list()))
        assert left == 40
        await asyncio.sleep(0.05)
        assert len(list(memory.list())) == left

    asyncio.run(story(AsyncBucket(gate.on(memory))))


def test_a_cancelled_upload_of_a_folder_stops(memory: Bucket, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}").write_bytes(b"1")
    gate = Gate("put")

    async def story(aio: AsyncBucket) -> None:
        await cancelled_at(gate, aio.upload(tmp_path))
        stored = len(list(memory.list()))
        assert stored < 40
        await asyncio.sleep(0.05)
        assert len(list(memory.list())) == stored

    asyncio.run(story(AsyncBucket(gate.on(memory))))


def test_calls_that_wait_for_a_thread_never_begin_once_cancelled(memory: Bucket) -> None:
    memory.put("a", b"1")
    gate = Gate("read")

    async def story(aio: AsyncBucket) -> None:
        tasks = [asyncio.create_task(aio.get("a")) for _ in range(100)]
        await gate.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        gate.open.set()
        assert await aio.get("a") == b"1"

    asyncio.run(story(AsyncBucket(gate.on(memory))))
    assert gate.count("read") <= 33


def test_a_cancelled_listing_does_not_look_like_a_short_one(memory: Bucket) -> None:
    memory.put("a", b"1")
    gate = Gate("list")

    async def story(aio: AsyncBucket) -> None:
        found = aio.list()
        await cancelled_at(gate, _next(found))
        with pytest.raises(ValueError, match="cancelled"):
            await anext(found)

    asyncio.run(story(AsyncBucket(gate.on(memory))))


async def _next(found: AsyncIterator[object]) -> object:
    return await anext(found)


def test_a_second_cancel_does_not_cut_the_first_short(memory: Bucket) -> None:
    gate = Gate("put")

    async def story(aio: AsyncBucket) -> None:
        task = asyncio.create_task(aio.put("a", b"whole"))
        await gate.wait()
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert memory.exists("a")

    asyncio.run(story(AsyncBucket(gate.on(memory))))


def test_a_loop_that_ends_takes_its_calls_with_it(memory: Bucket) -> None:
    """`asyncio.run` cancels what still runs: a put ends, then the loop does."""
    gate = Gate("put")

    async def story(aio: AsyncBucket) -> asyncio.Task[object]:
        task: asyncio.Task[object] = asyncio.create_task(aio.put("a", b"whole"))
        await gate.wait()
        threading.Timer(0.05, gate.open.set).start()
        return task

    assert asyncio.run(story(AsyncBucket(gate.on(memory)))).cancelled()
    assert memory.get("a") == b"whole"


def test_threads_end_with_a_loop_that_somebody_holds_on_to(memory: Bucket) -> None:
    async def story() -> asyncio.AbstractEventLoop:
        await AsyncBucket(memory).put("a", b"1")
        return asyncio.get_running_loop()

    loop = asyncio.run(story())
    until = time.monotonic() + 5
    while any(each.name.startswith("portable-aio") for each in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.005)
    assert loop.is_closed()


def test_a_loop_that_is_just_closed_leaves_no_thread(memory: Bucket) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(AsyncBucket(memory).put("a", b"1"))
    loop.close()
    del loop
    gc.collect()
