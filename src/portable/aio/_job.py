"""`AsyncJob`: a job's calls, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from portable.aio._each import each
from portable.aio._listing import Ahead
from portable.aio._threads import ask, finish
from portable.compute import Job, JobResult, TaskResult
from portable.compute.types import JobStatus
from portable.values import Seconds

if TYPE_CHECKING:
    from portable.compute.records import JobRecord


class AsyncJob:
    """A `Job` for asyncio; what a job tells is asked for by a call.

    Cancelled, a call that waits is left at once, and the job goes on.

    Attributes:
        job: The job itself.
    """

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job = job

    def __repr__(self) -> str:
        return f"Async{self.job!r}"

    @property
    def id(self) -> str:
        """As `Job.id`."""
        return self.job.id

    @property
    def name(self) -> str:
        """As `Job.name`."""
        return self.job.name

    async def record(self) -> JobRecord:
        """As `Job.record`."""
        return await ask(lambda: self.job.record)

    async def status(self) -> JobStatus:
        """As `Job.status`."""
        return await ask(lambda: self.job.status)

    async def exit_code(self) -> int | None:
        """As `Job.exit_code`."""
        return await ask(lambda: self.job.exit_code)

    async def cost(self) -> float | None:
        """As `Job.cost`."""
        return await ask(lambda: self.job.cost)

    async def tasks(self) -> tuple[TaskResult, ...]:
        """As `Job.tasks`."""
        return await ask(lambda: self.job.tasks)

    async def wait(self, timeout: Seconds | None = None) -> JobResult:
        """As `Job.wait`."""
        return await ask(partial(self.job.wait, timeout))

    async def result(self, timeout: Seconds | None = None) -> Any:
        """As `Job.result`."""
        return await ask(partial(self.job.result, timeout))

    def logs(self, follow: bool = False, *, task: int | None = None) -> AsyncIterator[str]:
        """As `Job.logs`; its errors are raised when the first line is awaited."""

        def lines() -> Iterator[str]:
            yield from self.job.logs(follow, task=task)

        return each(lines) if follow else Ahead(lines())

    async def cancel(self) -> None:
        """As `Job.cancel`."""
        await finish(self.job.cancel)
