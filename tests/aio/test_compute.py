"""Jobs for asyncio: the same calls, and what cancelling means; real processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portable.aio import compute as module
from portable.aio.compute import AsyncCompute, AsyncInstance, AsyncInstances, AsyncJob
from portable.compute import Compute, Instance, Instances, Job
from portable.errors import (
    InstanceNotFound,
    InvalidArgument,
    JobFailed,
    JobNotFound,
    Unsupported,
)
from portable.testing.targets.local_compute import open_local_compute

PATIENCE_SECONDS = 10.0


@pytest.fixture
def compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compute]:
    monkeypatch.chdir(tmp_path)
    compute = open_local_compute(tmp_path / "machines", tmp_path / "storage", heartbeat=0.2)
    yield compute
    compute.reap(dry_run=False)
    compute.close()


def methods(kind: type) -> dict[str, Callable[..., object]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_")}


TWINS = [
    (name, blocking, awaited)
    for blocking, awaited in (
        (Compute, AsyncCompute),
        (Job, AsyncJob),
        (Instances, AsyncInstances),
        (Instance, AsyncInstance),
    )
    for name in methods(blocking)
]
RETURNS = {
    "Job": "AsyncJob",
    "Instance": "AsyncInstance",
    "Iterator[Instance]": "AsyncIterator[AsyncInstance]",
    "Iterator[T]": "AsyncIterator[T]",
    "Iterator[Job]": "AsyncIterator[AsyncJob]",
    "Iterator[str]": "AsyncIterator[str]",
}
# What a job tells is a property there, and asked for by a call here.
TOLD = ("record", "status", "exit_code", "cost", "tasks")


def test_every_method_has_a_twin() -> None:
    assert methods(AsyncCompute).keys() == methods(Compute).keys()
    assert methods(AsyncJob).keys() == {*methods(Job), *TOLD}
    assert methods(AsyncInstances).keys() == methods(Instances).keys()
    assert methods(AsyncInstance).keys() == methods(Instance).keys()


@pytest.mark.parametrize(("name", "blocking", "awaited"), TWINS)
def test_a_twin_takes_the_same_and_returns_the_same(
    name: str, blocking: type, awaited: type
) -> None:
    signature = inspect.signature(getattr(blocking, name))
    returned = signature.return_annotation
    wanted = signature.replace(return_annotation=RETURNS.get(str(returned), returned))
    twin = getattr(awaited, name)
    assert inspect.signature(twin) == wanted
    assert inspect.iscoroutinefunction(twin) != ("Iterator" in str(returned))
    assert (twin.__doc__ or "").startswith(f"As `{blocking.__name__}.{name}`")
    if awaited is AsyncCompute and name != "close":
        assert getattr(module, name).__func__ is twin
        assert name in module.__all__


@pytest.mark.parametrize("name", TOLD)
def test_what_a_job_tells_is_the_same(name: str) -> None:
    told: Any = inspect.getattr_static(Job, name)
    twin = getattr(AsyncJob, name)
    assert inspect.signature(twin).return_annotation == (
        inspect.signature(told.fget).return_annotation
    )
    assert (twin.__doc__ or "").startswith(f"As `Job.{name}`")


def test_jobs_are_submitted_waited_for_and_told_of(compute: Compute) -> None:
    async def story(aio: AsyncCompute) -> None:
        job = await aio.submit("echo one; echo two; mkdir out; echo 1 > out/a; exit 3", name="all")
        result = await job.wait(30)
        assert (result.status, await job.exit_code()) == ("failed", 3)
        assert (await job.status(), await job.cost()) == ("failed", 0.0)
        assert [task.exit_code for task in await job.tasks()] == [3]
        assert [line async for line in job.logs()] == ["one", "two"]
        assert (await (await aio.job("all")).record()).id == job.name == "all"
        values = await asyncio.gather(*[_value(aio, n) for n in range(3)])
        assert values == [0, 1, 4]
        assert len([each.id async for each in aio.jobs(active=False)]) == 4
        assert await aio.reap() == []
        with pytest.raises(JobNotFound, match="'none'"):
            await aio.job("none")
        with pytest.raises(InvalidArgument, match="no task 1"):
            await anext(aiter(job.logs(task=1)))

    asyncio.run(story(AsyncCompute(compute)))


async def _value(aio: AsyncCompute, n: int) -> object:
    return await (await aio.submit(lambda: n * n)).result(30)


async def _next(lines: AsyncIterator[str]) -> str:
    return await anext(lines)


def test_machines_without_jobs(compute: Compute) -> None:
    """Made, found, waited for and ended, by the place's twin and by a handle's own calls."""

    async def main() -> None:
        instances = AsyncCompute(compute).instances
        made = await instances.create("vm", boot="sleep 60", tags={"team": "a"})
        assert (await made.wait("running")).state == made.info.state == "running"
        assert [each.id async for each in instances.list({"team": "a"})] == [made.id]
        assert [each.id async for each in instances.list({"team": "b"})] == []
        found = await instances.get(made.id)
        assert (await found.refresh()).name == "vm"
        await found.terminate()
        assert (await made.wait("terminated")).state == "terminated"
        await instances.terminate(made.id)
        with pytest.raises(Unsupported):
            await instances.stop(made.id)
        with pytest.raises(InstanceNotFound):
            await instances.get("nope")

    asyncio.run(main())
    assert isinstance(module.instances, AsyncInstances)


def test_a_log_is_followed_while_other_tasks_run(compute: Compute, tmp_path: Path) -> None:
    async def story(aio: AsyncCompute) -> None:
        job = await aio.submit(
            f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo two"
        )
        lines = job.logs(follow=True)
        assert await anext(lines) == "one"
        waiting = asyncio.create_task(_next(lines))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        (tmp_path / "go").touch()
        assert await waiting == "two"
        assert [line async for line in lines] == []

    asyncio.run(story(AsyncCompute(compute)))


async def _all(job: AsyncJob) -> list[str]:
    return [line async for line in job.logs(follow=True)]


@pytest.mark.parametrize("what", ["wait", "logs"])
def test_who_stops_waiting_leaves_the_job_alone(compute: Compute, what: str) -> None:
    """At once; it goes on."""

    async def story(aio: AsyncCompute) -> None:
        job = await aio.submit("echo begun; sleep 30")
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.wait() if what == "wait" else _all(job), 0.3)
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert await job.status() in ("starting", "running")
        await job.cancel()
        assert (await job.wait(30)).status == "cancelled"

    asyncio.run(story(AsyncCompute(compute)))


def test_results_of_map_come_in_order(compute: Compute) -> None:
    async def story(aio: AsyncCompute) -> None:
        assert [n async for n in aio.map(lambda n: n * n, range(4))] == [0, 1, 4, 9]
        assert [n async for n in aio.map(len, [])] == []
        with pytest.raises(JobFailed, match="by zero") as caught:
            async for _ in aio.map(lambda n: 1 // n, [1, 0]):
                pass
        assert caught.value.index == 1

    asyncio.run(story(AsyncCompute(compute)))


@pytest.mark.parametrize("how", ["cancelled", "closed", "left"])
def test_a_map_that_is_stopped_ends_its_job(compute: Compute, how: str) -> None:
    """Before the error comes, or the block ends; one that is just left, by the loop's end."""

    def slow(n: int) -> int:
        time.sleep(60 * n)
        return n

    async def story(aio: AsyncCompute) -> None:
        results = aio.map(slow, [0, 1, 1])
        assert isinstance(results, AsyncGenerator)
        async for n in results:
            assert n == 0
            break
        if how == "closed":
            await results.aclose()
        elif how == "cancelled":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(results)
            (job,) = compute.jobs()
            assert job.status == "cancelled"

    asyncio.run(story(AsyncCompute(compute)))
    (job,) = compute.jobs()
    assert job.status == "cancelled"
    assert [each.info.state for each in compute.instances.list()] in ([], ["terminated"])


def test_a_map_that_is_cancelled_at_its_beginning_leaves_no_job(compute: Compute) -> None:
    async def story(aio: AsyncCompute) -> None:
        for milliseconds in (1, 5, 20, 40):
            first = asyncio.create_task(_next(aio.map(str, range(3))))
            await asyncio.sleep(milliseconds / 1000)
            first.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await first
            assert list(compute.jobs(active=True)) == []

    asyncio.run(story(AsyncCompute(compute)))


def test_a_submit_that_is_cancelled_is_there_or_not(compute: Compute) -> None:
    """Never half: whoever asks again by its name has it."""

    async def story(aio: AsyncCompute) -> None:
        for seconds in (0.0, 0.005, 0.02):
            submitting = asyncio.create_task(aio.submit("echo here", name="one"))
            await asyncio.sleep(seconds)
            submitting.cancel()
            with contextlib.suppress(asyncio.CancelledError):  # it may be faster
                await submitting
            found = [each.id async for each in aio.jobs()]
            assert found == [] or (await (await aio.job("one")).wait(30)).status == "succeeded"
        assert (await (await aio.submit("echo here", name="one")).wait(30)).status == "succeeded"

    asyncio.run(story(AsyncCompute(compute)))
