"""Queues for asyncio: the same calls, handlers on the caller's loop, and what cancelling means."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
import uuid
from collections.abc import Callable

import pytest

from portable.aio import queue as module
from portable.aio.queue import AsyncMessage, AsyncQueue
from portable.errors import InvalidType, LeaseLost
from portable.queue import DeadLetter, Queue
from portable.testing.targets.memory_queue import open_memory_queue

PATIENCE_SECONDS = 5.0


@pytest.fixture
def queue() -> Queue:
    """A queue in memory."""
    return open_memory_queue(f"q{uuid.uuid4().hex[:16]}")


def methods(kind: type) -> dict[str, Callable[..., object]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_")}


BLOCKING, AWAITED = methods(Queue), methods(AsyncQueue)
OTHER = {
    "list[Message]": "list[AsyncMessage]",
    "Iterable[Message]": "Iterable[AsyncMessage]",
    "Callable[[Message], object]": "Callable[[AsyncMessage], Awaitable[object]]",
}


def test_every_method_has_a_twin() -> None:
    assert AWAITED.keys() == BLOCKING.keys()


@pytest.mark.parametrize("name", BLOCKING)
def test_a_twin_takes_the_same_and_returns_the_same(name: str) -> None:
    signature = inspect.signature(BLOCKING[name])
    wanted = signature.replace(
        parameters=[
            each.replace(annotation=OTHER.get(str(each.annotation), each.annotation))
            for each in signature.parameters.values()
        ],
        return_annotation=OTHER.get(str(signature.return_annotation), signature.return_annotation),
    )
    assert inspect.signature(AWAITED[name]) == wanted
    assert (AWAITED[name].__doc__ or "").startswith(f"As `Queue.{name}`")
    if name != "close":
        assert getattr(module, name).__func__ is AWAITED[name]
        assert name in module.__all__


def test_messages_are_sent_received_and_settled(queue: Queue) -> None:
    async def story(aio: AsyncQueue) -> None:
        await aio.create()
        assert await aio.exists()
        id = await aio.send({"n": 1}, attributes={"a": "b"})
        await aio.send_many([b"\xff" * 1_100_000, "poison", "back", "many"])
        by_body = {str(each.body)[:8]: each for each in await aio.receive(5, wait=1)}
        assert by_body["{'n': 1}"].id == id
        assert by_body["{'n': 1}"].attributes == {"a": "b"}
        async with by_body["{'n': 1}"]:
            pass
        async with by_body["poison"]:
            raise DeadLetter("why")
        with pytest.raises(ZeroDivisionError):
            async with by_body["back"]:
                1 / 0  # noqa: B018
        large = by_body[str(b"\xff" * 9)[:8]]
        await large.extend(60)
        assert not large.lease_lost
        assert await aio.ack_many([large, by_body["many"]]) == [True, True]
        assert (await aio.peek())[0].body == "back"
        assert await aio.redrive() == 1
        assert (await aio.stats()).total == 2
        dead = aio.dead_letters
        assert dead is not None
        assert (await dead.stats()).total == 0
        await aio.purge()
        await aio.delete()
        await aio.close()

    asyncio.run(story(AsyncQueue(queue)))


def test_handlers_run_on_the_callers_loop(queue: Queue) -> None:
    queue.send_many([*range(6), "fails"])
    loops: set[object] = set()

    async def handle(message: AsyncMessage) -> None:
        loops.add(asyncio.get_running_loop())
        await message.extend(60)
        if message.body == "fails":
            raise DeadLetter("no")

    async def story() -> None:
        report = await AsyncQueue(queue).consume(handle, concurrency=3, max_messages=7)
        assert (report.handled, report.dead) == (6, 1)
        assert loops == {asyncio.get_running_loop()}

    asyncio.run(story())


def test_functions_are_refused(queue: Queue) -> None:
    async def story() -> None:
        with pytest.raises(InvalidType, match="async def"):
            await AsyncQueue(queue).consume(print)  # type: ignore[arg-type]
        with pytest.raises(InvalidType, match="not a str"):
            await AsyncQueue(queue).ack_many(["x"])  # type: ignore[list-item]

    asyncio.run(story())


def test_a_cancelled_consumer_hands_back_and_is_over(queue: Queue) -> None:
    queue.send_many(range(3))
    begun = asyncio.Event()

    async def handle(_: AsyncMessage) -> None:
        begun.set()
        await asyncio.sleep(60)

    async def story() -> None:
        task = asyncio.create_task(AsyncQueue(queue).consume(handle, concurrency=3, drain=0.2))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert (queue.stats().visible, queue.stats().leased) == (3, 0)


def test_what_a_cancelled_receive_still_gets_is_handed_back(queue: Queue) -> None:
    queue.send("x")
    arrived, go_on = threading.Event(), threading.Event()
    driver = queue._connection.driver
    real = driver.receive

    def receive(limit: int, *, wait: float, lease: float) -> object:
        found = real(limit, wait=wait, lease=lease)
        arrived.set()
        go_on.wait(PATIENCE_SECONDS)
        return found

    driver.receive = receive  # type: ignore[method-assign,assignment]

    async def story() -> None:
        task = asyncio.create_task(AsyncQueue(queue).receive(wait=1))
        while not arrived.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(story())
    until = time.monotonic() + PATIENCE_SECONDS
    while queue.stats().visible != 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert queue.stats().visible == 1


def test_a_long_wait_is_left_at_once(queue: Queue) -> None:
    async def story() -> None:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await AsyncQueue(queue).receive(wait=60)
        assert time.monotonic() - begun < 20

    asyncio.run(story())


def test_a_late_ack_raises_when_asked_to(queue: Queue) -> None:
    queue.send("x")

    async def story() -> None:
        (message,) = await AsyncQueue(queue).receive(lease=0.05)
        await asyncio.sleep(0.1)
        assert message.lease_lost
        with pytest.raises(LeaseLost):
            await message.ack(strict=True)

    asyncio.run(story())
